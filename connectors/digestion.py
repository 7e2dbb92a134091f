"""Deeds about kept deliveries: turn them into events in batches, try again what failed, bury what cannot be digested.

Deliveries that are pending and due are the queue. Taking one counts an attempt and moves its next one on, in a
transaction of its own: what a worker takes with it when it dies is taken again later. Only an attempt that ended with
an error of the delivery's own counts as its failure; one that ended with its worker, or with the database, may happen
to any. But what ends so again and again is what kills workers, and does not come back for ever.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Length

from connectors import breakers, notices
from connectors.base import Call, Push, Record, Source
from connectors.choices import DeliveryState, Stage
from connectors.errors import Misconfigured
from connectors.models import Breaker, Connector, Delivery, Halt
from connectors.pipeline import Failure, Outcome, as_dead_letter, digest, open_source
from rcaplatform.kit.errors import Conflict

log = structlog.get_logger(__name__)
BATCH, BATCH_BYTES = 200, 8 * 1024 * 1024
FAILURES, ATTEMPTS = 5, 12
FIRST_WAIT, LONGEST_DEATH_WAIT = timedelta(seconds=10), timedelta(minutes=1)
# What the database says when it goes away, is full or gives up on a statement: not what it says of a delivery.
AWAY = (OperationalError, InterfaceError)
_FRESH = timedelta(seconds=10)


def digest_pending(*, now: datetime) -> int:
    """Take some due deliveries from the queue and digest them; several workers share it.

    New ones come in batches. One that was taken before comes alone, so that it fails alone; after the last attempt
    it becomes a dead letter.

    Returns:
        How many were taken; 0 when none is due.
    """
    taken = _take(now)
    by_connector: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for delivery_id, connector_id in taken:
        by_connector[connector_id].append(delivery_id)
    for ids in by_connector.values():
        try:
            _digest(ids, now)
        except Exception as problem:
            log.exception("deliveries.undigested", deliveries=[str(pk) for pk in ids])
            _failed(ids, problem, now)
    return len(taken)


@transaction.atomic
def _take(now: datetime) -> list[tuple[UUID, UUID]]:
    """Count an attempt of what is due, and say when it is due again if nobody tells how this one ended."""
    due = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        _wanted(), state=DeliveryState.PENDING, next_attempt_at__lte=now
    )
    again = due.filter(attempts__gt=0).order_by("next_attempt_at").defer("body", "headers").first()
    if again:
        taken, attempts, deaths = [(again.pk, again.connector_id)], again.attempts, again.attempts - again.failures
    else:
        taken, attempts, deaths = _bounded(due.filter(attempts=0)), 0, 0
    due_again = now + min(FIRST_WAIT * 2**deaths, LONGEST_DEATH_WAIT)
    Delivery.objects.filter(pk__in=[pk for pk, _ in taken]).update(attempts=attempts + 1, next_attempt_at=due_again)
    return taken


def _bounded(due: QuerySet[Delivery]) -> list[tuple[UUID, UUID]]:
    """Take the oldest, as many as fit into memory together; one always does."""
    taken: list[tuple[UUID, UUID]] = []
    size = 0
    for pk, connector_id, length in due.order_by("id").values_list("pk", "connector_id", Length("body"))[:BATCH]:
        size += length
        if taken and size > BATCH_BYTES:
            break
        taken.append((pk, connector_id))
    return taken


@transaction.atomic
def _digest(ids: Sequence[UUID], now: datetime) -> None:
    """Digest deliveries of one connector that nobody else has digested meanwhile."""
    deliveries = list(_pending(ids))
    if not deliveries:
        return
    if deliveries[0].attempts > ATTEMPTS:
        raise Conflict(f"No worker survived digesting it, {ATTEMPTS} times.")
    connector = deliveries[0].connector
    source = open_source(connector, now)
    told = [(delivery, *_unpacked(source, delivery)) for delivery in deliveries]
    outcomes = iter(
        digest(
            connector=connector,
            source=source,
            records=[record for _, records, _ in told for record in records],
            deliveries={record.reference: delivery for delivery, records, _ in told for record in records},
            now=now,
        )
    )
    for delivery, records, failure in told:
        if failure:
            as_dead_letter(connector, whole(delivery), failure, delivery).save(force_insert=True)
        settle(delivery, list(islice(outcomes, len(records))), now, failure)
    Delivery.objects.bulk_update(deliveries, ["state", "digested_at", "stored", "duplicates"])
    good = [delivery.state != DeliveryState.DEAD for delivery in deliveries]
    breakers.watch_for_poison(connector=connector, outcomes=good, now=now)
    notices.recovered(connector=connector, now=now)
    # One row for all its deliveries: touched rarely, so that workers do not queue for it.
    stale = Q(last_success_at=None) | Q(last_success_at__lt=now - _FRESH) | ~Q(last_error="")
    fine = {"last_success_at": now, "last_heard_at": now, "last_error": "", "failures": 0}
    Connector.objects.filter(stale, pk=connector.pk).update(**fine)


def _pending(ids: Sequence[UUID]) -> QuerySet[Delivery]:
    locked = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).select_related("connector__origin")
    return locked.filter(_wanted(), pk__in=ids, state=DeliveryState.PENDING).order_by("id")


def _wanted() -> Q:
    """What workers may digest now: of connectors that are on and whose breaker nobody holds open."""
    held = Breaker.objects.filter(connector=OuterRef("connector"), held=True)
    return Q(~Exists(held), ~Exists(Halt.objects.all()), connector__enabled=True)


def whole(delivery: Delivery) -> Record:
    """Return a delivery that has yet to be unpacked as a record."""
    body = bytes(delivery.body)
    return Record(reference=delivery.key, value=body, raw=body, kind=delivery.event)


def unpack(source: Source[Any], delivery: Delivery, body: bytes) -> list[Record]:
    """Return what a delivery tells, each part by itself; where there is but one, it is the delivery.

    Raises:
        BadRecord: it cannot be read.
        Misconfigured: its connector takes no deliveries.
    """
    if not isinstance(source, Push):
        raise Misconfigured("This connector takes no deliveries.")
    parts = list(source.unpack(Call(delivery.event, delivery.headers, body, delivery.received_at)))
    if len(parts) == 1:
        ((kind, payload),) = parts
        return [Record(reference=delivery.key, value=payload, raw=body, kind=kind)]
    return [Record.of(f"{delivery.key}#{place}", kind, payload) for place, (kind, payload) in enumerate(parts)]


def _unpacked(source: Source[Any], delivery: Delivery) -> tuple[list[Record], Failure | None]:
    try:
        return unpack(source, delivery, bytes(delivery.body)), None
    except Exception as problem:
        return [], Failure(Stage.UNPACK, problem)


def settle(delivery: Delivery, outcomes: Sequence[Outcome], now: datetime, failure: Failure | None = None) -> None:
    """Note on ``delivery`` what became of its parts; the caller saves."""
    if failure or any(outcome.failure for outcome in outcomes):
        delivery.state = DeliveryState.DEAD
    else:
        ignored = all(outcome.ignored for outcome in outcomes)
        delivery.state = DeliveryState.IGNORED if ignored else DeliveryState.DIGESTED
    delivery.digested_at = now
    delivery.stored += sum(outcome.stored for outcome in outcomes)
    delivery.duplicates += sum(outcome.duplicates for outcome in outcomes)


@transaction.atomic
def _failed(ids: Sequence[UUID], problem: Exception, now: datetime) -> None:
    """Count a failure of its own: 10 s until the next attempt, then four times as long. The last one is buried."""
    deliveries = list(_pending(ids).defer("body", "headers"))
    for delivery in deliveries:
        if not isinstance(problem, AWAY):
            delivery.next_attempt_at = now + FIRST_WAIT * 4**delivery.failures
            delivery.failures += 1
        if delivery.failures >= FAILURES or delivery.attempts >= ATTEMPTS:
            _bury(delivery, problem, now)
    Delivery.objects.bulk_update(deliveries, ["state", "digested_at", "failures", "next_attempt_at"])


def _bury(delivery: Delivery, problem: Exception, now: datetime) -> None:
    """Make a delivery that has had its last attempt a dead letter; the caller saves."""
    failure = Failure(Stage.STORE if isinstance(problem, DatabaseError) else Stage.DECODE, problem)
    letter = as_dead_letter(delivery.connector, whole(delivery), failure, delivery)
    letter.attempts = delivery.attempts
    letter.save(force_insert=True)
    delivery.state, delivery.digested_at = DeliveryState.DEAD, now
    Connector.objects.filter(pk=delivery.connector_id).update(last_error=failure.message[:500])
