"""The bar at the top of every page says how much one has not read."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from redis import Redis

from accounts.models import Notification, User
from accounts.notifications import services
from accounts.notifications.choices import Topic
from accounts.tests.factories import UserFactory
from rcaplatform.kit.realtime import channel

pytestmark = pytest.mark.django_db


def told(person: User, times: int) -> None:
    now = timezone.now()
    Notification.objects.bulk_create(
        Notification(user=person, topic=Topic.MOVED, key=str(number), title="x", created_at=now)
        for number in range(times)
    )


def notify(person: User, now: datetime) -> None:
    services.notify(topic=Topic.MOVED, people=[person, UserFactory()], title="x", key="1", now=now)


@contextmanager
def heard(person: User) -> Iterator[list[Any]]:
    """Return what is said to the open pages of a person, once the block is left."""
    said: list[Any] = []
    with Redis.from_url(settings.REDIS_URL) as redis, redis.pubsub() as messages:
        messages.subscribe(channel(f"person:{person.pk}"))
        assert messages.get_message(timeout=5) is not None
        yield said
        while (message := messages.get_message(timeout=0.2)) is not None:
            said.append(orjson.loads(message["data"]))


def bar(window: Client) -> str:
    page = window.get("/notifications/").content.decode()
    return page[page.index('class="topbar-end"') : page.index("</header>")]


def test_it_counts_what_is_unread_and_only_ones_own(window: Client, engineer: User) -> None:
    told(engineer, 3)
    told(UserFactory(), 5)
    assert "<span data-unread>3</span>" in bar(window)
    services.read(user=engineer, now=timezone.now())
    assert "<span data-unread></span>" in bar(window)


def test_it_counts_no_further_than_99(window: Client, engineer: User) -> None:
    told(engineer, 150)
    assert "<span data-unread>99+</span>" in bar(window)


def test_an_open_page_asks_for_the_count_in_the_words_of_the_bar(window: Client, engineer: User) -> None:
    assert window.get("/notifications/unread").text == ""
    told(engineer, 2)
    answer = window.get("/notifications/unread")
    assert (answer.text, answer.headers["Content-Type"]) == ("2", "text/plain; charset=utf-8")


@pytest.mark.django_db(transaction=True)
def test_open_pages_are_rung_when_something_is_told_and_when_it_is_read(engineer: User) -> None:
    now = timezone.now()
    with heard(engineer) as messages:
        notify(engineer, now)
        notify(engineer, now)  # nobody is told of it twice
        services.read(user=engineer, now=now)
        services.read(user=engineer, now=now)
    assert messages == [{"kind": "inbox"}] * 2
