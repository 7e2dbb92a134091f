"""Decision: what is over- or under-represented in a window, compared with its baseline. No database here.

Each value of an attribute is judged by the logarithm of its odds in the window over its odds in the baseline, with an
informative Dirichlet prior: both are drawn towards what is usual in the two together, so that a value seen three times
is no discovery. The score is that difference in its standard errors (Monroe, Colaresi and Quinn, "Fightin' Words",
Political Analysis 16(4), 2008). That every attribute of what is selected is compared with the rest follows Bailis et
al., "MacroBase" (SIGMOD 2017).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import log, sqrt
from typing import Any

from events.fingerprints import masked

FEWEST = 20  # events on either side; with fewer, nothing is said of a source
RARE = 5  # events with a value, on both sides together; with fewer, nothing is said of it
CLEAR = 3.0  # standard errors: of a thousand values that do not differ, about three pass
PRIOR = 10.0  # how many events the prior counts for
SHOWN = 15  # differences each way
MOST_FIELDS, MOST_VALUES = 60, 100_000
LONGEST_NAME, LONGEST_VALUE = 80, 160
MOST_FOLDED = 100  # lines that one burst counts for
Pair = tuple[str, str]


@dataclass(slots=True)
class Sample:
    """Events of one source in one window: how many, and how many of them have each value of each attribute."""

    events: int = 0
    counts: Counter[Pair] = field(default_factory=Counter)

    def add(self, pairs: Iterable[Pair], times: int = 1) -> None:
        """Count an event in, for as many as it stands for. Beyond 100,000 values no new one is taken up."""
        self.events += times
        full = len(self.counts) >= MOST_VALUES
        for pair in set(pairs):
            if not full or pair in self.counts:
                self.counts[pair] += times


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is more, or less, frequent in the window than in the baseline.

    Attributes:
        window, baseline: how many events have it on either side, of so many ``window_events`` and ``baseline_events``.
        log_odds: natural logarithm of the ratio of the odds, drawn towards 0 by the prior; above 0: more in the window.
        score: that in its standard errors.
    """

    source: str
    attribute: str
    value: str
    window: int
    baseline: int
    window_events: int
    baseline_events: int
    log_odds: float
    score: float

    @property
    def window_share(self) -> float:
        """Which part of the events in the window has it."""
        return self.window / self.window_events

    @property
    def baseline_share(self) -> float:
        """Which part of the events in the baseline has it."""
        return self.baseline / self.baseline_events


@dataclass(frozen=True, slots=True)
class Population:
    """How many events of one source there were; ``compared`` where both sides have enough of them."""

    source: str
    window: int
    baseline: int

    @property
    def compared(self) -> bool:
        """Whether anything can be said."""
        return min(self.window, self.baseline) >= FEWEST


@dataclass(frozen=True, slots=True)
class Differences:
    """What is different, the clearest first, and among how many events of each source."""

    populations: list[Population]
    more: list[Difference]
    less: list[Difference]


def compare(window: Mapping[str, Sample], baseline: Mapping[str, Sample]) -> Differences:
    """Return what differs, each source compared with itself: its events alone are of one kind."""
    populations, found = [], []
    for source in sorted({*window, *baseline}):
        one, other = window.get(source, Sample()), baseline.get(source, Sample())
        populations.append(population := Population(source, one.events, other.events))
        if population.compared:
            found += _among(source, one, other)
    clear = sorted((each for each in found if abs(each.score) >= CLEAR), key=_order)
    more = [each for each in clear if each.score > 0]
    less = [each for each in clear if each.score < 0]
    return Differences(populations, more[:SHOWN], less[:SHOWN])


def _order(one: Difference) -> tuple[float, str, str, str]:
    return -abs(one.score), one.source, one.attribute, one.value


def _among(source: str, window: Sample, baseline: Sample) -> list[Difference]:
    found = []
    for pair in window.counts.keys() | baseline.counts.keys():
        one, other = window.counts[pair], baseline.counts[pair]
        if one + other >= RARE:
            log_odds, error = difference(one, window.events, other, baseline.events)
            counts = (one, other, window.events, baseline.events)
            found.append(Difference(source, *pair, *counts, round(log_odds, 3), round(log_odds / error, 2)))
    return found


def difference(one: int, ones: int, other: int, others: int) -> tuple[float, float]:
    """Return the difference of the log-odds of ``one`` in ``ones`` and ``other`` in ``others``, and its error."""
    usual = (one + other + 0.5) / (ones + others + 1)
    has, has_not = PRIOR * usual, PRIOR * (1 - usual)
    parts = (one + has, ones - one + has_not, other + has, others - other + has_not)
    return log(parts[0] / parts[1]) - log(parts[2] / parts[3]), sqrt(sum(1 / part for part in parts))


def attributes(columns: Mapping[str, Any], objects: Iterable[Any]) -> Iterable[Pair]:
    """Yield what an event says of itself: its columns by name, what it ``says`` without numbers, and its attributes.

    Args:
        columns: texts, or lists of texts, by what they are.
        objects: objects of attributes, as sources tell them; what is none is passed over.
    """
    for name, value in columns.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and one:
                yield name, (masked(one) if name == "says" else one)[:LONGEST_VALUE]
    for held in objects:
        for name, value in list(held.items())[:MOST_FIELDS] if isinstance(held, dict) else ():
            if isinstance(value, str | int | float) and value != "":
                yield str(name)[:LONGEST_NAME], str(value)[:LONGEST_VALUE]


def stands_for(count: Any) -> int:
    """Return how many lines an event stands for: of a burst, as many as it folds, at most a hundred."""
    return min(count, MOST_FOLDED) if isinstance(count, int) and count > 0 else 1
