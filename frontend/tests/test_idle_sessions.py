"""A session of the pages that nobody uses ends; what a page asks by itself is no use."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from accounts.tests.factories import PASSWORD
from frontend.tests.conftest import Browse
from investigations.models import Investigation

pytestmark = pytest.mark.django_db
FORM = {"username": "engineer", "password": PASSWORD}


@pytest.fixture(autouse=True)
def _limited(settings: Settings) -> None:
    settings.SESSION_IDLE = timedelta(minutes=30)


@pytest.fixture
def start(client: Client, engineer: User) -> datetime:
    """When the engineer signed in by hand."""
    client.post("/sign-in", FORM)
    return timezone.now()


def status(client: Client, at: datetime, address: str = "/account/") -> int:
    with time_machine.travel(at, tick=False):
        return client.get(address, headers={"hx-request": "true"}).status_code


def test_it_goes_on_while_it_is_used_and_ends_after_the_limit(client: Client, start: datetime) -> None:
    for minutes, answered in ((20, 200), (45, 200), (70, 200), (101, 401)):
        assert status(client, start + timedelta(minutes=minutes)) == answered
    assert not Session.objects.exists()
    assert status(client, start + timedelta(minutes=102)) == 401


@pytest.mark.parametrize(
    ("name", "of_a_case"),
    [
        ("investigation-news", True),
        ("timeline", True),
        ("timeline-rows", True),
        ("events-news", False),
        ("connectors-news", False),
        ("notifications-unread", False),
    ],
)
def test_what_a_page_asks_by_itself_keeps_nobody_in(
    client: Client, start: datetime, case: Investigation, name: str, of_a_case: bool
) -> None:
    arguments: list[UUID] = [case.pk] if of_a_case else []
    address = reverse(name, args=arguments)
    assert status(client, start + timedelta(minutes=20), address) != 401
    assert status(client, start + timedelta(minutes=31), address) == 401


def test_to_be_seen_on_a_case_keeps_nobody_in(client: Client, start: datetime, case: Investigation) -> None:
    address = reverse("investigation-here", args=[case.pk])
    for minutes, answered in ((20, 200), (31, 401)):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            assert client.post(address, headers={"hx-request": "true"}).status_code == answered


def test_a_page_that_saves_what_is_typed_keeps_its_session(client: Client, start: datetime) -> None:
    assert status(client, start + timedelta(minutes=20), "/api/v1/me") == 200
    assert status(client, start + timedelta(minutes=45)) == 200


def test_it_is_written_once_a_minute_at_most(client: Client, start: datetime) -> None:
    writes = []
    for seconds in (10, 50, 61, 90, 119, 122):
        with CaptureQueriesContext(connection) as queries:
            status(client, start + timedelta(seconds=seconds))
        writes.append(sum(query["sql"].startswith("UPDATE") for query in queries))
    assert writes == [0, 0, 1, 0, 0, 1]


def test_a_session_that_was_left_before_there_was_a_limit_is_over(browse: Browse, engineer: User) -> None:
    assert browse(engineer).get("/account/").status_code == 302


def test_it_ends_after_its_hours_all_the_same(client: Client, engineer: User, settings: Settings) -> None:
    settings.SESSION_AGE = timedelta(hours=1)
    client.post("/sign-in", FORM)
    start = timezone.now()
    assert [status(client, start + timedelta(minutes=minutes)) for minutes in (25, 50, 61)] == [200, 200, 401]


def test_without_a_limit_nothing_is_written(client: Client, start: datetime, settings: Settings) -> None:
    settings.SESSION_IDLE = timedelta(0)
    with CaptureQueriesContext(connection) as queries:
        assert status(client, start + timedelta(hours=20)) == 200
    assert not [query for query in queries if query["sql"].startswith("UPDATE")]
