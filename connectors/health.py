"""Questions: how the connectors fare."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min

from accounts.models import Feature, Switch
from connectors.choices import BreakerState, DeadLetterState, DeliveryState
from connectors.models import Breaker, Connector, DeadLetter, Delivery, Gap

# A poll that is this many intervals late says that no worker comes.
LATE = 3
STATES = ("on", "off", "halted", "resting", "failing", "stopped", "waiting", "late")
RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Health:
    """One connector, one of `STATES`, and what waits behind it.

    ``lag_seconds`` says for how long the poll that is due, or the oldest delivery, has waited. It is zero when nothing
    waits, and for a connector that is off.
    """

    connector: Connector
    state: str
    breaker: Breaker
    dead_letters: int
    pending: int
    gaps: int
    lag_seconds: float


def report(now: datetime, *, name: str | None = None) -> list[Health]:
    """Return the health of every connector, by name, or of the one called ``name``: in five questions."""
    off = frozenset(Switch.objects.values_list("feature", flat=True))
    opened = DeadLetter.objects.filter(state=DeadLetterState.OPEN).values_list("connector")
    dead = dict(opened.annotate(Count("id")).order_by())
    pending = Delivery.objects.filter(state=DeliveryState.PENDING).order_by().values_list("connector")
    waiting = {of: (count, oldest) for of, count, oldest in pending.annotate(Count("id"), Min("received_at"))}
    lately = Gap.objects.filter(created_at__gte=now - RECENT).order_by().values_list("connector")
    gaps = dict(lately.annotate(Count("id")))
    chosen = Connector.objects.filter(name=name) if name else Connector.objects.all()
    healths = []
    for connector in chosen.select_related("breaker"):
        breaker = getattr(connector, "breaker", None) or Breaker(connector=connector)
        count, oldest = waiting.get(connector.pk, (0, now))
        healths.append(
            Health(
                connector=connector,
                state="halted" if is_halted(connector, off) else state_of(connector, breaker, now),
                breaker=breaker,
                dead_letters=dead.get(connector.pk, 0),
                pending=count,
                gaps=gaps.get(connector.pk, 0),
                lag_seconds=lag_of(connector, oldest, now).total_seconds(),
            )
        )
    return healths


def is_halted(connector: Connector, off: Collection[str]) -> bool:
    """Return whether a connector that is on rests because of the features that are ``off``."""
    own = Feature.POLLING if connector.next_poll_at else Feature.WEBHOOKS
    return connector.enabled and (Feature.CONNECTORS in off or own in off)


def state_of(connector: Connector, breaker: Breaker, now: datetime) -> str:
    """Return how it stands with one connector."""
    if not connector.enabled:
        return "off"
    if breaker.state == BreakerState.OPEN:
        return "resting"
    if connector.failures:
        return "stopped" if connector.is_given_up else "failing"
    if connector.next_poll_at and (now - connector.next_poll_at).total_seconds() > LATE * connector.interval:
        return "late"
    polled_in_vain = connector.next_poll_at and not connector.last_success_at
    return "waiting" if polled_in_vain else "on"


def lag_of(connector: Connector, oldest: datetime, now: datetime) -> timedelta:
    """Return for how long the due poll, or the ``oldest`` delivery that waits, has waited."""
    if not connector.enabled:
        return timedelta()
    return max(timedelta(), now - oldest, now - (connector.next_poll_at or now))
