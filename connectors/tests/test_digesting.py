"""A worker at its queue of deliveries: what gathers is digested together, and nothing waits for a silent bell."""

from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery
from django.utils import timezone

from connectors import digestion, reception, tasks
from connectors.choices import DeliveryState
from connectors.models import Connector, Delivery
from connectors.tests.factories import ConnectorFactory, DeliveryFactory
from connectors.tests.github import signed
from rcaplatform.kit import doorbell

pytestmark = pytest.mark.django_db(transaction=True)
PING = b'{"zen": "Speak like a human."}'


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bells that were rung."""
    rung: list[str] = []
    monkeypatch.setattr(Celery, "send_task", lambda app, name, **options: rung.append(name))
    return rung


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many deliveries were taken each time that any were."""
    sizes: list[int] = []
    genuine = digestion._digest

    def counted(ids: Any, now: Any) -> None:
        sizes.append(len(ids))
        genuine(ids, now)

    monkeypatch.setattr(digestion, "_digest", counted)
    return sizes


def once(deed: Callable[[], Any]) -> Callable[..., None]:
    """Return what does ``deed`` when it is called first, and nothing after that."""
    left = [deed]

    def call(*_: Any) -> None:
        if left:
            left.pop()()

    return call


def receive(connector: Connector, *keys: str) -> None:
    for key in keys:
        reception.receive(connector=connector, headers=signed(PING, key=key), body=PING, now=timezone.now())


def pending() -> int:
    return Delivery.objects.filter(state=DeliveryState.PENDING).count()


def test_what_gathers_is_digested_together_and_wakes_nobody_else(
    monkeypatch: pytest.MonkeyPatch, sent: list[str], batches: list[int]
) -> None:
    connector = ConnectorFactory()
    monkeypatch.setattr(digestion, "sleep", once(lambda: receive(connector, "second", "third", "fourth")))
    receive(connector, "first")
    tasks.digest()
    assert (sent, batches, pending()) == ([reception.DIGEST_TASK], [1, 3], 0)


def test_what_came_before_the_bell_rings_again_is_not_left_behind(
    monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    connector, genuine = ConnectorFactory(), doorbell.heard
    late = once(lambda: receive(connector, "late"))

    def heard(task: str) -> None:
        late()
        genuine(task)

    monkeypatch.setattr(digestion, "heard", heard)
    monkeypatch.setattr(digestion, "sleep", lambda _: None)
    receive(connector, "first")
    tasks.digest()
    assert (sent, pending()) == ([reception.DIGEST_TASK], 0)


def test_the_bell_rings_again_when_the_work_is_done(monkeypatch: pytest.MonkeyPatch, sent: list[str]) -> None:
    monkeypatch.setattr(digestion, "sleep", lambda _: None)
    connector = ConnectorFactory()
    for key in ("first", "second"):
        receive(connector, key)
        tasks.digest()
    assert sent == [reception.DIGEST_TASK] * 2


def test_a_full_batch_lets_the_next_delivery_wake_one_more_worker(
    monkeypatch: pytest.MonkeyPatch, sent: list[str], batches: list[int]
) -> None:
    monkeypatch.setattr(digestion, "BATCH", 2)
    connector, genuine = ConnectorFactory(), doorbell.heard
    another = once(lambda: receive(connector, "another"))

    def heard(task: str) -> None:
        genuine(task)
        another()

    monkeypatch.setattr(digestion, "heard", heard)
    monkeypatch.setattr(digestion, "sleep", lambda _: None)
    receive(connector, "first", "second")
    tasks.digest()
    assert (sent, batches) == ([reception.DIGEST_TASK] * 2, [2, 1])


def test_what_comes_alone_because_it_failed_before_waits_for_no_company(
    monkeypatch: pytest.MonkeyPatch, batches: list[int]
) -> None:
    def sleep(_: float) -> None:
        raise AssertionError("It waits.")

    monkeypatch.setattr(digestion, "sleep", sleep)
    DeliveryFactory.create_batch(3, attempts=1, next_attempt_at=timezone.now())
    tasks.digest()
    assert batches == [1, 1, 1]


def test_a_worker_that_is_never_done_lets_others_get_on(monkeypatch: pytest.MonkeyPatch, sent: list[str]) -> None:
    monkeypatch.setattr(digestion, "SHIFT", 0)
    tasks.digest()
    assert sent == [reception.DIGEST_TASK]
