"""Doorbells: they wake a worker after commit, ring once for many, and a broker that is away stops nobody."""

from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from rcaplatform.kit import doorbell, realtime

TASK = "investigations.link"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were sent."""
    tasks: list[str] = []
    monkeypatch.setattr(Celery, "send_task", lambda app, name, **options: tasks.append(name))
    return tasks


@pytest.fixture
def deserted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Celery:
    """A Celery application as the settings make it, at whose broker's address nobody listens."""
    app = Celery("deserted", set_as_current=False, broker=f"redis+socket://{tmp_path}/away.sock")
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    monkeypatch.setattr(doorbell, "current_app", app)
    return app


@pytest.mark.django_db(transaction=True)
def test_nobody_is_woken_when_the_transaction_fails(sent: list[str]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        doorbell.ring(TASK)
        raise RuntimeError
    assert sent == []


@pytest.mark.django_db
def test_many_bells_wake_one_worker_until_one_is_heard(
    sent: list[str], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(5):
            doorbell.ring_once(TASK)
    assert sent == [TASK]
    doorbell.heard(TASK)
    with django_capture_on_commit_callbacks(execute=True):
        doorbell.ring_once(TASK)
    assert sent == [TASK, TASK]


@pytest.mark.django_db(transaction=True)
def test_a_bell_is_silent_from_when_somebody_asks_for_it_until_it_is_heard(sent: list[str]) -> None:
    doorbell.hush(TASK)
    doorbell.ring_once(TASK)
    assert sent == []
    doorbell.heard(TASK)
    doorbell.ring_once(TASK)
    assert sent == [TASK]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_stops_nobody(deserted: Celery) -> None:
    with pytest.raises(OperationalError):
        deserted.send_task(TASK, retry=False)
    doorbell.ring(TASK)


@pytest.mark.django_db(transaction=True)
def test_a_cache_that_is_away_stops_nobody(monkeypatch: pytest.MonkeyPatch, sent: list[str]) -> None:
    def away(*args: object, **options: object) -> bool:
        raise RedisConnectionError

    monkeypatch.setattr(doorbell._bells(), "add", away)
    monkeypatch.setattr(doorbell._bells(), "delete", away)
    monkeypatch.setattr(doorbell._bells(), "set", away)
    doorbell.ring_once(TASK)
    doorbell.hush(TASK)
    doorbell.heard(TASK)
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_a_deaf_redis_is_no_error_for_who_publishes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deaf = Redis.from_url(f"unix://{tmp_path}/away.sock", **settings.REDIS_OPTIONS)
    monkeypatch.setattr(realtime, "_redis", lambda: deaf)
    realtime.publish(topic="events", kind="stored", count=1)
    with pytest.raises(RedisConnectionError):
        deaf.ping()
