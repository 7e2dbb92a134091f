"""A span of time is read in bounded windows, and what a source does not tell is a gap."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from connectors.base import ConnectorConfig, Record
from connectors.tests.factories import NOW
from connectors.windows import Overfull, Windowed, sweep
from events.drafts import EventDraft

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def capped(moments: list[datetime], cap: int) -> Callable[[datetime, datetime], Iterator[Record]]:
    """Return a source that tells at most ``cap`` of what happened at ``moments``."""

    def fetch(start: datetime, end: datetime) -> Iterator[Record]:
        told = [Record(str(place), at, b"") for place, at in enumerate(moments) if start <= at < end]
        if len(told) >= cap:
            raise Overfull(f"The source tells {cap} at once.", told[:cap])
        return iter(told)

    return fetch


@given(st.lists(st.integers(0, 7_199), max_size=60))
def test_what_is_spread_wide_enough_is_told_once_each_in_order_of_windows(seconds: list[int]) -> None:
    moments = [NOW + timedelta(seconds=second) for second in sorted(set(seconds))]
    windows = list(sweep(NOW, NOW + 2 * HOUR, capped(moments, 5), span=HOUR, floor=SECOND))
    assert [record.value for window in windows for record in window.records] == moments
    assert not any(window.gaps for window in windows)


@given(st.lists(st.integers(0, 7_199), max_size=60))
def test_windows_join_without_holes(seconds: list[int]) -> None:
    moments = [NOW + timedelta(seconds=second) for second in seconds]
    windows = list(sweep(NOW, NOW + 2 * HOUR, capped(moments, 3), span=HOUR, floor=SECOND))
    ends = [NOW, *(window.end for window in windows)]
    assert [window.start for window in windows] == ends[:-1]
    assert ends[-1] == NOW + 2 * HOUR


def test_what_does_not_fit_into_the_shortest_window_is_a_gap_with_its_reason() -> None:
    windows = list(sweep(NOW, NOW + HOUR, capped([NOW] * 9, 3), span=HOUR, floor=SECOND))
    (gap,) = [gap for window in windows for gap in window.gaps]
    assert (gap.start, gap.reason) == (NOW, "The source tells 3 at once.")
    assert gap.end - gap.start <= SECOND
    assert [len(window.records) for window in windows if window.gaps] == [3]


def test_windows_grow_again_after_a_crowd() -> None:
    crowd = [NOW + timedelta(seconds=second) for second in range(9)]
    windows = list(sweep(NOW, NOW + 24 * HOUR, capped(crowd, 5), span=HOUR, floor=SECOND))
    assert windows[-1].end - windows[-2].end == HOUR


class Diary(Windowed[ConnectorConfig]):
    """Tells of nothing, in windows shorter than its overlap."""

    kind, label, Config = "diary", "Diary", ConnectorConfig
    span = timedelta(seconds=30)

    def check(self) -> None:
        """Do nothing."""

    def fetch(self, start: datetime, end: datetime) -> list[Record]:
        return []

    def decode(self, record: Record) -> list[EventDraft]:
        return []


def test_the_cursor_never_goes_back_however_far_the_overlap_reaches() -> None:
    diary = Diary(ConnectorConfig(), workspace=Path("unused"), now=NOW)
    until = NOW - timedelta(seconds=45)
    cursors = [datetime.fromisoformat(page.cursor["until"]) for page in diary.read({"until": until.isoformat()})]
    assert cursors == sorted(cursors)
    assert (cursors[0], cursors[-1]) == (until, NOW)
