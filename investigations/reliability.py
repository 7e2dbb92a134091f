"""Decision: how often the first suspects were right, and what their scores are worth. Rows in, figures out.

A ranking is judged by what people said of it, with the measures of information retrieval: in how many investigations
the cause came first (hit@1) or among the first three (hit@3), and the mean of one over its place (Voorhees, TREC-8
1999). Intervals are Wilson's (JASA 1927), which hold for few cases as well.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, NamedTuple
from uuid import UUID

from investigations.choices import SuspectState

FEWEST = 10  # decided cases, under which no share is told: one more could turn it round
BANDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_Z = 1.96
Group = tuple[int, str]  # engine version, kind


class Ranked(NamedTuple):
    """A suspect as a version of the engine named it by itself, and what people made of it since.

    Attributes:
        state: of `SuspectState`; a change whose event was named a cause is confirmed.
    """

    investigation: UUID
    engine_version: int
    kind: str
    place: int
    score: float
    state: str


@dataclass(slots=True)
class _Case:
    first: int | None = None  # the place of the first one that was confirmed
    refuted: bool = False  # the one in the first place was dismissed


@dataclass(slots=True)
class _Tally:
    cases: dict[UUID, _Case] = field(default_factory=lambda: defaultdict(_Case))
    bands: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))


def figures(ranked: Iterable[Ranked], missed: Mapping[Group, set[UUID]]) -> list[dict[str, Any]]:
    """Return a row for each version of the engine and kind of suspect, the newest version first.

    An investigation is decided once a suspect was confirmed, the first one was dismissed, or a cause was named that is
    not among the suspects. Whatever is not confirmed counts as not found.

    Args:
        missed: the investigations whose cause a version did not name, by group.

    Returns:
        ``decided``: investigations; ``first``, ``third``: in how many of them the cause came first, or among the
        first three; ``share_first``, ``share_third``, ``mean_reciprocal_rank`` and ``interval`` (95 %, of
        ``share_first``): None where fewer than ten are decided. ``bands``: by score, how many suspects were named,
        confirmed and dismissed, and the share confirmed of those decided, None where those are fewer than ten.
    """
    tallies: defaultdict[Group, _Tally] = defaultdict(_Tally)
    for one in ranked:
        tally = tallies[one.engine_version, one.kind]
        named = tally.bands[_band(one.score)]
        named[0] += 1
        if one.state == SuspectState.CONFIRMED:
            named[1] += 1
            case = tally.cases[one.investigation]
            case.first = min(case.first or one.place, one.place)
        elif one.state == SuspectState.DISMISSED:
            named[2] += 1
            if one.place == 1:
                tally.cases[one.investigation].refuted = True
    for group, investigations in missed.items():
        for investigation in investigations:
            tallies[group].cases[investigation].refuted = True
    order = sorted(tallies, key=lambda group: (-group[0], group[1]))
    return [_row(group, tallies[group]) for group in order]


def _row(group: Group, tally: _Tally) -> dict[str, Any]:
    places = [case.first for case in tally.cases.values()]
    first, third = (sum(place is not None and place <= most for place in places) for most in (1, 3))
    decided = len(places)
    enough = decided >= FEWEST
    reciprocal = sum(1 / place for place in places if place)
    return {
        "engine_version": group[0],
        "kind": group[1],
        "decided": decided,
        "first": first,
        "third": third,
        "share_first": round(first / decided, 4) if enough else None,
        "share_third": round(third / decided, 4) if enough else None,
        "interval": interval(first, decided) if enough else None,
        "mean_reciprocal_rank": round(reciprocal / decided, 4) if enough else None,
        "bands": [_told(place, tally.bands[place]) for place in range(len(BANDS) - 1)],
    }


def _told(place: int, counted: list[int]) -> dict[str, Any]:
    named, confirmed, dismissed = counted
    decided = confirmed + dismissed
    return {
        "from": BANDS[place],
        "to": BANDS[place + 1],
        "named": named,
        "confirmed": confirmed,
        "dismissed": dismissed,
        "share_confirmed": round(confirmed / decided, 4) if decided >= FEWEST else None,
    }


def _band(score: float) -> int:
    """Return the place of the band of a score; the last one includes 1."""
    return max(place for place in range(len(BANDS) - 1) if score >= BANDS[place] or not place)


def interval(hits: int, cases: int) -> tuple[float, float]:
    """Return the bounds within which a share lies with 95 % confidence, after Wilson."""
    share, square = hits / cases, _Z * _Z
    middle = (share + square / (2 * cases)) / (1 + square / cases)
    reach = _Z * sqrt(share * (1 - share) / cases + square / (4 * cases * cases)) / (1 + square / cases)
    return round(max(middle - reach, 0.0), 4), round(min(middle + reach, 1.0), 4)
