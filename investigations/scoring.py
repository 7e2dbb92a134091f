"""Decisions about linking: how strongly an event speaks to an investigation, and why. No database here.

A confidence is the weighted mean of three factors that always count (time, service, text; what is unknown counts low)
and of one that only ever helps (a shared commit or trace). docs/linking.md explains the weights.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

RULE_VERSION = 2
THRESHOLD = 0.5
WEIGHTS = {"time": 0.35, "service": 0.40, "text": 0.25, "reference": 0.50}
UNKNOWN = 0.2
# What kinship can come to. A service that is only spoken of has many commits that have nothing to do with it, so that
# one of these needs a word in common besides. A stranger names another service than the one that is affected.
SAME_SERVICE, OTHER_PART, SAME_COMPONENT, NAMED, COMMIT_NAMED, STRANGER = 1.0, 0.7, 0.8, 0.7, 0.35, 0.1
# What each further word in common leaves of the doubt. One alone does not link a stranger; two do.
WORD_DOUBT = 0.6

# How fast closeness halves. A change may lie hours before what it breaks; a symptom may not.
CHANGE_HALF_LIFE = timedelta(hours=6)
SYMPTOM_HALF_LIFE = timedelta(minutes=20)
LINGER_HALF_LIFE = timedelta(hours=2)
COMMIT = "git"
CHANGES = frozenset({COMMIT, "ci"})
# Beyond three half-lives an event is out of the picture, whatever else speaks for it.
HORIZON = 0.125
LOOKBACK, SYMPTOM_LOOKBACK = 3 * CHANGE_HALF_LIFE, 3 * SYMPTOM_HALF_LIFE
FRESH = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """What linking looks at in an event. ``words`` come from `events.terms.vocabulary`."""

    timestamp: datetime
    source: str
    service: str = ""
    component: str = ""
    words: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What linking looks at in an investigation. ``ended`` is None while it goes on.

    Attributes:
        span: the first and the last moment at which an event could be linked at all.

    Raises:
        OverflowError: the calendar ends within its span.
    """

    onset: datetime
    detected: datetime
    ended: datetime | None = None
    service: str = ""
    component: str = ""
    words: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    span: tuple[datetime, datetime] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "span", (self.onset - LOOKBACK, self.last + 3 * LINGER_HALF_LIFE))

    @property
    def last(self) -> datetime:
        """When it ended; while it goes on, the first hours after it was noticed."""
        return self.ended or self.detected + FRESH


