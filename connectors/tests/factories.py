"""Connectors, deliveries and dead letters for tests."""
# mypy: disable-error-code="attr-defined, no-untyped-call, untyped-decorator"

from datetime import UTC, datetime
from typing import Any

import factory

from accounts.tests.factories import RowFactory
from connectors.choices import DeliveryState, Stage
from connectors.models import Connector, DeadLetter, Delivery
from events.tests.factories import OriginFactory
from rcaplatform.kit.sealing import seal

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECRET = "a secret only GitHub knows"


class ConnectorFactory(RowFactory[Connector]):
    """A GitHub webhook; ``secrets`` is sealed from ``secret``."""

    class Meta:
        model = Connector
        exclude = ("secret",)

    secret: Any = {"secret": SECRET}
    name = factory.Sequence("connector-{}".format)
    origin = factory.SubFactory(OriginFactory, name=factory.SelfAttribute("..name"))
    kind = "github"
    secrets = factory.LazyAttribute(lambda made: seal(made.secret))


class DeliveryFactory(RowFactory[Delivery]):
    """A ping that waits to be digested."""

    class Meta:
        model = Delivery

    connector = factory.SubFactory(ConnectorFactory)
    key = factory.Sequence("delivery-{}".format)
    event = "ping"
    body = b'{"zen": "Speak like a human."}'
    received_at = NOW
    next_attempt_at = NOW
    state = DeliveryState.PENDING


class DeadLetterFactory(RowFactory[DeadLetter]):
    """Garbage that came as a push."""

    class Meta:
        model = DeadLetter

    connector = factory.SubFactory(ConnectorFactory)
    delivery = factory.SubFactory(
        DeliveryFactory,
        connector=factory.SelfAttribute("..connector"),
        event="push",
        body=b"garbage",
        state=DeliveryState.DEAD,
    )
    stage = Stage.DECODE
    reference = factory.SelfAttribute("delivery.key")
    error = "BadRecord"
    message = "The body is not JSON."
    raw = b"garbage"
