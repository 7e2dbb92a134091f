"""Decisions about the timeline: days, gaps, marks, offsets."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from frontend.timeline import Gap, Mark, Row, among, rows
from rcaplatform.kit.spans import duration, offset

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass
class Happened:
    timestamp: datetime


@dataclass
class Linked:
    event: Happened


def at(*minutes: float) -> list[Linked]:
    return [Linked(Happened(NOON + timedelta(minutes=minute))) for minute in minutes]


def kinds(found: list[Row]) -> list[str]:
    return [row.kind for row in found]


def test_a_day_heads_the_list_and_each_midnight_begins_a_new_one() -> None:
    shown = rows(at(0, 5, 12 * 60 + 1), marks=[], detected_at=NOON, newest_first=False)
    assert kinds(shown) == ["day", "event", "event", "day", "gap", "event"]


@pytest.mark.parametrize(("minutes", "says"), [(9.9, None), (10, "10 min"), (95, "1 h 35 min"), (60 * 30, "1 d 6 h")])
def test_a_gap_is_told_from_ten_minutes_on(minutes: float, says: str | None) -> None:
    shown = rows(at(0, minutes), marks=[], detected_at=NOON, newest_first=False)
    assert [row.length for row in shown if isinstance(row, Gap)] == ([says] if says else [])


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_mark_stands_between_what_came_before_and_after(newest_first: bool) -> None:
    links = at(4, -3) if newest_first else at(-3, 4)
    shown = rows(links, marks=[Mark("Detected", NOON)], detected_at=NOON, newest_first=newest_first)
    assert kinds(shown) == ["day", "event", "mark", "event"]


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_one_instant_the_mark_stands_on_the_older_side(newest_first: bool) -> None:
    shown = rows(at(0), marks=[Mark("Onset", NOON)], detected_at=NOON, newest_first=newest_first)
    assert kinds(shown) == (["day", "event", "mark"] if newest_first else ["day", "mark", "event"])


@pytest.mark.parametrize("newest_first", [True, False])
def test_each_mark_is_shown_on_one_page_of_many(newest_first: bool) -> None:
    marks = [Mark(str(minute), NOON + timedelta(minutes=minute)) for minute in (-9, 0, 5, 10, 15, 99)]
    edges: list[datetime | None] = [None, NOON + timedelta(minutes=10), NOON, None]
    edges = edges if newest_first else edges[::-1]
    pages = [among(marks, beyond=beyond, upto=upto, newest_first=newest_first) for beyond, upto in pairwise(edges)]
    assert sorted(mark.label for page in pages for mark in page) == sorted(mark.label for mark in marks)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0, "t+0m00s"), (-723, "t-12m03s"), (4, "t+0m04s"), (3_720, "t+1h02m"), (-273_600, "t-3d04h")],
)
def test_distances_from_detection_are_short(seconds: int, says: str) -> None:
    assert offset(timedelta(seconds=seconds)) == says


@pytest.mark.parametrize(
    ("seconds", "says"), [(0, "0 s"), (40, "40 s"), (3_599, "59 min"), (3_600, "1 h"), (187_200, "2 d 4 h")]
)
def test_lengths_are_told_in_their_two_largest_units(seconds: int, says: str) -> None:
    assert duration(timedelta(seconds=seconds)) == says
