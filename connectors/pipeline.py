"""Deeds of the engine: from records to stored events, dead letters and a moved cursor, in one transaction a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DataError, transaction
from django.utils import timezone

from connectors.base import Cursor, Pull, Record, Source
from connectors.choices import Stage
from connectors.errors import Misconfigured, SourceUnavailable
from connectors.models import Connector, DeadLetter, Delivery
from connectors.registry import source_kind
from events.drafts import EventDraft
from events.services import store
from rcaplatform.kit.errors import Conflict, DomainError
from rcaplatform.kit.realtime import publish
from rcaplatform.kit.sealing import unseal

log = structlog.get_logger(__name__)
LEASE = timedelta(minutes=5)
BACKOFF_LIMIT = timedelta(minutes=15)
MAX_MESSAGE = 2_000


@dataclass(slots=True)
class Tally:
    """What became of the records of a poll or a delivery."""

    stored: int = 0
    duplicates: int = 0
    ignored: int = 0
    dead: int = 0

    def add(self, other: "Tally") -> None:
        """Count another page in."""
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.ignored += other.ignored
        self.dead += other.dead


def open_source(connector: Connector, now: datetime) -> Source[Any]:
    """Return the source that ``connector`` configures.

    Raises:
        Misconfigured: a setting is wrong.
        Unavailable: its secrets cannot be unsealed.
    """
    kind = source_kind(connector.kind)
    config = kind.Config.read({**connector.config, **unseal(connector.secrets)})
    workspace = Path(settings.DATA_DIR) / "connectors" / str(connector.pk)
    return kind(config, workspace=workspace, now=now)


def poll(*, connector: Connector, now: datetime) -> Tally | None:
    """Read what is new and store it, page by page; a page's events and its cursor stand or fall together.

    Returns:
        What became of the records, or None when another worker holds the lease or the connector is off.

    Raises:
        Misconfigured, SourceUnavailable: the connector's state says so too, and when it is tried again.
    """
    if not _claim(connector, now):
        return None
    tally = Tally()
    try:
        source = _pulled(connector, now)
        for page in source.read(connector.cursor):
            tally.add(digest(connector=connector, source=source, records=page.records, cursor=page.cursor, now=now))
    except Exception as problem:
        _failed(connector, problem, now)
        raise
    _succeeded(connector, now)
    return tally


def _pulled(connector: Connector, now: datetime) -> Pull[Any]:
    source = open_source(connector, now)
    if not isinstance(source, Pull):
        raise Misconfigured(f"{connector.name} is not polled: its source calls /hooks/{connector.name}.")
    return source


def digest(
    *,
    connector: Connector,
    source: Source[Any],
    records: Sequence[Record],
    now: datetime,
    cursor: Cursor | None = None,
    delivery: Delivery | None = None,
) -> Tally:
    """Decode and store records; keep what cannot be decoded or stored as dead letters; move the cursor with them.

    Raises:
        Conflict: the lease was lost or the connector switched off meanwhile; nothing of this page is kept.
    """
    drafts, dead, ignored = _decode(source, records)
    with transaction.atomic():
        tally = _store(connector, drafts, dead, now)
        DeadLetter.objects.bulk_create(
            [_dead_letter(connector, delivery, record, stage, problem) for record, stage, problem in dead],
            ignore_conflicts=True,
        )
        if cursor is not None:
            _advance(connector, cursor)
    tally.ignored, tally.dead = ignored, len(dead)
    return tally


Failure = tuple[Record, Stage, Exception]


def _decode(
    source: Source[Any], records: Sequence[Record]
) -> tuple[list[tuple[Record, EventDraft]], list[Failure], int]:
    drafts: list[tuple[Record, EventDraft]] = []
    dead: list[Failure] = []
    ignored = 0
    for record in records:
        try:
            found = list(source.decode(record))
        except Exception as problem:
            dead.append((record, Stage.DECODE, problem))
            continue
        ignored += not found
        drafts.extend((record, draft) for draft in found)
    return drafts, dead, ignored


def _store(connector: Connector, drafts: list[tuple[Record, EventDraft]], dead: list[Failure], now: datetime) -> Tally:
    """Store all at once; only when the database refuses a value, one by one, so that a poison item stands alone."""
    origin = connector.origin
    try:
        with transaction.atomic():
            stored = store(drafts=[draft for _, draft in drafts], origin=origin, now=now)
        return Tally(stored=len(stored.fresh), duplicates=stored.duplicates)
    except (DataError, ValueError):
        tally = Tally()
    for record, draft in drafts:
        try:
            with transaction.atomic():
                one = store(drafts=[draft], origin=origin, now=now)
        except (DataError, ValueError) as problem:
            dead.append((record, Stage.STORE, problem))
        else:
            tally.add(Tally(stored=len(one.fresh), duplicates=one.duplicates))
    return tally


def _dead_letter(
    connector: Connector, delivery: Delivery | None, record: Record, stage: Stage, problem: Exception
) -> DeadLetter:
    message = problem.message if isinstance(problem, DomainError) else f"{type(problem).__name__}: {problem}"
    log.warning("record.dead", connector=connector.name, reference=record.reference, error=type(problem).__name__)
    return DeadLetter(
        connector=connector,
        delivery=delivery,
        stage=stage,
        reference=record.reference[:300],
        error=type(problem).__name__,
        message=message[:MAX_MESSAGE].replace("\x00", "\ufffd"),
        raw=record.raw,
    )


def _claim(connector: Connector, now: datetime) -> bool:
    """Take the lease, if nobody holds it and the connector is on."""
    free = Connector.objects.filter(pk=connector.pk, enabled=True).exclude(lease_until__gt=now)
    if not free.update(lease_until=now + LEASE):
        return False
    connector.refresh_from_db()
    return True


def _advance(connector: Connector, cursor: Cursor) -> None:
    """Move the cursor and renew the lease, unless the lease was lost or the switch was thrown meanwhile."""
    renewed = timezone.now() + LEASE
    held = Connector.objects.filter(pk=connector.pk, enabled=True, lease_until=connector.lease_until)
    if not held.update(cursor=cursor, lease_until=renewed):
        raise Conflict(f"{connector.name} was switched off or taken over while it was read.")
    connector.cursor, connector.lease_until = cursor, renewed


def _succeeded(connector: Connector, now: datetime) -> None:
    Connector.objects.filter(pk=connector.pk, lease_until=connector.lease_until).update(
        lease_until=None,
        last_success_at=now,
        last_error="",
        failures=0,
        next_poll_at=timezone.now() + timedelta(seconds=connector.interval),
    )


def _failed(connector: Connector, problem: Exception, now: datetime) -> None:
    """Say what is wrong and when to try again; a wrong setting waits for its owner."""
    failures = connector.failures + 1
    wait = min(timedelta(seconds=connector.interval) * 2 ** min(failures - 1, 10), BACKOFF_LIMIT)
    known = isinstance(problem, DomainError)
    message = str(problem) if known else f"{type(problem).__name__}: {problem}"
    Connector.objects.filter(pk=connector.pk, lease_until=connector.lease_until).update(
        lease_until=None,
        last_error=message[:500],
        failures=failures,
        next_poll_at=None if isinstance(problem, Misconfigured) else now + wait,
    )
    publish(topic="connectors", kind="failed", name=connector.name)
    if not isinstance(problem, SourceUnavailable | Misconfigured):
        log.error("poll.crashed", connector=connector.name, exc_info=problem)
