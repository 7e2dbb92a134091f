"""Answers are kept while they are true, and given without Redis too."""

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from rcaplatform.kit import realtime
from rcaplatform.kit.answers import kept
from rcaplatform.kit.realtime import publish
from rcaplatform.kit.redisclient import client

pytestmark = pytest.mark.django_db(transaction=True)


class Counter:
    """Says how often it was asked."""

    asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.asked


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_an_answer_is_kept_and_questions_are_told_apart(counter: Counter) -> None:
    assert [kept("one", about=("events",), make=counter) for _ in range(3)] == [1, 1, 1]
    assert kept("another", about=("events",), make=counter) == 2


def test_what_is_told_ends_the_answers_about_it_alone(counter: Counter) -> None:
    kept("events", about=("events",), make=counter)
    kept("cases", about=("investigation",), make=counter)
    publish(topic="investigation:some-id", kind="edited")
    assert kept("events", about=("events",), make=counter) == 1
    assert kept("cases", about=("investigation",), make=counter) == 3


def test_what_is_told_while_the_answer_is_made_ends_it(counter: Counter) -> None:
    def make() -> int:
        publish(topic="events", kind="stored", count=1)
        return counter()

    assert [kept("x", about=("events",), make=make) for _ in range(2)] == [1, 2]


def test_an_answer_may_hold_a_moment_whatever_is_told(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("rcaplatform.kit.answers.time.time", lambda: clock[0])
    said = []
    for moment in (1_000.0, 1_000.9, 1_001.1):
        clock[0] = moment
        said.append(kept("x", about=("events",), make=counter, settles=1.0))
        publish(topic="events", kind="stored", count=1)
    assert said == [1, 1, 2]


def test_without_redis_every_answer_is_made(counter: Counter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deaf: Any = Redis(unix_socket_path=str(tmp_path / "nobody"))
    monkeypatch.setattr(realtime, "_redis", lambda: deaf)
    assert [kept("x", about=("events",), make=counter) for _ in range(2)] == [1, 2]


def test_an_answer_lasts_five_minutes(counter: Counter) -> None:
    kept("x", about=("events",), make=counter)
    store: Any = client()
    (found,) = list(store.keys("*answer:*"))
    assert 290 < store.ttl(found) <= 300
