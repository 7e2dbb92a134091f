"""Decisions about calls between services: how they are added up, and how long they usually take. No I/O."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from events.drafts import LIMITS, storable

# Up to how many milliseconds each class of durations goes; the last class has those beyond.
BOUNDS: tuple[int, ...] = tuple(2**power for power in range(17))
CLASSES = len(BOUNDS) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """How often one service called another within an hour, how many calls failed, and how long they took.

    Attributes:
        hour: when it began, in UTC.
        durations: how many calls there were of each class of `BOUNDS`.
    """

    hour: datetime
    environment: str
    caller: str
    callee: str
    calls: int
    errors: int
    durations: Sequence[int]

    @classmethod
    def one(
        cls, *, at: datetime, environment: str, caller: str, callee: str, failed: bool, milliseconds: float
    ) -> "Calls":
        """Return a single call."""
        durations = [0] * CLASSES
        durations[bisect_left(BOUNDS, milliseconds)] = 1
        return cls(
            hour=at.replace(minute=0, second=0, microsecond=0),
            environment=storable(environment)[: LIMITS["environment"]],
            caller=storable(caller)[: LIMITS["service"]],
            callee=storable(callee)[: LIMITS["service"]],
            calls=1,
            errors=int(failed),
            durations=durations,
        )

    @property
    def key(self) -> tuple[datetime, str, str, str]:
        """What calls that are added up have in common."""
        return self.hour, self.environment, self.caller, self.callee

    def plus(self, other: "Calls") -> "Calls":
        """Return these and others of the same key together."""
        durations = added(self.durations, other.durations)
        return replace(self, calls=self.calls + other.calls, errors=self.errors + other.errors, durations=durations)


def together(calls: Iterable[Calls]) -> list[Calls]:
    """Return calls added up by their key, in its order."""
    found = dict[tuple[datetime, str, str, str], Calls]()
    for call in calls:
        found[call.key] = found[call.key].plus(call) if call.key in found else call
    return [found[key] for key in sorted(found)]


def added(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Return two counts by class together."""
    return [a + b for a, b in zip(one, other, strict=True)]


def quantile(durations: Sequence[int], share: float) -> float:
    """Return about how many milliseconds ``share`` of the calls did not exceed: even within a class of `BOUNDS`."""
    wanted = sum(durations) * share
    for number, count in enumerate(durations):
        if count and count >= wanted:
            low = BOUNDS[number - 1] if number else 0
            high = BOUNDS[min(number, len(BOUNDS) - 1)]
            return round(low + (high - low) * wanted / count, 1)
        wanted -= count
    return 0.0
