"""Deeds about polling: read what is new, page by page, one worker at a time, and say how it went."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone

from connectors.base import Cursor, Page, Pull
from connectors.errors import Misconfigured, SourceUnavailable
from connectors.models import Connector
from connectors.pipeline import Tally, digest, open_source
from rcaplatform.kit.errors import Conflict, DomainError
from rcaplatform.kit.realtime import publish

log = structlog.get_logger(__name__)
BACKOFF_LIMIT = timedelta(minutes=15)
POLL_SECONDS = 3 * 60 * 60  # the first copy of a large repository may take two of these hours


def poll(*, connector: Connector, now: datetime, progress: Callable[[Tally], None] | None = None) -> Tally | None:
    """Read what is new and store it, page by page; a page's events and its cursor stand or fall together.

    Args:
        progress: is told the tally so far after each page.

    Returns:
        What became of the records, or None when another worker is at it or the connector is off.

    Raises:
        Misconfigured, SourceUnavailable: the connector's state says so too, and when it is tried again.
        Conflict: it was switched off or reset while it was read; the page at hand is not kept.
    """
    with _lease(connector) as held:
        if not held or not _begin(connector, now):
            return None
        tally = Tally()
        try:
            source = _pulled(connector, now)
            for page in _in_time(connector, source):
                with transaction.atomic():
                    outcomes = digest(connector=connector, source=source, records=page.records, now=now)
                    _advance(connector, page.cursor)
                tally.add(outcomes)
                tally.ignored += page.ignored
                if progress:
                    progress(tally)
        except Exception as problem:
            _failed(connector, problem)
            raise
        _succeeded(connector, now)
    return tally


def _pulled(connector: Connector, now: datetime) -> Pull[Any]:
    source = open_source(connector, now)
    if not isinstance(source, Pull):
        raise Misconfigured(f"{connector.name} is not polled: its source calls /hooks/{connector.name}.")
    return source


def _in_time(connector: Connector, source: Pull[Any]) -> Iterator[Page]:
    """Yield pages as long as a poll may last; asked between pages, so that none is left half stored.

    Raises:
        SourceUnavailable: it took too long.
    """
    ends = time.monotonic() + POLL_SECONDS
    for page in source.read(connector.cursor):
        yield page
        if time.monotonic() > ends:
            limit = f"{POLL_SECONDS / 3600:g} hours"
            raise SourceUnavailable(f"{connector.name} was not read to its end in {limit}; the next poll goes on.")


@contextmanager
def _lease(connector: Connector) -> Iterator[bool]:
    """Hold the connector for this database session; the database gives it back at once when the worker dies."""
    key = connector.pk.int % 2**63
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _begin(connector: Connector, now: datetime) -> bool:
    """Read the connector's present state and move its next poll on, unless it is off."""
    on = Connector.objects.filter(pk=connector.pk, enabled=True)
    if not on.update(next_poll_at=now + timedelta(seconds=connector.interval)):
        return False
    connector.refresh_from_db()
    return True


def _advance(connector: Connector, cursor: Cursor) -> None:
    """Move the cursor, unless the switch was thrown or somebody else moved it meanwhile.

    The next poll moves on with it: what is being read is neither due nor late, however long that takes.
    """
    again = timezone.now() + timedelta(seconds=connector.interval)
    held = Connector.objects.filter(pk=connector.pk, enabled=True, cursor=connector.cursor)
    if not held.update(cursor=cursor, next_poll_at=again):
        raise Conflict(f"{connector.name} was switched off or reset while it was read.")
    connector.cursor = cursor


def _succeeded(connector: Connector, now: datetime) -> None:
    again = timezone.now() + timedelta(seconds=connector.interval)
    Connector.objects.filter(pk=connector.pk).update(last_success_at=now, last_error="", failures=0, next_poll_at=again)


def _failed(connector: Connector, problem: Exception) -> None:
    """Say what is wrong and when to try again. What never worked and must be set right waits for its owner.

    What worked once is tried again whatever its source says: a repository that is moved, or closed to us for a while,
    looks like one that never was.
    """
    failures = connector.failures + 1
    wait = min(timedelta(seconds=connector.interval) * 2 ** min(failures - 1, 10), BACKOFF_LIMIT)
    stops = isinstance(problem, Misconfigured) and not connector.last_success_at
    message = str(problem) if isinstance(problem, DomainError) else f"{type(problem).__name__}: {problem}"
    Connector.objects.filter(pk=connector.pk).update(
        last_error=message[:500],
        failures=failures,
        next_poll_at=None if stops else timezone.now() + wait,
    )
    publish(topic="connectors", kind="failed", name=connector.name)
    if not isinstance(problem, SourceUnavailable | Misconfigured):
        log.error("poll.crashed", connector=connector.name, exc_info=problem)
