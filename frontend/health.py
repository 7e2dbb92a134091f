"""Questions: how the connectors fare, in words for people who investigate."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from django.utils import timezone

from connectors import health
from connectors.models import Connector
from connectors.registry import SOURCES
from rcaplatform.kit.spans import duration


@dataclass(frozen=True, slots=True)
class Health(health.Health):
    """The health of one connector, with the name of its kind and its next poll in words."""

    label: str
    next_poll: str

    @property
    def lag(self) -> str:
        """For how long what is due has waited, in words; empty when nothing waits."""
        return duration(timedelta(seconds=self.lag_seconds)) if self.lag_seconds >= 1 else ""

    @property
    def interval(self) -> str:
        """How often it is polled, in words; empty when it is not."""
        return f"every {duration(timedelta(seconds=self.connector.interval))}" if self.connector.next_poll_at else ""

    @property
    def lagging(self) -> bool:
        """Whether what waits has waited longer than the time between two polls."""
        return self.lag_seconds > self.connector.interval

    @property
    def words(self) -> str:
        """The state in words."""
        return {
            "on": "On",
            "off": "Switched off",
            "halted": "Stopped with all others",
            "resting": "Held open: it needs a look" if self.breaker.held else "Resting: its circuit breaker is open",
            "failing": f"Failing, {self.connector.failures} in a row",
            "stopped": "Stopped: it never worked",
            "waiting": "Waiting for its first success",
            "late": "Late: no worker polls it",
        }[self.state]


def report(now: datetime | None = None) -> list[Health]:
    """Return the health of every connector, by name."""
    moment = now or timezone.now()
    return [
        Health(
            connector=fares.connector,
            state=fares.state,
            breaker=fares.breaker,
            gaps=fares.gaps,
            dead_letters=fares.dead_letters,
            pending=fares.pending,
            lag_seconds=fares.lag_seconds,
            label=SOURCES[fares.connector.kind].label if fares.connector.kind in SOURCES else fares.connector.kind,
            next_poll=_next_poll(fares.connector, moment),
        )
        for fares in health.report(moment)
    ]


def digest(healths: list[Health]) -> str:
    """Return a short text that changes when what the page says of a connector does, times aside."""
    said = [
        (of.connector.name, of.connector.last_error, of.state, of.dead_letters, of.gaps, of.lagging, of.interval)
        for of in healths
    ]
    return blake2b(repr(said).encode(), digest_size=8).hexdigest()


def _next_poll(connector: Connector, now: datetime) -> str:
    """Return when it is polled next, in words; empty when it is not meant to be."""
    if connector.is_given_up:
        return "not until its setting is mended, or an administrator polls it"
    if not (connector.enabled and connector.next_poll_at):
        return ""
    return "now" if connector.next_poll_at <= now else f"in {duration(connector.next_poll_at - now)}"
