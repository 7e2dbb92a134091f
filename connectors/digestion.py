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
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Feature, Switch
from connectors import breakers, notices
from connectors.base import Call, Push, Record, Source
from connectors.choices import DeliveryState, Stage
from connectors.errors import Misconfigured
from connectors.models import Breaker, Connector, Delivery
from connectors.pipeline import Failure, Outcome, as_dead_letter, digest, open_source
from connectors.reception import DIGEST_TASK
from rcaplatform.kit.doorbell import heard, hush, ring_once
from rcaplatform.kit.errors import Conflict

log = structlog.get_logger(__name__)
BATCH, BATCH_BYTES = 200, 8 * 1024 * 1024
FAILURES, ATTEMPTS = 5, 12
FIRST_WAIT, LONGEST_DEATH_WAIT = timedelta(seconds=10), timedelta(minutes=1)
# Seconds in which deliveries may gather after a batch that was not full, and after which a worker lets others get on.
GATHER, SHIFT = 0.05, 60
# What the database says when it goes away, is full or gives up on a statement: not what it says of a delivery.
AWAY = (OperationalError, InterfaceError)
_FRESH = timedelta(seconds=10)
Taken = tuple[UUID, UUID, int]  # the delivery, its connector, which attempt this is
# What workers may digest now: of connectors that are on and whose breaker nobody holds open.
_WANTED = """
    FROM connectors_delivery d
    JOIN connectors_connector c ON c.id = d.connector_id AND c.enabled
    WHERE d.state = 'pending'
        AND NOT EXISTS (SELECT FROM connectors_breaker b WHERE b.connector_id = c.id AND b.held)
        AND NOT EXISTS (SELECT FROM accounts_switch WHERE feature = 'connectors')
"""
# One statement, which is one transaction. A row that somebody else holds is his; what was taken before comes alone.
_TAKE = f"""
WITH again AS (
    SELECT d.id {_WANTED} AND d.next_attempt_at <= %(now)s AND d.attempts > 0
    ORDER BY d.next_attempt_at LIMIT 1 FOR UPDATE OF d SKIP LOCKED
), fresh AS (
    SELECT d.id, octet_length(d.body) AS size {_WANTED}
        AND d.next_attempt_at <= %(now)s AND d.attempts = 0 AND NOT EXISTS (SELECT FROM again)
    ORDER BY d.id LIMIT %(batch)s FOR UPDATE OF d SKIP LOCKED
), sized AS (
    SELECT id, row_number() OVER oldest AS place, sum(size) OVER oldest AS size
    FROM fresh WINDOW oldest AS (ORDER BY id)
), taken AS (
    SELECT id FROM again UNION ALL SELECT id FROM sized WHERE place = 1 OR size <= %(bytes)s
)
UPDATE connectors_delivery d
SET attempts = d.attempts + 1,
    next_attempt_at = %(now)s + LEAST(%(wait)s * power(2, d.attempts - d.failures), %(longest)s)
FROM taken WHERE d.id = taken.id
RETURNING d.id, d.connector_id, d.attempts
"""  # noqa: S608 - no part of it comes from outside
_SETTLE = """
UPDATE connectors_delivery d
SET state = new.state, digested_at = %s, stored = new.stored, duplicates = new.duplicates
FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::int[]) AS new (id, state, stored, duplicates)
WHERE d.id = new.id
"""


def work_off() -> None:
    """Digest until nothing is due, and let some gather in between: a batch costs much the same whatever its size.

    Meanwhile bells are silent, unless a batch was full: then there is enough for one more worker.
    """
    ends = monotonic() + SHIFT
    while monotonic() < ends:
        taken = _digest_batch(timezone.now())
        if len(taken) >= BATCH:
            heard(DIGEST_TASK)
        elif not taken:
            heard(DIGEST_TASK)  # what came before this rang no bell
            if not digest_pending(now=timezone.now()):
                return
        elif all(attempts == 1 for _, _, attempts in taken):
            hush(DIGEST_TASK)
            sleep(GATHER)
    heard(DIGEST_TASK)
    ring_once(DIGEST_TASK)


def digest_pending(*, now: datetime) -> int:
    """Take some due deliveries from the queue and digest them; several workers share it.

    New ones come in batches. One that was taken before comes alone, so that it fails alone; after the last attempt
    it becomes a dead letter.

    Returns:
        How many were taken; 0 when none is due.
    """
    return len(_digest_batch(now))


def _digest_batch(now: datetime) -> list[Taken]:
    taken = _take(now)
    by_connector: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for delivery_id, connector_id, _ in taken:
        by_connector[connector_id].append(delivery_id)
    for ids in by_connector.values():
        try:
            _digest(ids, now)
        except Exception as problem:
            log.exception("deliveries.undigested", deliveries=[str(pk) for pk in ids])
            _failed(ids, problem, now)
    return taken


def _take(now: datetime) -> list[Taken]:
    """Count an attempt of what is due, and say when it is due again if nobody tells how this one ended.

    Of new ones the oldest, as many as fit into memory together; one always does.
    """
    limits: dict[str, Any] = {"batch": BATCH, "bytes": BATCH_BYTES, "wait": FIRST_WAIT, "longest": LONGEST_DEATH_WAIT}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, limits | {"now": now})
        return sorted(cursor.fetchall())


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
    _settled(deliveries, now)
    good = [delivery.state != DeliveryState.DEAD for delivery in deliveries]
    breakers.watch_for_poison(connector=connector, outcomes=good, now=now)
    notices.recovered(connector=connector, now=now)
    # One row for all its deliveries: touched rarely, so that workers do not queue for it.
    if connector.last_error or not connector.last_success_at or connector.last_success_at < now - _FRESH:
        fine = {"last_success_at": now, "last_heard_at": now, "last_error": "", "failures": 0}
        Connector.objects.filter(pk=connector.pk).update(**fine)


def _settled(deliveries: Sequence[Delivery], now: datetime) -> None:
    """Write down what became of deliveries, in one statement however many they are."""
    columns = zip(*((one.pk, str(one.state), one.stored, one.duplicates) for one in deliveries), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, [now, *map(list, columns)])


def _pending(ids: Sequence[UUID]) -> QuerySet[Delivery]:
    locked = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).select_related("connector__origin")
    return locked.filter(_wanted(), pk__in=ids, state=DeliveryState.PENDING).order_by("id")


def _wanted() -> Q:
    """What workers may digest now: of connectors that are on and whose breaker nobody holds open."""
    held = Breaker.objects.filter(connector=OuterRef("connector"), held=True)
    return Q(~Exists(held), ~Exists(Switch.objects.filter(feature=Feature.CONNECTORS)), connector__enabled=True)


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
