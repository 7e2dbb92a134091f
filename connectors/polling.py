"""Deeds about polling: read what is new, page by page, one worker at a time; try again, rest, and say how it went."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from prometheus_client import Counter
from tenacity import RetryCallState, Retrying, retry_if_exception

from connectors import breakers, notices
from connectors.base import Cursor, Page, Pull
from connectors.choices import BreakerState
from connectors.errors import Misconfigured, Poisoned, RateLimited, Refused, Resting, SourceUnavailable, Unfinished
from connectors.models import Connector, Gap
from connectors.pipeline import Outcome, Tally, digest, open_source
from rcaplatform.kit.errors import Conflict, DomainError
from rcaplatform.kit.leases import lease
from rcaplatform.kit.realtime import publish

log = structlog.get_logger(__name__)
BACKOFF_LIMIT = timedelta(minutes=15)
POLL_SECONDS = 3 * 60 * 60  # the first copy of a large repository may take two of these hours
# A source that does not answer is asked again after up to 1, 2, 4, 8 and 16 seconds.
RETRIES, LONGEST_WAIT = 5, 16
# A source that asks for more patience than this is left alone until then, and its worker with it.
PATIENCE = 30
# Seconds that one poll waits in all because its source asked for it; the next poll goes on.
BUDGET = 300
POLLS = Counter("rca_polls", "Polls of connectors, by how they ended.", ["connector", "outcome"])
_NOTICE = 1.0  # seconds within which a waiting poll sees that it was switched off


def poll(
    *,
    connector: Connector,
    now: datetime,
    progress: Callable[[Tally], None] | None = None,
) -> Tally | None:
    """Read what is new and store it, page by page; a page's events and its cursor stand or fall together.

    A source that does not answer is asked again from the last page that was stored, with exponential backoff and full
    jitter (M. Brooker, Exponential Backoff and Jitter, 2015); each failure counts on the connector's circuit breaker.

    Args:
        progress: is told the tally so far after each page.

    Returns:
        What became of the records, or None when another worker is at it or the connector is off.

    Raises:
        Misconfigured, SourceUnavailable: the connector's state says so too, and when it is tried again.
        RateLimited: it is asked again when it said; that is no failure.
        Resting: the circuit breaker is open; no connection was made.
        Conflict: it was switched off or reset while it was read; the page at hand is not kept.
    """
    with lease(connector.pk) as held:
        if not held or not _begin(connector, now):
            return None
        reading = _Reading(connector, now, progress)
        try:
            _persist(connector, reading)
        except (Resting, RateLimited, Poisoned) as pause:
            _paused(connector, pause)
            raise
        except Exception as problem:
            _failed(connector, problem)
            raise
        _succeeded(reading)
    return reading.tally


@dataclass(slots=True)
class _Reading:
    """One poll: reading from the cursor on, any number of times, until nothing is left."""

    connector: Connector
    now: datetime
    progress: Callable[[Tally], None] | None
    tally: Tally = field(default_factory=Tally)
    failures: int = 0
    waited: float = 0.0
    ends: float = field(default_factory=lambda: monotonic() + POLL_SECONDS)

    def go(self, gate: breakers.Gate) -> None:
        """Read from the cursor to the end."""
        source = _pulled(self.connector, self.now)
        for page in _in_time(self.connector, source, self.ends):
            moves = page.cursor != self.connector.cursor
            keep_page(self.connector, source, page, self.now, self.tally)
            if self.failures and moves:  # a page that leads nowhere may come before each failure
                self.failures = 0
                gate.heard()
            if self.progress:
                self.progress(self.tally)


def keep_page(connector: Connector, source: Pull[Any], page: Page, now: datetime, tally: Tally) -> None:
    """Store a page, what is missing in it, and the cursor, in one transaction.

    Raises:
        Poisoned: too much of it could not be decoded; what could is stored, and the rest kept.
        Conflict: the connector was switched off or reset meanwhile; nothing is kept.
    """
    with transaction.atomic():
        outcomes = digest(connector=connector, source=source, records=page.records, now=now)
        keep_gaps(connector, page)
        _advance(connector, page.cursor)
        reason = breakers.watch_for_poison(connector=connector, outcomes=decoded(outcomes), now=timezone.now())
    tally.add(outcomes)
    tally.ignored += page.ignored
    if reason:
        raise Poisoned(f"{connector.name}: {reason}")


def decoded(outcomes: list[Outcome]) -> list[bool]:
    """Return of each record whether it could be decoded."""
    return [outcome.failure is None for outcome in outcomes]


def keep_gaps(connector: Connector, page: Page) -> None:
    """Keep what a page says is missing."""
    gaps = [Gap(connector=connector, start=gap.start, end=gap.end, reason=gap.reason[:500]) for gap in page.gaps]
    Gap.objects.bulk_create(gaps, ignore_conflicts=True)


def _persist(connector: Connector, reading: _Reading) -> None:
    """Read to the end, however often that takes, within bounds.

    Raises:
        Resting: the breaker is open.
    """
    gate = breakers.Gate(connector)

    def worth_another(problem: BaseException) -> bool:
        if isinstance(problem, RateLimited):
            reading.waited += _asked_for(problem)
            return problem.seconds <= PATIENCE and reading.waited <= BUDGET
        if not isinstance(problem, SourceUnavailable) or isinstance(problem, Resting | Poisoned | Unfinished):
            return False
        reading.failures += 1
        return reading.failures <= RETRIES and gate.is_closed

    retrying = Retrying(
        retry=retry_if_exception(worth_another),
        wait=lambda state: _wait(state, reading.failures),
        sleep=lambda seconds: _sleep(connector, seconds),
        reraise=True,
    )
    retrying(gate.call, lambda: reading.go(gate))


def _wait(state: RetryCallState, failures: int) -> float:
    """Return the seconds to wait: what the source asked for, else what its failures make it."""
    problem = state.outcome.exception() if state.outcome else None
    if isinstance(problem, RateLimited):
        return _asked_for(problem)
    return backoff(failures)


def _asked_for(limit: RateLimited) -> float:
    """Return the seconds a source asks us to wait; one that asks for none does not mean at once, for ever."""
    return max(limit.seconds, 1.0)


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row, drawn anew each time."""
    return random.uniform(0, min(2 ** (failures - 1), LONGEST_WAIT))  # noqa: S311 - no secret is made


