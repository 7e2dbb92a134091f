"""How often a source is asked: as its headers say, and all workers in one queue."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from connectors import limits
from connectors.errors import RateLimited
from connectors.http import Client, Endpoint
from connectors.limits import Limit, Turns, retry_after, source_time
from connectors.tests.peers import Peer, Reply, turns
from rcaplatform.kit.ids import uuid7
from rcaplatform.kit.redisclient import client as redis

WAIT = Turns.wait  # as it is before the cast of all tests goes without
GITHUB = Limit(remaining="X-RateLimit-Remaining", reset="X-RateLimit-Reset", unit="epoch", phrase="rate limit")
PAGERDUTY = Limit(remaining="ratelimit-remaining", reset="ratelimit-reset", unit="seconds")
DATE = {"date": "Thu, 26 Nov 2026 07:00:00 GMT"}
NOW = datetime(2026, 11, 26, 7, tzinfo=UTC).timestamp()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    found: list[float] = []
    monkeypatch.setattr(Turns, "wait", WAIT)
    monkeypatch.setattr("connectors.limits.time.sleep", found.append)
    return found


@pytest.fixture(params=["with Redis", "Redis away"])
def queue(request: pytest.FixtureRequest, slept: list[float]) -> Callable[[], Turns]:
    if request.param == "Redis away":
        request.getfixturevalue("redis_away")
    name = f"test:{uuid7()}"
    return lambda: Turns(name, per_second=10)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


def test_a_few_at_once_and_then_one_after_the_other(queue: Callable[[], Turns], slept: list[float]) -> None:
    for _ in range(8):
        queue().wait()
    assert slept == [pytest.approx(0.1 * number, abs=0.05) for number in (1, 2, 3)]


def test_who_would_wait_too_long_is_told_how_long(queue: Callable[[], Turns], slept: list[float]) -> None:
    queue().hold(40)
    with pytest.raises(RateLimited, match="again in 40 seconds") as limited:
        queue().wait()
    assert limited.value.seconds == pytest.approx(40, abs=0.5)
    assert slept == []


def test_all_wait_for_a_source_that_wants_to_be_left_alone(queue: Callable[[], Turns], slept: list[float]) -> None:
    queue().hold(3)
    queue().hold(1)
    queue().wait()
    assert slept == [pytest.approx(3, abs=0.5)]


def test_a_queue_is_forgotten_once_it_is_empty(slept: list[float]) -> None:
    queue = Turns(f"test:{uuid7()}", per_second=10)
    queue.wait()
    assert 0 < redis().pttl(queue.key) <= 200


def test_hosts_and_credentials_do_not_share_a_queue() -> None:
    endpoints = [
        Endpoint(url="http://127.0.0.1:1", headers={"Authorization": "one"}),
        Endpoint(url="http://127.0.0.1:1", headers={"Authorization": "two"}),
        Endpoint(url="http://127.0.0.1:2", headers={"Authorization": "one"}),
    ]
    keys = [Client(endpoint)._turns.key for endpoint in endpoints]
    assert len(set(keys)) == 3
    assert keys[0] == Client(endpoints[0])._turns.key


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("0", 0),
        ("Thu, 26 Nov 2026 07:02:00 GMT", 120),
        ("Thu, 26 Nov 2026 06:00:00 GMT", 0),
        ("999999999", limits.LONGEST),
        *((nothing, None) for nothing in ("", "-1", "nan", "inf", "soon", "9" * 400)),
    ],
)
def test_retry_after_is_understood_in_both_forms(said: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": said}, NOW) == seconds


@given(st.text())
def test_no_header_breaks_the_reading(said: str) -> None:
    for seconds in (retry_after({"retry-after": said}, NOW), GITHUB.seconds({"x-ratelimit-reset": said}, NOW)):
        assert seconds is None or 0 <= seconds <= limits.LONGEST


def test_the_clock_of_the_source_counts() -> None:
    with time_machine.travel(NOW + 500, tick=False):
        assert source_time(DATE) == NOW
        assert source_time({}) == NOW + 500


@pytest.mark.parametrize(
    ("limit", "reset", "seconds"), [(GITHUB, str(int(NOW) + 90), 90), (PAGERDUTY, "90", 90), (PAGERDUTY, "", None)]
)
def test_a_reset_is_read_as_declared(limit: Limit, reset: str, seconds: float | None) -> None:
    assert limit.seconds({limit.reset.lower(): reset}, NOW) == seconds


def asked(peer: Peer, limit: Limit | None = None) -> Client:
    return Client(Endpoint(url=peer.url, headers={"X-Test": str(uuid7())}, limit=limit))


def spent(seconds: str, **more: Any) -> Reply:
    return Reply([1], headers={"RateLimit-Remaining": "0", "RateLimit-Reset": seconds}, **more)


def test_after_the_last_free_request_the_next_one_waits(peer: Peer, slept: list[float]) -> None:
    peer.routes["/a"] = turns(spent("12"), [2])
    client = asked(peer, PAGERDUTY)
    assert [client.get("/a").json(), client.get("/a").json()] == [[1], [2]]
    assert slept == [pytest.approx(12, abs=0.5)]


def test_after_the_last_free_request_nobody_waits_for_long(peer: Peer, slept: list[float]) -> None:
    peer.routes["/a"] = spent("90")
    client = asked(peer, PAGERDUTY)
    client.get("/a")
    with pytest.raises(RateLimited) as limited:
        client.get("/a")
    assert limited.value.seconds == pytest.approx(90, abs=0.5)
    assert len(peer.asked) == 1


def test_other_workers_leave_a_source_alone_that_asked_one_to_wait(peer: Peer, slept: list[float]) -> None:
    peer.routes["/a"] = Reply(status=429, headers={"Retry-After": "45"})
    headers = {"X-Test": str(uuid7())}
    for _ in range(2):
        with pytest.raises(RateLimited):
            Client(Endpoint(url=peer.url, headers=headers)).get("/a")
    assert len(peer.asked) == 1
