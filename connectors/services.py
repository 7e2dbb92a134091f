"""Deeds about connectors and deliveries: connect, take in, digest, replay."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.models import User
from connectors.base import Push, Record
from connectors.choices import DeadLetterState, DeliveryState, Stage
from connectors.errors import Misconfigured
from connectors.models import Connector, DeadLetter, Delivery
from connectors.pipeline import Tally, digest, open_source
from connectors.registry import is_pulled, source_kind
from events.choices import OriginKind
from events.services import origin_named
from rcaplatform.kit.doorbell import ring
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.sealing import seal

DIGEST_TASK = "connectors.digest_delivery"
_KEPT_HEADERS = ("content-type", "user-agent")


@transaction.atomic
def connect(
    *, name: str, kind: str, values: Mapping[str, Any], actor: User | None, now: datetime, interval: int = 60
) -> Connector:
    """Make a connector; one that is polled is due at once.

    Raises:
        Misconfigured: the kind is unknown or a setting wrong; ``fields`` names it.
        Conflict: the name is taken.
    """
    source = source_kind(kind)
    source.Config.read(values)
    if Connector.objects.filter(name=name).exists():
        raise Conflict(f"There is a connector called {name} already.", fields={"name": "Taken."})
    hidden = source.Config.secret_names()
    connector = Connector(
        name=name,
        kind=kind,
        origin=origin_named(name, OriginKind.CONNECTOR),
        config={key: value for key, value in values.items() if key not in hidden},
        secrets=seal({key: value for key, value in values.items() if key in hidden}),
        interval=interval,
        next_poll_at=now if is_pulled(kind) else None,
    )
    connector.full_clean()
    connector.save(force_insert=True)
    audit.record(actor=actor, verb="connect", target=connector, change={"kind": [None, kind]})
    return connector


@transaction.atomic
def switch(*, connector: Connector, enabled: bool, actor: User, now: datetime) -> None:
    """Turn a connector off at once, or on again and due."""
    due = now if enabled and is_pulled(connector.kind) else None
    Connector.objects.filter(pk=connector.pk).update(enabled=enabled, next_poll_at=due, lease_until=None)
    audit.record(actor=actor, verb="enable" if enabled else "disable", target=connector)


def receive(*, connector: Connector, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[Delivery, bool]:
    """Keep a genuine delivery as it came and wake a worker; understanding it comes later.

    Returns:
        The delivery, and whether it is new; a delivery sent again is the one kept before.

    Raises:
        Forged: its signature does not match; nothing is kept.
    """
    source = open_source(connector, now)
    if not isinstance(source, Push):
        raise Misconfigured(f"{connector.name} is polled; it takes no deliveries.")
    envelope = source.verify(headers, body)
    with transaction.atomic():
        delivery, new = Delivery.objects.get_or_create(
            connector=connector,
            key=envelope.key,
            defaults={
                "event": envelope.event,
                "headers": {name: headers[name] for name in _KEPT_HEADERS if name in headers},
                "body": body,
                "received_at": now,
            },
        )
        if new:
            ring(DIGEST_TASK, str(delivery.pk))
    return delivery, new


@transaction.atomic
def digest_delivery(*, delivery_id: str, now: datetime) -> Tally | None:
    """Turn a kept delivery into events, once.

    Returns:
        What became of it, or None when it was digested already or another worker is at it.
    """
    pending = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).select_related("connector__origin")
    delivery = pending.filter(pk=delivery_id, state=DeliveryState.PENDING).first()
    if delivery is None:
        return None
    connector = delivery.connector
    record = Record(reference=delivery.key, value=(delivery.event, bytes(delivery.body)), raw=bytes(delivery.body))
    source = open_source(connector, now)
    tally = digest(connector=connector, source=source, records=[record], delivery=delivery, now=now)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=_state(tally),
        digested_at=now,
        attempts=F("attempts") + 1,
        stored=tally.stored,
        duplicates=tally.duplicates,
    )
    return tally


def _state(tally: Tally) -> DeliveryState:
    if tally.dead:
        return DeliveryState.DEAD
    return DeliveryState.DIGESTED if tally.stored or tally.duplicates else DeliveryState.IGNORED


def left_behind(*, now: datetime, after: timedelta, limit: int) -> list[str]:
    """Return the ids of deliveries that came before ``now - after`` and that no worker has digested, oldest first."""
    pending = Delivery.objects.filter(state=DeliveryState.PENDING, connector__enabled=True, received_at__lt=now - after)
    return [str(pk) for pk in pending.order_by("id").values_list("pk", flat=True)[:limit]]


@transaction.atomic
def retry(*, dead_letter: DeadLetter, actor: User | None, now: datetime) -> DeadLetter:
    """Try an item again, as after a mended decoder: it becomes events, or keeps its place with the newest error.

    Raises:
        Conflict: it was retried or discarded meanwhile.
        Misconfigured: the connector cannot be opened.
    """
    locked = DeadLetter.objects.select_for_update(of=("self",)).select_related("connector__origin", "delivery")
    letter = locked.get(pk=dead_letter.pk)
    if letter.state != DeadLetterState.OPEN:
        raise Conflict(f"This dead letter is {letter.state} already.")
    connector = letter.connector
    source = open_source(connector, now)
    value: Any = (letter.delivery.event, bytes(letter.raw)) if letter.delivery else bytes(letter.raw)
    record = Record(reference=letter.reference, value=value, raw=bytes(letter.raw))
    letter.attempts += 1
    try:
        with transaction.atomic():
            DeadLetter.objects.filter(pk=letter.pk).update(state=DeadLetterState.REPLAYED)
            tally = digest(connector=connector, source=source, records=[record], delivery=letter.delivery, now=now)
            if tally.dead:
                raise _StillDead  # noqa: TRY301 - rolls the savepoint back
    except _StillDead:
        letter.message = _why(source, record)
    else:
        letter.state, letter.resolved_at = DeadLetterState.REPLAYED, now
    letter.save(update_fields=["attempts", "message", "state", "resolved_at"])
    audit.record(actor=actor, verb="retry", target=letter, change={"state": [DeadLetterState.OPEN, letter.state]})
    return letter


class _StillDead(Exception):
    """Rolls back a retry that failed again."""


def _why(source: Any, record: Record) -> str:
    try:
        list(source.decode(record))
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
    return f"The {Stage.STORE} stage refused it again."


@transaction.atomic
def discard(*, dead_letter: DeadLetter, actor: User, now: datetime) -> None:
    """Give an item up; it stays on record until retention removes it."""
    opened = DeadLetter.objects.filter(pk=dead_letter.pk, state=DeadLetterState.OPEN)
    if opened.update(state=DeadLetterState.DISCARDED, resolved_at=now):
        audit.record(actor=actor, verb="discard", target=dead_letter)
