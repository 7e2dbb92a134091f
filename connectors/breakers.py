"""Deeds about circuit breakers: the state that all workers share, what changes it, and what an operator may do.

The states and their order are pybreaker's (after M. Nygard, Release It!, 2007); its storage is a row of PostgreSQL, so
that a breaker outlives workers and is one for all of them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from prometheus_client import Counter
from pybreaker import CircuitBreaker, CircuitBreakerError, CircuitBreakerStorage

from accounts import audit
from accounts.models import User
from connectors.choices import BreakerState
from connectors.errors import Poisoned, RateLimited, Resting, SourceUnavailable, Unfinished
from connectors.models import Breaker, Connector, Transition
from connectors.schedules import POLL_TASK
from rcaplatform.kit.doorbell import ring
from rcaplatform.kit.errors import DomainError
from rcaplatform.kit.realtime import publish

log = structlog.get_logger(__name__)
FAILURES = 5
WINDOW = timedelta(minutes=1)
RESET_SECONDS = 60
# More than this part of a page of at least so many records, or so many in a row: the vendor changed its shape.
POISON_SHARE, POISON_PAGE, POISON_RUN = 0.2, 20, 100
TRANSITIONS = Counter("rca_breaker_transitions", "Changes of circuit breakers.", ["connector", "state"])


class Storage(CircuitBreakerStorage):
    """The state of one breaker in the database. Read anew for each question, as other workers and people write it."""

    def __init__(self, connector: Connector) -> None:
        super().__init__(connector.name)
        self.connector = connector
        self.reason = ""

    @property
    def row(self) -> Breaker:
        """The breaker as it is now; one that was never written is closed."""
        return Breaker.objects.filter(pk=self.connector.pk).first() or Breaker(connector=self.connector)

    @property
    def state(self) -> str:
        """The state as pybreaker names it."""
        return str(self.row.state)

    @state.setter
    def state(self, state: str) -> None:
        move(connector=self.connector, to=BreakerState(state), reason=self.reason, now=timezone.now())

    def increment_counter(self) -> None:
        """Count a failure; those of more than a minute ago are forgotten."""
        now = timezone.now().timestamp()
        with transaction.atomic():
            row = _locked(self.connector)
            recent = [at for at in row.failed_at if now - at < WINDOW.total_seconds()]
            row.failed_at = [*recent, now][-FAILURES:]
            row.save(update_fields=["failed_at"])

    def reset_counter(self) -> None:
        """Forget failures: something went well."""
        Breaker.objects.filter(pk=self.connector.pk).exclude(failed_at=[]).update(failed_at=[])

    @property
    def counter(self) -> int:
        """Failures in a row."""
        return int(self.row.failures)

    @property
    def success_counter(self) -> int:
        """One success closes it, so none is counted."""
        return 1

    @property
    def opened_at(self) -> datetime | None:
        """When it opened."""
        return self.row.opened_at

    @opened_at.setter
    def opened_at(self, at: datetime) -> None:
        """Written by `move`, together with the state."""


class Gate:
    """The way to one source: shut while its breaker is open.

    What its source or we got wrong counts on the breaker; what asks us to wait, or must be set right, does not.
    """

    def __init__(self, connector: Connector) -> None:
        self._storage = Storage(connector)
        self._breaker = CircuitBreaker(
            fail_max=FAILURES,
            reset_timeout=RESET_SECONDS,
            exclude=[self._forgives],
            state_storage=self._storage,
            name=connector.name,
            throw_new_error_on_trip=False,
        )

    def call(self, deed: Callable[[], None]) -> None:
        """Do ``deed``, unless the breaker is open.

        Raises:
            Resting: it is, and nothing was done.
        """
        row, name = self._storage.row, self._breaker.name
        if row.held:
            raise Resting(f"{name} rests until somebody resets its circuit breaker: {row.reason}")
        try:
            self._breaker.call(deed)
        except CircuitBreakerError:
            raise Resting(f"{name} rests for a minute: {row.reason}") from None

    def heard(self) -> None:
        """Forget failures: the source has answered, whatever comes next."""
        self._storage.reset_counter()

    @property
    def is_closed(self) -> bool:
        """Whether it would let another through."""
        return self._storage.state == BreakerState.CLOSED

    def _forgives(self, problem: Any) -> bool:
        """Tell whether a problem says nothing of the source's health. A bug of ours does: it is read no further."""
        self._storage.reason = f"{FAILURES} failures in a row, the last one: {problem}"
        if isinstance(problem, RateLimited | Unfinished | Poisoned):
            return True
        return isinstance(problem, DomainError) and not isinstance(problem, SourceUnavailable)


