"""Questions: how the connectors fare, for people who investigate."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from django.db.models import Count
from django.utils import timezone

from connectors.choices import DeadLetterState, DeliveryState
from connectors.models import Connector, DeadLetter, Delivery
from connectors.registry import SOURCES
from frontend.timeline import duration

# A poll that is this many intervals late says that no worker comes.
LATE = 3


@dataclass(frozen=True, slots=True)
class Health:
    """One connector: its state (on, off, failing, waiting, late), its next poll in words, and what waits behind it."""

    connector: Connector
    label: str
    state: str
    dead_letters: int
    pending: int
    next_poll: str

    @property
    def words(self) -> str:
        """The state in words."""
        return {
            "on": "On",
            "off": "Switched off",
            "failing": f"Failing, {self.connector.failures} in a row",
            "waiting": "Waiting for its first success",
            "late": "Late: no worker polls it",
        }[self.state]


def report(now: datetime | None = None) -> list[Health]:
    """Return the health of every connector, by name, in three questions however many there are."""
    opened = DeadLetter.objects.filter(state=DeadLetterState.OPEN).values_list("connector")
    dead = dict(opened.annotate(Count("id")).order_by())
    waiting = Delivery.objects.filter(state=DeliveryState.PENDING).values_list("connector")
    pending = dict(waiting.annotate(Count("id")).order_by())
    moment = now or timezone.now()
    return [
        Health(
            connector=connector,
            label=SOURCES[connector.kind].label if connector.kind in SOURCES else connector.kind,
            state=_state(connector, moment),
            dead_letters=dead.get(connector.pk, 0),
            pending=pending.get(connector.pk, 0),
            next_poll=_next_poll(connector, moment),
        )
        for connector in Connector.objects.all()
    ]


def digest(healths: list[Health]) -> str:
    """Return a short text that changes when what the page says of a connector does, times aside."""
    said = [(one.connector.name, one.state, one.dead_letters, one.connector.last_error) for one in healths]
    return blake2b(repr(said).encode(), digest_size=8).hexdigest()


def _next_poll(connector: Connector, now: datetime) -> str:
    """Return when it is polled next, in words; empty when it is not."""
    if not (connector.enabled and connector.next_poll_at):
        return ""
    return "now" if connector.next_poll_at <= now else f"in {duration(connector.next_poll_at - now)}"


def _state(connector: Connector, now: datetime) -> str:
    if not connector.enabled:
        return "off"
    if connector.failures:
        return "failing"
    if connector.next_poll_at and (now - connector.next_poll_at).total_seconds() > LATE * connector.interval:
        return "late"
    polled_in_vain = connector.next_poll_at and not connector.last_success_at
    return "waiting" if polled_in_vain else "on"
