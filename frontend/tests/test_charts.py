"""Where the marks of a chart stand."""

from itertools import pairwise

import pytest

from frontend.charts import HEIGHT, Column, Columns, Series, ceiling, columns, share


def chart(*values: list[int], stacked: bool = True) -> Columns:
    series = [Series(f"s{number}", f"Series {number}", one) for number, one in enumerate(values)]
    places = [Column(f"{number}", f"Day {number}", f"?day={number}") for number in range(len(values[0]))]
    return columns(series, places, stacked=stacked)


@pytest.mark.parametrize(
    ("most", "top"),
    [(0, 4), (1, 4), (4, 4), (5, 8), (9, 12), (13, 16), (21, 24), (81, 100), (401, 600), (9_999, 10_000)],
)
def test_the_grid_ends_at_the_next_round_number(most: int, top: int) -> None:
    assert ceiling(most) == top


def test_a_stack_stands_on_the_floor_and_has_no_holes() -> None:
    marks = chart([3], [1]).stacks[0].marks
    assert marks[0].y + marks[0].height == HEIGHT
    assert marks[1].y + marks[1].height == pytest.approx(marks[0].y)


def test_heights_are_in_proportion() -> None:
    one, three = (stack.marks[0].height for stack in chart([10, 30]).stacks)
    assert three == pytest.approx(3 * one, abs=0.2)


def test_side_by_side_all_stand_on_the_floor_and_none_covers_another() -> None:
    left, right = chart([3], [4], stacked=False).stacks[0].marks
    assert left.y + left.height == right.y + right.height == HEIGHT
    assert left.x + left.width == pytest.approx(right.x, abs=0.01)


def test_columns_fill_the_width_in_order() -> None:
    stacks = chart(list(range(90))).stacks
    assert all(after.x == pytest.approx(before.x + before.width, abs=0.01) for before, after in pairwise(stacks))
    assert stacks[-1].x + stacks[-1].width == pytest.approx(100, abs=0.01)


def test_one_beside_a_thousand_is_seen_and_nothing_is_not_drawn() -> None:
    stacks = chart([1_000, 1, 0]).stacks
    assert stacks[1].marks[0].height == 2
    assert stacks[2].marks == ()


def test_no_mark_leaves_the_picture() -> None:
    stack = chart([1_000], *([1] for _ in range(20))).stacks[0]
    assert min(mark.y for mark in stack.marks) >= 0


def test_a_column_says_what_it_shows() -> None:
    stacks = chart([1_200, 0], [0, 0]).stacks
    assert [stack.words for stack in stacks] == ["Day 0: 1,200 series 0", "Day 1: nothing"]


def test_the_chart_says_its_totals_and_its_peak() -> None:
    assert chart([1, 4], [2, 1]).words == "5 series 0, 3 series 1. The most, 5, at Day 1."


@pytest.mark.parametrize("count", [1, 7, 30, 90])
def test_names_on_the_axis_are_few_and_inside(count: int) -> None:
    labels = chart([1] * count).labels
    assert 1 <= len(labels) <= 7
    assert all(0 <= label.x <= 100 for label in labels)
    assert not labels[0].spare


def test_a_series_that_lacks_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        chart([1, 2], [1])


def test_nothing_at_all_is_empty() -> None:
    assert chart([0, 0]).empty
    assert not chart([0, 1]).empty


@pytest.mark.parametrize(("part", "whole", "bar"), [(1, 4, 0.25), (5, 4, 1.0), (0, 0, 0.0), (3, 0, 0.0)])
def test_a_row_is_a_share_of_the_longest(part: int, whole: int, bar: float) -> None:
    assert share(part, whole) == bar
