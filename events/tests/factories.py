"""Test data: origins and events, written directly so that a test says which row it wants."""
# mypy: disable-error-code="attr-defined, no-untyped-call, untyped-decorator"

from datetime import timedelta

import factory
from django.utils import timezone

from accounts.tests.factories import RowFactory
from events.choices import OriginKind, Severity, Source
from events.dedupe import GLOBAL, dedupe_key
from events.fingerprints import fingerprint
from events.models import Event, Origin
from events.terms import event_keywords


class OriginFactory(RowFactory[Origin]):
    """A connector that tells of events."""

    class Meta:
        model = Origin

    kind = OriginKind.CONNECTOR
    name = factory.Sequence(lambda number: f"origin-{number}")


class EventFactory(RowFactory[Event]):
    """A log error of the service `checkout`, each a minute older than the one before, linked to nothing yet."""

    class Meta:
        model = Event

    origin = factory.SubFactory(OriginFactory)
    source = Source.LOGS
    source_id = factory.Sequence(lambda number: f"record-{number}")
    event_type = "error"
    title = factory.Sequence(lambda number: f"Something happened, number {number}")
    severity = Severity.MEDIUM
    service = "checkout"
    timestamp = factory.Sequence(lambda number: timezone.now() - timedelta(minutes=number))
    received_at = factory.SelfAttribute("timestamp")
    parsed_at = factory.SelfAttribute("received_at")
    dedupe_key = factory.LazyAttribute(
        lambda event: dedupe_key(
            scope=str(event.origin.pk) if event.origin.kind == OriginKind.CONNECTOR else GLOBAL,
            source=event.source,
            source_id=event.source_id,
        )
    )
    keywords = factory.LazyAttribute(
        lambda event: event_keywords(
            title=event.title,
            service=event.service,
            component=event.component,
            environment=event.environment,
            source_id=event.source_id,
            tags=event.tags,
            message=event.message,
            data=event.data,
        )
    )
    fingerprint = factory.LazyAttribute(
        lambda event: fingerprint(
            source=event.source, service=event.service, event_type=event.event_type, title=event.title
        )
    )
    component = ""
    environment = ""
    tags = factory.LazyFunction(list)
    data = factory.LazyFunction(dict)
    message = ""
