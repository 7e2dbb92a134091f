"""All events, and one."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from events.tests.factories import EventFactory
from frontend.tests.conftest import Browse
from frontend.views import events as views
from investigations.models import Investigation, Link

pytestmark = pytest.mark.django_db


def test_the_list_asks_the_same_questions_however_long_it_is(
    window: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 30):
        EventFactory.create_batch(number)
        # Session, person, page of events, the newest, unread.
        with django_assert_num_queries(5):
            window.get("/events/")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abc"),
        ("q=gateway", "c"),
        ("q=%22no+such+phrase%22", ""),
        ("source=git", "a"),
        ("severity=critical", "b"),
        ("service=payments", "c"),
        ("event_type=commit", "a"),
    ],
)
def test_filters_narrow_the_list(window: Client, query: str, found: str) -> None:
    EventFactory(title="Event a", source="git", event_type="commit")
    EventFactory(title="Event b", severity="critical")
    EventFactory(title="Event c gateway", service="payments")
    page = window.get(f"/events/?{query}").text
    assert "".join(letter for letter in "abc" if f"Event {letter}" in page) == found


def test_times_narrow_the_list(window: Client) -> None:
    now = timezone.now()
    EventFactory(title="Old one", timestamp=now - timedelta(days=2))
    EventFactory(title="New one", timestamp=now)
    since = f"{now - timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert "Old one" not in window.get("/events/", {"since": since}).text
    assert "New one" not in window.get("/events/", {"until": since}).text


def test_older_and_newer_lead_there_and_back(window: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "PER_PAGE", 2)
    for number in range(4):
        EventFactory(title=f"Event {number}", timestamp=timezone.now() - timedelta(hours=number))
    first = window.get("/events/").text
    older = first.partition('rel="next"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    second = window.get(f"/events/{older}").text
    assert "Event 2" in second
    assert "Event 1" not in second
    newer = second.partition('rel="prev"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "Event 1" in window.get(f"/events/{newer}").text


def test_deleted_events_are_shown_nowhere(window: Client) -> None:
    event = EventFactory(title="Gone", deleted_at=timezone.now())
    assert "Gone" not in window.get("/events/").text
    assert window.get(reverse("event", args=[event.pk])).status_code == 404


def test_an_empty_store_tells_how_to_connect_a_source(window: Client) -> None:
    assert "manage.py connect git" in window.get("/events/").text


def test_an_event_tells_where_it_is_linked_and_can_be_linked_elsewhere(
    window: Client, link: Link, case: Investigation
) -> None:
    page = window.get(reverse("event", args=[link.event_id])).text
    assert f"/investigations/{case.pk}/?event={link.event_id}" in page
    assert "<option" not in page
    lone = EventFactory()
    assert f'<option value="{case.pk}">' in window.get(reverse("event", args=[lone.pk])).text


def test_a_user_is_not_offered_to_link(browse: Browse, user: User, case: Investigation) -> None:
    assert "<option" not in browse(user).get(reverse("event", args=[EventFactory().pk])).text


def test_choosing_for_an_investigation_leads_to_its_canvas(window: Client, case: Investigation) -> None:
    event = EventFactory()
    page = window.get("/events/", {"for": str(case.pk)}).text
    assert f'href="/investigations/{case.pk}/?event={event.pk}"' in page


def test_the_address_of_an_event_at_its_source_opens_apart_and_tells_it_nothing(window: Client) -> None:
    event = EventFactory(url="https://git.example.org/commit/1")
    page = window.get(reverse("event", args=[event.pk])).text
    assert 'target="_blank"' in page
    assert 'rel="noopener noreferrer"' in page


def test_events_that_came_since_are_counted_up_to_a_hundred(window: Client) -> None:
    newest = EventFactory()
    address = reverse("events-news")
    assert window.get(address, {"newest": str(newest.pk)}).status_code == 204
    EventFactory.create_batch(2)
    assert "2 new events" in window.get(address, {"newest": str(newest.pk)}).text
    EventFactory.create_batch(99)
    assert "More than 100 new events" in window.get(address, {"newest": str(newest.pk)}).text
    assert window.get(address, {"newest": "nonsense"}).status_code == 400


def test_a_payload_of_any_size_leaves_the_page_bounded(window: Client) -> None:
    event = EventFactory(raw_data={"log": ["x" * 1_000] * 1_000})
    page = window.get(reverse("event", args=[event.pk])).text
    assert len(page) < 200_000
    assert "more characters" in page