@transaction.atomic
def move(
    *, connector: Connector, to: BreakerState, reason: str, now: datetime, actor: User | None = None, held: bool = False
) -> bool:
    """Change the state, and write down when and why; return whether it was another one."""
    row = _locked(connector)
    before, was_held = BreakerState(row.state), row.held
    if was_held and actor is None:  # whatever a poll under way finds out, a person decides
        return False
    row.state, row.held = to, held and to == BreakerState.OPEN
    if to == BreakerState.OPEN:
        row.opened_at, row.reason = now, reason[:500]
    if to == BreakerState.CLOSED:
        row.failed_at, row.opened_at, row.reason, row.poison_run = [], None, "", 0
    row.save()
    if before == to and was_held == row.held:
        return False
    Transition.objects.create(connector=connector, before=before, after=to, reason=reason[:500], at=now, actor=actor)
    TRANSITIONS.labels(connector.name, to).inc()
    log.warning("breaker.moved", connector=connector.name, before=before, after=to, reason=reason[:200])
    publish(topic="connectors", kind="breaker", name=connector.name, state=to)
    return True


def _locked(connector: Connector) -> Breaker:
    Breaker.objects.bulk_create([Breaker(connector=connector)], ignore_conflicts=True)
    return Breaker.objects.select_for_update().get(pk=connector.pk)


@transaction.atomic
def reset(*, connector: Connector, actor: User, now: datetime) -> None:
    """Close a breaker by hand; the connector is due at once."""
    if move(connector=connector, to=BreakerState.CLOSED, reason="Reset by hand.", now=now, actor=actor):
        due = Connector.objects.filter(pk=connector.pk, enabled=True, next_poll_at__isnull=False)
        if due.update(next_poll_at=now):
            ring(POLL_TASK, str(connector.pk))
    audit.record(actor=actor, verb="reset_breaker", target=connector)


@transaction.atomic
def force_open(*, connector: Connector, actor: User, now: datetime, reason: str = "") -> None:
    """Open a breaker by hand; it stays so until it is reset."""
    said = reason or "Opened by hand."
    move(connector=connector, to=BreakerState.OPEN, reason=said, now=now, actor=actor, held=True)
    audit.record(actor=actor, verb="open_breaker", target=connector)


def poisoned(outcomes: list[bool], run: int) -> tuple[str, int]:
    """Return why so many dead letters mean that the source changed its shape, or nothing; and how long their row is.

    Args:
        outcomes: of each record of a page, whether it could be decoded.
        run: how many in a row could not before this page.
    """
    dead = outcomes.count(False)
    longest = run
    for good in outcomes:
        run = 0 if good else run + 1
        longest = max(longest, run)
    if len(outcomes) >= POISON_PAGE and dead / len(outcomes) > POISON_SHARE:
        return f"{dead} of {len(outcomes)} records could not be decoded: the source may have changed its format.", run
    if longest >= POISON_RUN:
        return f"{longest} records in a row could not be decoded: the source may have changed its format.", run
    return "", run


def watch_for_poison(*, connector: Connector, outcomes: list[bool], now: datetime) -> str:
    """Hold the breaker open when too much of a page could not be decoded; return the reason, or nothing.

    Call it in the transaction that keeps the page's dead letters.
    """
    row = Breaker.objects.filter(pk=connector.pk).first()
    before = row.poison_run if row else 0
    reason, run = poisoned(outcomes, before)
    if reason:
        move(connector=connector, to=BreakerState.OPEN, reason=reason, now=now, held=True)
    elif run != before:
        _locked(connector)
        Breaker.objects.filter(pk=connector.pk).update(poison_run=run)
    return reason
