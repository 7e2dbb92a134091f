"""A limit of requests a minute, shared by every process; and a Redis that is away."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from rcaplatform.kit import memory
from rcaplatform.kit.ids import uuid7
from rcaplatform.kit.memory import Recent, Script
from rcaplatform.kit.ratelimit import Quota, take
from rcaplatform.kit.redisclient import client

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def caller() -> str:
    return f"test:{uuid7()}"


def calls(caller: str, number: int, limit: int = 10) -> list[bool]:
    """Return which of some calls may pass."""
    return [quota.granted for quota in (take(caller, limit) for _ in range(number)) if quota]


def test_so_many_pass_and_no_more(caller: str) -> None:
    with time_machine.travel(NOON, tick=False):
        assert calls(caller, 12) == [True] * 10 + [False] * 2


def test_callers_do_not_share_a_limit(caller: str) -> None:
    with time_machine.travel(NOON, tick=False):
        assert calls(caller, 10)[-1]
        assert calls(f"{caller}-2", 10)[-1]


def test_the_edge_of_a_minute_is_no_way_around_the_limit(caller: str) -> None:
    with time_machine.travel(NOON + timedelta(seconds=59), tick=False):
        assert all(calls(caller, 10))
    with time_machine.travel(NOON + timedelta(seconds=66), tick=False):
        assert calls(caller, 3) == [True, False, False]  # a tenth of the minute before is over
    with time_machine.travel(NOON + timedelta(seconds=180), tick=False):
        assert all(calls(caller, 10))


def test_what_was_refused_does_not_count(caller: str) -> None:
    with time_machine.travel(NOON, tick=False):
        calls(caller, 500)
    with time_machine.travel(NOON + timedelta(seconds=90), tick=False):
        assert calls(caller, 6) == [True] * 5 + [False]


@pytest.mark.parametrize("second", [0, 1, 29, 59])
@pytest.mark.parametrize("later", [0, 20, 59])
def test_who_waits_as_told_may_pass_and_who_does_not_may_not(caller: str, second: int, later: int) -> None:
    with time_machine.travel(NOON + timedelta(seconds=second), tick=False):
        calls(caller, 10)
    moment = NOON + timedelta(seconds=second + later)
    with time_machine.travel(moment, tick=False):
        calls(caller, 10)
        refused = take(caller, 10)
    assert refused is not None
    assert not refused.granted
    with time_machine.travel(moment + timedelta(seconds=refused.wait - 1.001), tick=False):
        assert calls(caller, 1) == [False]
    with time_machine.travel(moment + timedelta(seconds=refused.wait), tick=False):
        assert calls(caller, 1) == [True]


def test_a_clock_that_is_behind_stays_in_the_minute_that_was_opened(caller: str) -> None:
    with time_machine.travel(NOON, tick=False):
        calls(caller, 8)
    with time_machine.travel(NOON - timedelta(seconds=2), tick=False):
        assert calls(caller, 3) == [True, True, False]


def test_a_caller_is_told_where_it_stands() -> None:
    fresh = Quota(limit=100, granted=True, current=1, before=0, now=60.0)
    assert fresh.headers == {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "99", "X-RateLimit-Reset": "60"}
    spent = Quota(limit=100, granted=False, current=100, before=0, now=90.0)
    assert spent.headers == {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "31"}


def test_without_a_limit_nothing_is_counted(caller: str) -> None:
    assert take(caller, 0) is None


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_everybody_passes_and_the_log_says_so_once(
    caller: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        memory.absence.until = 0.0  # as if the pause were over
        assert take(caller, 1) is None
    assert caplog.text.count("memory.unavailable") == 1


@pytest.mark.usefixtures("redis_away")
def test_a_redis_that_is_away_is_left_alone_for_a_moment(caller: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert take(caller, 1) is None
    monkeypatch.setattr(memory, "_redis", lambda: pytest.fail("asked again at once"))
    assert take(caller, 1) is None


def test_a_redis_that_forgot_the_script_is_told_it_again() -> None:
    answer = Script("return {ARGV[1], #KEYS}")
    for _ in range(2):
        assert answer.run(["a", "b"], "x") == [b"x", 2]
        client().script_flush()


def test_an_error_of_a_script_is_an_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "absence", memory.Absence())
    assert Script("return redis.call('GET')").run([]) is None
    assert memory.absence.lasts()


def test_the_fact_not_asked_for_longest_is_forgotten() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert [recent.get(key) for key in "abc"] == [1, None, 3]