def _sleep(connector: Connector, seconds: float) -> None:
    """Wait, and look up each second.

    Raises:
        Conflict: it was switched off meanwhile.
    """
    while seconds > 0:
        sleep(min(seconds, _NOTICE))
        seconds -= _NOTICE
        if not Connector.objects.running().unheld().filter(pk=connector.pk).exists():
            raise Conflict(f"{connector.name} was switched off while it was waited for.")


def _pulled(connector: Connector, now: datetime) -> Pull[Any]:
    source = open_source(connector, now)
    if not isinstance(source, Pull) or not source.is_polled():
        raise Misconfigured(f"{connector.name} is not polled: its source calls /hooks/{connector.name}.")
    return source


def _in_time(connector: Connector, source: Pull[Any], ends: float) -> Iterator[Page]:
    """Yield pages as long as a poll may last; asked between pages, so that none is left half stored.

    Raises:
        Unfinished: it took too long.
    """
    for page in source.read(connector.cursor):
        yield page
        if monotonic() > ends:
            limit = f"{POLL_SECONDS / 3600:g} hours"
            raise Unfinished(f"{connector.name} was not read to its end in {limit}; the next poll goes on.")


def _begin(connector: Connector, now: datetime) -> bool:
    """Read the connector's present state and move its next poll on, unless it is off."""
    on = Connector.objects.running().filter(pk=connector.pk)
    if not on.update(next_poll_at=now + timedelta(seconds=connector.interval)):
        return False
    connector.refresh_from_db()
    return True


def _advance(connector: Connector, cursor: Cursor) -> None:
    """Move the cursor, unless the switch was thrown or somebody else moved it meanwhile.

    The next poll moves on with it: what is being read is neither due nor late, however long that takes.
    """
    again = timezone.now() + timedelta(seconds=connector.interval)
    held = Connector.objects.running().unheld().filter(pk=connector.pk, cursor=connector.cursor)
    if not held.update(cursor=cursor, next_poll_at=again):
        raise Conflict(f"{connector.name} was switched off, held or reset while it was read.")
    connector.cursor = cursor


def _succeeded(reading: "_Reading") -> None:
    """Say that all went well. The next poll is due an interval after this one began: then its schedule rings."""
    connector, now = reading.connector, reading.now
    POLLS.labels(connector.name, "ok").inc()
    if reading.tally.heard or connector.last_error:  # after a silence, an empty answer is no sign of life
        notices.recovered(connector=connector, now=timezone.now())
    told = {"last_heard_at": now} if reading.tally.heard else {}
    Connector.objects.filter(pk=connector.pk).update(
        last_success_at=now,
        last_error="",
        failures=0,
        next_poll_at=now + timedelta(seconds=connector.interval),
        **told,
    )


def _paused(connector: Connector, pause: Resting | RateLimited | Poisoned) -> None:
    """Say why nothing is asked for a while; nothing failed that had not failed before."""
    POLLS.labels(connector.name, pause.code).inc()
    again = timezone.now() + timedelta(seconds=getattr(pause, "seconds", breakers.RESET_SECONDS))
    Connector.objects.filter(pk=connector.pk).update(last_error=pause.message[:500], next_poll_at=again)
    if isinstance(pause, Poisoned):
        notices.failed(connector=connector, reason=pause.message, now=timezone.now())
    publish(topic="connectors", kind="paused", name=connector.name)


def _failed(connector: Connector, problem: Exception) -> None:
    """Say what is wrong and when to try again. What must be set right waits for its owner.

    What worked once is tried again whatever its source says, unless it says that it does not know us: a repository
    that is moved, or closed for a while, looks like one that never was.
    """
    POLLS.labels(connector.name, "failed").inc()
    failures = connector.failures + 1
    wait = min(timedelta(seconds=connector.interval) * 2 ** min(failures - 1, 10), BACKOFF_LIMIT)
    stops = isinstance(problem, Misconfigured) and (not connector.last_success_at or _locked_out(problem))
    message = str(problem) if isinstance(problem, DomainError) else f"{type(problem).__name__}: {problem}"
    Connector.objects.filter(pk=connector.pk).update(
        last_error=message[:500],
        failures=failures,
        next_poll_at=None if stops else timezone.now() + wait,
    )
    if stops or Connector.objects.filter(pk=connector.pk, breaker__state=BreakerState.OPEN).exists():
        notices.failed(connector=connector, reason=message, now=timezone.now())
    publish(topic="connectors", kind="failed", name=connector.name)
    if not isinstance(problem, SourceUnavailable | Misconfigured):
        log.error("poll.crashed", connector=connector.name, exc_info=problem)


def _locked_out(problem: Exception) -> bool:
    return isinstance(problem, Refused) and problem.answered in {401, 403}
