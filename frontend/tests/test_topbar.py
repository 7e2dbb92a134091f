"""The bar at the top of every page says how much one has not read."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Notification, User
from accounts.notifications import services
from accounts.notifications.choices import Topic
from accounts.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def told(person: User, times: int) -> None:
    now = timezone.now()
    Notification.objects.bulk_create(
        Notification(user=person, topic=Topic.MOVED, key=str(number), title="x", created_at=now)
        for number in range(times)
    )


def bar(window: Client) -> str:
    page = window.get("/notifications/").content.decode()
    return page[page.index('class="topbar-end"') : page.index("</header>")]


def test_it_counts_what_is_unread_and_only_ones_own(window: Client, engineer: User) -> None:
    told(engineer, 3)
    told(UserFactory(), 5)
    assert "<span>3</span>" in bar(window)
    services.read(user=engineer, now=timezone.now())
    assert "bell" not in bar(window)


def test_it_counts_no_further_than_99(window: Client, engineer: User) -> None:
    told(engineer, 150)
    assert "<span>99+</span>" in bar(window)
