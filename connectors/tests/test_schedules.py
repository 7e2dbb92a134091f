"""Each polled connector has a schedule of its own where beat looks, and the two always agree."""

from typing import Any

import pytest
from celery import current_app
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from accounts.models import User
from connectors import schedules, services
from connectors.models import Connector
from connectors.tests.factories import ConnectorFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector() -> Connector:
    values = {"path": "/app.log"}
    return services.connect(name="log", kind="jsonlines", values=values, actor=None, now=timezone.now(), interval=90)


def schedule() -> PeriodicTask:
    return PeriodicTask.objects.select_related("interval").get(name="poll log")


def test_a_new_connector_is_scheduled_at_its_interval(connector: Connector) -> None:
    made = schedule()
    assert (made.task, made.args, made.enabled) == ("connectors.poll", f'["{connector.pk}"]', True)
    assert (made.interval.every, made.interval.period, made.expire_seconds) == (90, "seconds", 90)


def test_another_interval_is_another_schedule(connector: Connector, admin: User) -> None:
    services.configure(connector=connector, interval=300, values={}, actor=admin, now=timezone.now())
    assert schedule().interval.every == 300


def test_a_connector_that_is_off_rings_no_bell_and_one_that_is_on_again_does(connector: Connector, admin: User) -> None:
    services.switch(connector=connector, enabled=False, actor=admin, now=timezone.now())
    assert not schedule().enabled
    services.switch(connector=connector, enabled=True, actor=admin, now=timezone.now())
    assert schedule().enabled


def test_what_only_calls_us_rings_no_bell() -> None:
    services.connect(name="log", kind="github", values={"secret": "x"}, actor=None, now=timezone.now())
    assert not schedule().enabled


def test_connectors_of_an_earlier_release_are_scheduled_when_the_product_starts() -> None:
    ConnectorFactory(name="log", kind="jsonlines", config={"path": "/app.log"}, secret={}, next_poll_at=timezone.now())
    schedules.keep_all()
    schedules.keep_all()
    assert schedule().enabled


@pytest.mark.django_db(transaction=True)
def test_beat_finds_it_beside_the_fixed_schedules(connector: Connector) -> None:
    beat = DatabaseScheduler(app=current_app, lazy=True)
    beat.setup_schedule()
    found: dict[str, Any] = beat.schedule
    assert {"poll log", "look for overdue and silent connectors"} <= found.keys()
