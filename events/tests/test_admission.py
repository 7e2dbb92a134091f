"""Back-pressure: while too many events wait to be linked, clients are asked to come back; nothing is dropped."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient
from time_machine import TimeMachineFixture

from accounts.models import User
from events import admission
from events.admission import LONGEST, LOOK_EVERY, Watch, require_room, wait_for_room
from events.models import Event
from events.tests.factories import EventFactory
from rcaplatform.kit.errors import Busy

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Nobody has looked yet, and nobody will look again within the test."""
    fresh = Watch()
    monkeypatch.setattr(admission, "watch", fresh)
    return fresh


@pytest.mark.parametrize(
    ("address", "body"), [("/api/v1/events", {"title": "x"}), ("/api/v1/events/bulk", [{"title": "x"}])]
)
def test_a_client_is_asked_to_come_back_while_too_many_wait(
    api: Callable[[User | None], APIClient],
    engineer: User,
    settings: Settings,
    address: str,
    body: object,
    watch: Watch,
    time_machine: TimeMachineFixture,
) -> None:
    settings.EVENT_QUEUE_LIMIT = 2
    time_machine.move_to(timezone.now(), tick=False)
    EventFactory.create_batch(3, received_at=timezone.now() - timedelta(seconds=20))
    refused = api(engineer).post(address, body)
    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (429, "busy", "10")
    assert Event.objects.count() == 3
    Event.objects.update(linked_at=timezone.now())
    watch.looked -= LOOK_EVERY
    assert api(engineer).post(address, body).status_code < 300
    assert Event.objects.count() == 4


@pytest.mark.parametrize(("age", "seconds"), [(0, 1), (30, 15), (3_600, LONGEST)])
def test_how_long_to_wait_follows_from_how_long_the_oldest_waits(age: int, seconds: int) -> None:
    EventFactory.create_batch(2, received_at=timezone.now() - timedelta(seconds=age))
    assert wait_for_room(1) == seconds
    assert wait_for_room(2) == 0


def test_the_queue_is_looked_at_once_a_second(
    settings: Settings, django_assert_num_queries: DjangoAssertNumQueries, watch: Watch
) -> None:
    with django_assert_num_queries(1):
        require_room()
        require_room()
    watch.looked -= LOOK_EVERY
    with django_assert_num_queries(1):
        require_room()


def test_without_a_limit_nobody_is_refused(
    settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    EventFactory.create_batch(2)
    settings.EVENT_QUEUE_LIMIT = 1
    with pytest.raises(Busy):
        require_room()
    settings.EVENT_QUEUE_LIMIT = 0
    with django_assert_num_queries(0):
        require_room()
