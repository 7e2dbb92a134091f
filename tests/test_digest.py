"""A digest from end to end: what was told waits, a real worker hears the bell, a real mail server takes one letter."""

from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from accounts.models import NotificationDelivery, User
from accounts.notifications import services
from accounts.notifications.choices import SendState, Topic
from connectors.tests.mail import mail_server
from tests.test_breaker_workers import until, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
QUEUE = "notify-digest"


@pytest.fixture
def reader(engineer: User) -> User:
    engineer.email = "engineer@shop.example"
    engineer.save()
    return engineer


def test_what_came_within_the_hour_is_one_letter_at_its_end(reader: User, settings: Any) -> None:
    with mail_server() as (letters, port):
        settings.EMAIL_URL = f"smtp://127.0.0.1:{port}"
        services.prefer(user=reader, topics={}, own={"digest": "hourly"}, actor=reader)
        for key in ("1", "2"):
            services.notify(topic=Topic.ASSIGNED, people=[reader], title=f"Case {key}", key=key, now=timezone.now())
        with worker(QUEUE, EMAIL_URL=settings.EMAIL_URL):
            rung = timezone.now()
            current_app.send_task(services.TASK, queue=QUEUE)
            assert set(NotificationDelivery.objects.values_list("attempts", flat=True)) == {0}, "not before its time"
            NotificationDelivery.objects.update(next_attempt_at=rung - timedelta(seconds=1))  # the hour is over
            current_app.send_task(services.TASK, queue=QUEUE)
            until(lambda: NotificationDelivery.objects.filter(state=SendState.SENT).count() == 2)
    (letter,) = letters
    assert "Subject: 2 notifications: Case 1" in letter
    assert "Case 2" in letter
