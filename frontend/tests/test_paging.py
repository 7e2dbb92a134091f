"""Pages by key: forwards, backwards, in both orders, among equal times."""

from datetime import UTC, datetime, timedelta

import pytest

from events.models import Event
from events.tests.factories import EventFactory, OriginFactory
from frontend.paging import Page, by_time, numbered
from rcaplatform.kit.errors import Invalid

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def five() -> list[str]:
    """Return titles, newest first; the middle three happened in the same microsecond."""
    origin = OriginFactory()
    moments = [NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=1), NOON + timedelta(seconds=1)]
    for number, moment in enumerate([*moments, NOON + timedelta(seconds=2)]):
        EventFactory(origin=origin, title=str(number), timestamp=moment)
    return [event.title for event in Event.objects.order_by("-timestamp", "-id")]


def titles(page: Page) -> list[str]:
    return [event.title for event in page.items]


@pytest.mark.parametrize("newest_first", [True, False])
def test_walking_forwards_and_back_shows_each_once(five: list[str], newest_first: bool) -> None:
    expected = five if newest_first else five[::-1]
    rows = Event.objects.all()
    first = by_time(rows, size=2, newest_first=newest_first)
    second = by_time(rows, size=2, after=first.next, newest_first=newest_first)
    third = by_time(rows, size=2, after=second.next, newest_first=newest_first)
    assert titles(first) + titles(second) + titles(third) == expected
    assert (first.previous, third.next) == ("", "")
    back = by_time(rows, size=2, before=third.previous, newest_first=newest_first)
    assert titles(back) == titles(second)
    assert titles(by_time(rows, size=2, before=back.previous, newest_first=newest_first)) == titles(first)


def test_the_first_page_reached_backwards_knows_that_it_is_first(five: list[str]) -> None:
    rows = Event.objects.all()
    second = by_time(rows, size=2, after=by_time(rows, size=2).next)
    first = by_time(rows, size=2, before=second.previous)
    assert first.previous == ""
    assert first.next


@pytest.mark.parametrize("text", ["x", "1-2", "999999999999999999-" + "0" * 32, "'; DROP TABLE--", "1-" + "g" * 32])
def test_a_cursor_somebody_made_up_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        by_time(Event.objects.all(), size=2, after=text)


@pytest.mark.parametrize("number", ["0", "1001", "-1", "x", "99999", "1.5"])
def test_a_page_number_out_of_bounds_is_refused(number: str) -> None:
    with pytest.raises(Invalid):
        numbered(Event.objects.all(), size=2, number=number)


def test_numbered_pages_know_their_neighbours(five: list[str]) -> None:
    page = numbered(Event.objects.order_by("-timestamp", "-id"), size=2, number="2")
    assert (titles(page), page.previous, page.next) == (five[2:4], "1", "3")
    assert numbered(Event.objects.order_by("id"), size=2, number="3").next == ""
