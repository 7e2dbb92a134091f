"""Decisions: a metric drawn beside what is usual, a trace drawn as bars."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from frontend.pictures import HEIGHT, WIDTH, charts, waterfall

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def finding(**more: Any) -> dict[str, Any]:
    samples = [[NOON.timestamp() + 60 * number, value] for number, value in enumerate((1, 2, 1, 9))]
    return {"metric": "errors", "unit": "/s", "samples": samples, "low": 0.5, "high": 2.5, "value": 9, **more}


def span(name: str, at: float, took: float, parent: str = "", **more: Any) -> tuple[datetime, str, str, dict[str, Any]]:
    data = {"span_id": name, "parent_span_id": parent, "name": name, "duration_ms": took, **more}
    return NOON + timedelta(milliseconds=at), "shop", name, data


def test_a_finding_is_drawn_with_what_is_usual() -> None:
    (chart,) = charts({"findings": [finding()]})
    points = [tuple(map(float, point.split(","))) for point in chart.line.split()]
    assert (points[0][0], points[-1][0]) == (0, WIDTH)
    assert all(0 <= y <= HEIGHT for _, y in points)
    assert points[-1][1] == min(y for _, y in points)
    assert chart.band is not None
    assert chart.band[0] > points[-1][1]
    assert chart.words == "9 /s, usually 0.5 to 2.5"


def test_a_finding_without_a_past_has_no_band() -> None:
    assert charts({"findings": [finding(low=None)]})[0].band is None


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"findings": "x"},
        {"findings": [1, {}]},
        {"findings": [{"samples": [[1, 2]]}]},
        {"findings": [{"samples": [["a", 1], [1e300, 1], [float("nan"), 2], [True, 1], [1], 7]}]},
    ],
)
def test_what_is_no_series_is_not_drawn(data: Any) -> None:
    assert charts(data) == []


def test_a_flat_series_is_drawn() -> None:
    flat = finding(samples=[[1, 5], [2, 5]], low=5, high=5, value=5)
    assert len(charts({"findings": [flat]})) == 1


def test_spans_are_bars_within_the_whole_trace() -> None:
    bars = waterfall([span("b", 50, 50, "a"), span("a", 0, 100)], "b")
    assert [(bar.name, bar.start, bar.width, bar.depth, bar.chosen) for bar in bars] == [
        ("a", 0, 100, 0, False),
        ("b", 50, 50, 1, True),
    ]


def test_the_critical_path_follows_what_ended_last() -> None:
    bars = waterfall([span("a", 0, 100), span("quick", 0, 30, "a"), span("slow", 10, 85, "a")], "a")
    assert [bar.name for bar in bars if bar.critical] == ["a", "slow"]


def test_spans_that_call_each_other_in_a_circle_end() -> None:
    assert len(waterfall([span("a", 0, 1, "b"), span("b", 0, 1, "a")], "a")) == 2


def test_what_holds_no_span_is_left_out() -> None:
    assert waterfall([(NOON, "shop", "x", {}), (NOON, "shop", "x", None), span("a", 0, -1)], "a") == []
