"""How far a standby may be behind, from what both servers said."""

from math import inf

import pytest

from rcaplatform.kit.lag import HEADER, MOST, PAGE, Lag, end_of_log


def test_nothing_is_known_of_a_standby_that_never_got_anywhere() -> None:
    lag = Lag()
    lag.note(10, primary=500, standby=400)
    assert lag.seconds(11) == inf


def test_a_standby_that_has_passed_a_position_knows_what_was_committed_then() -> None:
    lag = Lag()
    lag.note(10, primary=500, standby=500)
    assert lag.seconds(10.5) == 0.5


def test_one_that_stands_still_falls_behind_while_the_primary_goes_on() -> None:
    lag = Lag()
    for second in range(10):
        lag.note(second, primary=100 * second, standby=min(100 * second, 300))
    assert lag.seconds(9) == 6


def test_one_that_stands_still_beside_a_quiet_primary_is_not_behind() -> None:
    lag = Lag()
    for second in range(10):
        lag.note(second, primary=300, standby=300)
    assert lag.seconds(9) == 0


def test_one_that_was_behind_catches_up() -> None:
    lag = Lag()
    lag.note(0, primary=100, standby=100)
    lag.note(1, primary=200, standby=100)
    lag.note(9, primary=900, standby=850)
    assert lag.seconds(9) == 8  # it knew all of second 1, and asked at second 9 not all of that
    lag.replayed(900)
    assert lag.seconds(9) == 0


def test_time_in_which_nobody_asked_counts_as_time_behind() -> None:
    lag = Lag()
    lag.note(0, primary=100, standby=100)
    lag.note(100, primary=900, standby=800)
    assert lag.seconds(100) == 100


def test_what_is_kept_of_one_that_stopped_is_bounded_and_its_lag_still_told() -> None:
    lag = Lag()
    lag.note(0, primary=0, standby=0)
    for second in range(1, 10 * MOST):
        lag.note(second, primary=second, standby=0)
    assert lag.seconds(10 * MOST) == 10 * MOST
    assert len(lag._ahead) <= MOST + 1


@pytest.mark.parametrize(
    ("at", "ends"), [(PAGE, PAGE), (PAGE + 24, PAGE), (PAGE + HEADER, PAGE), (PAGE + 48, PAGE + 48)]
)
def test_the_header_of_a_page_is_no_record(at: int, ends: int) -> None:
    assert end_of_log(at) == ends
