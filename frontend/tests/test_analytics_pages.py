"""The page of analytics: what it counts, that each number leads to what it counted, and what it costs."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from events.tests.factories import EventFactory
from frontend.tests.conftest import Browse
from investigations import services
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory, LinkFactory, SuspectFactory, SuspectReportFactory

pytestmark = pytest.mark.django_db
MARCH = {"first": "2026-03-01", "last": "2026-03-31"}
PAGE = "/analytics/"


def detected(day: int, *, minutes: int | None = None, **values: Any) -> Investigation:
    """Return an investigation of a day in March, which took so many minutes, or goes on."""
    moment = datetime(2026, 3, day, 12, tzinfo=UTC)
    ended = {} if minutes is None else {"status": "resolved", "resolved_at": moment + timedelta(minutes=minutes)}
    return InvestigationFactory(detected_at=moment, **ended, **values)


def links(page: str, part: str) -> list[str]:
    """Return where the rows of one part lead."""
    section = page.partition(f'aria-labelledby="{part}-title"')[2].partition("</section>")[0]
    return [unescape(href) for href in re.findall(r'<td class="title[^>]*><a href="([^"]+)"', section)]


def listed(window: Client, address: str) -> int:
    """Return how many rows a list shows."""
    return window.get(address).text.partition("<tbody>")[2].count("<tr>")


def test_an_installation_without_anything_says_so(window: Client) -> None:
    page = window.get(PAGE)
    assert page.status_code == 200
    assert "None was opened or resolved in these days." in page.text
    assert "No event happened in these days." in page.text


def test_tiles_count_what_was_opened_resolved_and_is_active(window: Client) -> None:
    detected(2, minutes=30)
    detected(3, minutes=90)
    detected(4)
    page = window.get(PAGE, MARCH).text
    assert re.findall(r'aria-label="([^"]+: [^"]+)"', page.partition("In short")[2].partition("</ul>")[0]) == [
        "Opened: 3",
        "Resolved: 2",
        "Still active: 1",
        "Time to resolve: 1 h",
        "Events: 0",
    ]


@pytest.mark.parametrize("part", ["components", "causes", "severities", "flow"])
def test_every_row_leads_to_as_many_investigations_as_it_counts(window: Client, part: str) -> None:
    detected(2, service_affected="pay", component_affected="api", cause_category="code", impact_severity="high")
    detected(3, service_affected="pay", component_affected="api", cause_category="code")
    detected(3, service_affected="pay", minutes=1)
    detected(30)
    InvestigationFactory(service_affected="pay", component_affected="api", cause_category="code")  # of another time
    page = window.get(PAGE, MARCH).text
    counted = {
        "components": [2, 1, 1], "causes": [2, 2], "severities": [0, 1, 3, 0],
        "flow": [0, 1, 2, *[0] * 26, 1, 0],
    }[part]  # fmt: skip
    assert [listed(window, href) for href in links(page, part)] == counted


def test_sources_lead_to_their_events(window: Client) -> None:
    EventFactory.create_batch(2, source="git", timestamp=datetime(2026, 3, 31, 23, 59, tzinfo=UTC))
    EventFactory(source="git", timestamp=datetime(2026, 4, 1, tzinfo=UTC))
    page = window.get(PAGE, MARCH).text
    assert listed(window, next(href for href in links(page, "sources") if "source=git" in href)) == 2


def test_a_cause_that_came_back_to_one_service_is_named(window: Client) -> None:
    detected(2, service_affected="pay", cause_category="capacity")
    detected(9, service_affected="pay", cause_category="capacity")
    detected(9, service_affected="shop", cause_category="capacity")
    detected(9, service_affected="shop", cause_category="unknown")
    detected(9, service_affected="shop", cause_category="unknown")
    page = window.get(PAGE, MARCH).text
    recurring = page.partition('class="recurring"')[2].partition("</ul>")[0]
    assert recurring.count("<li>") == 1
    assert "pay: Capacity or load" in recurring
    assert "2 times" in recurring


def test_suggestions_people_confirmed_are_counted(window: Client, engineer: User) -> None:
    case = detected(2)
    decided = {"decided_by": engineer, "decided_at": case.detected_at, "investigation": case, "score": 0.95}
    LinkFactory(state="confirmed", **decided)
    LinkFactory(state="rejected", **decided)
    page = window.get(PAGE, MARCH).text
    assert "50 %" in page.partition("calibration-title")[2]


def test_of_suspects_people_judged_shares_are_told_from_ten_on(window: Client) -> None:
    def told() -> str:
        return str(window.get(PAGE, MARCH).text.partition("reliability-title")[2].partition("</section>")[0])

    assert "Nobody has confirmed or dismissed" in told()
    for number in range(10):
        report = SuspectReportFactory(investigation=detected(2))
        SuspectFactory(report=report, place=1, state="confirmed" if number < 8 else "dismissed")
        if number == 8:
            cache.clear()
            assert "%" not in told().partition("<tbody>")[2].partition("</tbody>")[0]
    cache.clear()
    assert "80 % (49 % to 94 %)" in told()


@pytest.mark.parametrize(
    ("asked", "field", "why"),
    [
        ({"days": "8"}, "Days", "not one of the available choices"),
        ({"first": "soon", "last": "2026-03-01"}, "id_first_error", "Enter a valid date"),
        ({"first": "2026-03-02", "last": "2026-03-01"}, "id_first_error", "This is after the last day."),
        ({"first": "2001-01-01", "last": "2026-03-01"}, "id_first_error", "at most 3,660 days"),
        ({"first": "0001-01-01", "last": "0001-01-02"}, "id_first_error", "Nothing is older"),
        ({"first": "9999-12-30", "last": "9999-12-31"}, "id_last_error", "Nothing is as late"),
        ({"first": "2026-03-02"}, "id_last_error", "Give both days, or neither."),
    ],
)
def test_days_that_make_no_sense_are_refused_by_name(
    window: Client, asked: dict[str, str], field: str, why: str
) -> None:
    page = window.get(PAGE, asked)
    assert page.status_code == 422
    assert field in page.text
    assert why in page.text


@pytest.mark.parametrize(
    ("asked", "each"),
    [
        ({"first": "2026-03-01", "last": "2026-04-14"}, "Day"),
        ({"first": "2026-03-01", "last": "2026-04-15"}, "Week"),
        ({"first": "2025-03-01", "last": "2026-03-01"}, "Month"),
    ],
)
def test_the_longer_the_span_the_longer_its_parts(window: Client, asked: dict[str, str], each: str) -> None:
    detected(1)
    assert f'<th scope="col">{each}</th>' in window.get(PAGE, asked).text


@pytest.mark.parametrize("count", [7, 30, 90])
def test_the_last_few_days_end_today_and_are_marked_as_chosen(window: Client, count: int) -> None:
    now = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    InvestigationFactory(detected_at=now - timedelta(days=count - 1))
    InvestigationFactory(detected_at=now - timedelta(days=count - 1, seconds=1))
    page = window.get(PAGE, {"days": count}).text
    assert 'aria-label="Opened: 1"' in page
    assert f'<a href="?days={count}" aria-current="true">' in page


def test_an_answer_that_is_kept_ends_when_an_investigation_changes(
    window: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_capture_on_commit_callbacks: Any,
) -> None:
    case = InvestigationFactory(detected_at=timezone.now())
    assert 'aria-label="Still active: 1"' in window.get(PAGE).text
    with django_assert_num_queries(3):
        window.get(PAGE)
    with django_capture_on_commit_callbacks(execute=True):
        services.move(investigation=case, to="in_progress", actor=case.created_by, now=timezone.now())
        services.move(investigation=case, to="resolved", actor=case.created_by, now=timezone.now())
    assert 'aria-label="Still active: 0"' in window.get(PAGE).text


def test_the_page_asks_the_same_questions_however_much_there_is(
    window: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    LinkFactory.create_batch(5)
    # Session, person, unread; then opened, resolved, severities, times (of each severity, of all), components, causes,
    # recurrences, bands and factors of confidence, whose suspects were judged; events by bucket and by source.
    with django_assert_num_queries(16):
        window.get(PAGE, MARCH)


def test_whoever_is_not_signed_in_is_sent_to_sign_in(client: Client) -> None:
    assert client.get(PAGE).status_code == 302


def test_the_page_is_one_of_the_main_ones(browse: Browse, engineer: User) -> None:
    assert 'href="/analytics/"' in browse(engineer).get("/events/").text