@dataclass(frozen=True, slots=True)
class Factor:
    """What one strategy found: a score from 0 to 1, None where it could not tell, and the reason in a sentence."""

    strategy: str
    score: float | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return the factor as it is stored with a link."""
        score = None if self.score is None else round(self.score, 3)
        return {"strategy": self.strategy, "score": score, "weight": WEIGHTS[self.strategy], "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Score:
    """A confidence from 0 to 1 and the factors it was made of."""

    confidence: float
    factors: tuple[Factor, ...]

    @property
    def links(self) -> bool:
        """Whether this is enough to suggest a link."""
        return self.confidence >= THRESHOLD


def score(clue: Clue, scene: Scene) -> Score:
    """Return how strongly ``clue`` speaks to ``scene``, with a reason for each factor."""
    time = closeness(clue, scene)
    factors = [time, kinship(clue, scene), wording(clue, scene)]
    if shared := clue.references & scene.references:
        factors.append(Factor("reference", 1.0, f"Both name {_some(shared)}."))
    if (time.score or 0.0) < HORIZON:
        return Score(0.0, tuple(factors))
    return Score(_mean({factor.strategy: factor.score for factor in factors}), tuple(factors))


@lru_cache(maxsize=1_024)
def ceiling(service: float, words: int, reference: bool) -> float:
    """Return the most that `score` can give a pair, whatever its times, that has so much in common.

    Args:
        service: the most that their kinship can come to.
        words: how many telling words they share.
        reference: whether they name the same commit or trace.
    """
    best = {"time": 1.0, "service": service, "text": _telling(words) if words else UNKNOWN}
    return _mean({**best, "reference": 1.0} if reference else best)


def closeness(clue: Clue, scene: Scene) -> Factor:
    """Score how near in time the event is: 1 from onset to the end, halving with distance before and after."""
    if clue.timestamp < scene.onset:
        gap = scene.onset - clue.timestamp
        half_life = CHANGE_HALF_LIFE if clue.source in CHANGES else SYMPTOM_HALF_LIFE
        return Factor("time", _decay(gap, half_life), f"{duration(gap)} before onset.")
    if clue.timestamp <= scene.last:
        return Factor("time", 1.0, "While it was going on.")
    gap = clue.timestamp - scene.last
    since = "it ended" if scene.ended else "the first hours"
    return Factor("time", _decay(gap, LINGER_HALF_LIFE), f"{duration(gap)} after {since}.")


def kinship(clue: Clue, scene: Scene) -> Factor:
    """Score whether the event comes from the service or component that is affected."""
    ours, theirs = scene.service.casefold(), clue.service.casefold()
    part, whole = clue.component.casefold(), scene.component.casefold()
    if theirs and theirs == ours:
        if part and whole and part != whole:
            return Factor("service", OTHER_PART, f"From another part of {clue.service}: {clue.component}.")
        where = f"{clue.service}, {clue.component}" if part and whole else clue.service
        return Factor("service", SAME_SERVICE, f"From the affected service: {where}.")
    if whole and part == whole:
        return Factor("service", SAME_COMPONENT, f"From the affected component: {clue.component}.")
    if theirs and named(theirs, scene.words):
        told = COMMIT_NAMED if clue.source == COMMIT else NAMED
        return Factor("service", told, f"The investigation speaks of {clue.service}.")
    if not (theirs and ours):
        return Factor("service", None, f"The {'investigation' if theirs else 'event'} names no service.")
    return Factor("service", STRANGER, f"From another service: {clue.service}.")


def wording(clue: Clue, scene: Scene) -> Factor:
    """Score how many telling words they share: one word 0.4, two 0.64, three 0.784, and so on."""
    if not (clue.words and scene.words):
        return Factor("text", None, "There is no text to compare.")
    shared = (clue.words & scene.words) - parts_of(scene.service) - parts_of(clue.service)
    if not shared:
        return Factor("text", 0.0, "No words in common.")
    return Factor("text", _telling(len(shared)), f"Both speak of {_some(shared)}.")


def named(service: str, words: frozenset[str]) -> bool:
    """Tell whether ``words`` name a service: each part of its name is among them."""
    parts = parts_of(service)
    return bool(parts) and parts <= words


@lru_cache(maxsize=4_096)
def parts_of(name: str) -> frozenset[str]:
    """Return the words that a service's name is made of."""
    return frozenset(part for part in name.casefold().replace("_", "-").replace(".", "-").split("-") if len(part) > 2)


def duration(gap: timedelta) -> str:
    """Return a length of time in words: "40 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    minutes, seconds = divmod(int(gap.total_seconds()), 60)
    if not minutes:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    days, hours = divmod(hours, 24)
    if not days:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{days} d {hours} h" if hours else f"{days} d"


def _decay(gap: timedelta, half_life: timedelta) -> float:
    return float(0.5 ** min(gap / half_life, 60))


def _telling(words: int) -> float:
    return float(1 - WORD_DOUBT**words)


def _mean(scores: Mapping[str, float | None]) -> float:
    total = sum(WEIGHTS[strategy] * (UNKNOWN if value is None else value) for strategy, value in scores.items())
    return round(total / sum(WEIGHTS[strategy] for strategy in scores), 4)


def _some(words: Iterable[str], most: int = 5) -> str:
    ordered = sorted(words)
    more = len(ordered) - most
    return ", ".join(ordered[:most]) + (f" and {more} more" if more > 0 else "")
