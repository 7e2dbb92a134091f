"""What is over- and under-represented in a window, and what nothing can be said of."""

import pytest

from investigations.differences import CLEAR, FEWEST, RARE, Sample, attributes, compare, difference, stands_for


def sample(events: int, **values: int) -> dict[str, Sample]:
    """Return events of one source, so many of which have each version."""
    made = Sample(events)
    made.counts.update({("version", name): count for name, count in values.items()})
    return {"logs": made}


def test_what_is_more_frequent_stands_first_and_what_is_less_apart() -> None:
    found = compare(sample(100, v1=10, v2=90), sample(200, v1=190, v2=10))
    assert [(one.value, one.window, one.baseline) for one in found.more] == [("v2", 90, 10)]
    assert [(one.value, one.window, one.baseline) for one in found.less] == [("v1", 10, 190)]
    assert (found.more[0].window_share, found.more[0].baseline_share) == (0.9, 0.05)


def test_what_is_as_frequent_as_before_is_no_difference() -> None:
    found = compare(sample(1_000, v1=500, v2=500), sample(2_000, v1=1_010, v2=990))
    assert (found.more, found.less) == ([], [])


def test_more_of_everything_is_no_difference_of_anything() -> None:
    found = compare(sample(5_000, v1=2_500, v2=2_500), sample(50, v1=25, v2=25))
    assert (found.more, found.less) == ([], [])


@pytest.mark.parametrize("sides", [(FEWEST - 1, 500), (500, FEWEST - 1), (0, 500), (500, 0)])
def test_of_a_source_with_few_events_nothing_is_said_but_how_many(sides: tuple[int, int]) -> None:
    window, baseline = sides
    found = compare(sample(window, v1=window), sample(baseline, v2=baseline))
    assert (found.more, found.less) == ([], [])
    assert [(one.window, one.baseline, one.compared) for one in found.populations] == [(window, baseline, False)]


def test_of_a_rare_value_nothing_is_said() -> None:
    assert compare(sample(FEWEST, v1=RARE - 1), sample(100_000)).more == []


def test_sources_are_not_compared_with_one_another() -> None:
    logs, traces = Sample(100), Sample(100)
    logs.counts["service", "shop"] = traces.counts["service", "shop"] = 100
    found = compare({"logs": logs, "traces": Sample(0)}, {"logs": logs, "traces": traces})
    assert (found.more, found.less) == ([], [])


def test_the_prior_draws_few_events_more_strongly_than_many() -> None:
    few, many = difference(3, 20, 0, 20), difference(300, 2_000, 0, 2_000)
    assert abs(few[0] / few[1]) < CLEAR < abs(many[0] / many[1])


def test_the_two_sides_may_change_places() -> None:
    there, back = difference(30, 100, 5, 200), difference(5, 200, 30, 100)
    assert there == pytest.approx((-back[0], back[1]))


def test_an_event_says_its_columns_its_attributes_and_its_words_without_numbers() -> None:
    columns = {"service": "shop", "component": "", "tag": ["new", "slow"], "says": "Order 4711 failed"}
    assert set(attributes(columns, [{"zone": "b", "retries": 3, "empty": "", "nested": {}}, None, "x"])) == {
        ("service", "shop"),
        ("tag", "new"),
        ("tag", "slow"),
        ("says", "order # failed"),
        ("zone", "b"),
        ("retries", "3"),
    }


def test_a_value_counts_once_an_event() -> None:
    made = Sample()
    made.add([("zone", "b"), ("zone", "b")], times=3)
    assert (made.events, made.counts["zone", "b"]) == (3, 3)


@pytest.mark.parametrize(("count", "lines"), [(7, 7), (10_000, 100), (0, 1), (-3, 1), ("many", 1), (None, 1)])
def test_a_burst_stands_for_its_lines_but_not_for_all_others(count: object, lines: int) -> None:
    assert stands_for(count) == lines
