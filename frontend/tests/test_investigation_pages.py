"""The list of investigations, and opening, editing, moving, deleting and relating one."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from accounts.tests.factories import UserFactory
from events.tests.factories import EventFactory
from frontend.tests.conftest import Browse
from investigations import services
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory, LinkFactory, SavedViewFactory

pytestmark = pytest.mark.django_db
LIST = "/investigations/"
FACTS = {"title": "Payments fail", "impact_severity": "high", "priority": "p1", "detected_at": "2026-03-04T12:00:00"}


def test_each_investigation_is_told_with_its_number_of_standing_events(window: Client, case: Investigation) -> None:
    LinkFactory.create_batch(2, investigation=case)
    LinkFactory(investigation=case, event=EventFactory(deleted_at=timezone.now()))
    row = window.get(LIST).text.partition("<tbody>")[2]
    assert "Payments fail" in row
    assert '<td class="number" data-unit="events">2</td>' in row


def test_the_list_asks_the_same_questions_however_long_it_is(
    window: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    LinkFactory.create_batch(3)
    # Session, person, page of investigations, their events, choices of assignee, saved views, unread.
    with django_assert_num_queries(7):
        window.get(LIST)
    LinkFactory.create_batch(20, investigation__assigned_to=UserFactory())
    SavedViewFactory.create_batch(10, shared=True)
    with django_assert_num_queries(7):
        window.get(LIST)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=gateway", {"b"}),
        ("status=active", {"a", "b"}),
        ("status=closed", {"c"}),
        ("severity=critical", {"b"}),
        ("priority=p0", {"c"}),
        ("service=CHECKOUT", {"a"}),
        ("assignee=null", {"a", "b"}),
        ("q=gateway&status=closed", set()),
    ],
)
def test_filters_narrow_the_list(window: Client, query: str, found: set[str]) -> None:
    InvestigationFactory(title="Case a", service_affected="checkout")
    InvestigationFactory(title="Case b gateway", impact_severity="critical")
    InvestigationFactory(
        title="Case c", status="closed", priority="p0", resolved_at=timezone.now(), assigned_to=UserFactory()
    )
    page = window.get(f"{LIST}?{query}").text
    assert {letter for letter in "abc" if f"Case {letter}" in page} == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("component=GATEWAY", {"a"}),
        ("cause=capacity", {"b"}),
        ("without=component", {"b", "c"}),
        ("without=component&without=cause", {"c"}),
        ("detected_from=2026-03-04&detected_to=2026-03-04", {"a", "b"}),
        ("detected_from=2026-03-05", {"c"}),
        ("resolved_from=2026-03-05&resolved_to=2026-03-05", {"b"}),
        ("resolved_to=9999-12-31", {"b"}),
    ],
)
def test_rarer_filters_take_whole_days_components_and_causes(window: Client, query: str, found: set[str]) -> None:
    InvestigationFactory(title="Case a", component_affected="gateway", detected_at=datetime(2026, 3, 4, tzinfo=UTC))
    InvestigationFactory(
        title="Case b",
        cause_category="capacity",
        detected_at=datetime(2026, 3, 4, 23, 59, 59, 999_999, UTC),
        resolved_at=datetime(2026, 3, 5, 23, 59, 59, 999_999, UTC),
    )
    InvestigationFactory(title="Case c", detected_at=datetime(2026, 3, 5, tzinfo=UTC))
    page = window.get(f"{LIST}?{query}").text
    assert {letter for letter in "abc" if f"Case {letter}" in page} == found


@pytest.mark.parametrize("name", ["detected_from", "detected_to", "resolved_from", "resolved_to", "cause", "without"])
def test_a_rarer_filter_that_is_wrong_is_open_and_says_so(window: Client, name: str) -> None:
    page = window.get(f"{LIST}?{name}=soon").text
    assert '<details class="filters-more" open>' in page
    assert page.count('class="field-error"') == 1


@pytest.mark.parametrize(
    ("sort", "order"),
    [("severity", "bca"), ("-severity", "acb"), ("detected", "cba"), ("", "abc"), ("priority", "cba")],
)
def test_the_list_can_be_sorted(window: Client, sort: str, order: str) -> None:
    InvestigationFactory(title="Case a", impact_severity="low", priority="p3")
    InvestigationFactory(title="Case b", impact_severity="critical", priority="p2")
    InvestigationFactory(title="Case c", impact_severity="high", priority="p1")
    page = window.get(f"{LIST}?sort={sort}").text
    assert "".join(sorted("abc", key=lambda letter: page.index(f"Case {letter}"))) == order


def test_when_nothing_matches_each_filter_can_be_taken_off(window: Client, case: Investigation) -> None:
    page = window.get(f"{LIST}?q=nothing&status=closed&sort=severity").text
    assert "No investigation matches" in page
    assert 'href="?status=closed&amp;sort=severity"' in page
    assert 'href="?q=nothing&amp;sort=severity"' in page


def test_a_filter_that_does_not_exist_is_told_at_its_field(window: Client, case: Investigation) -> None:
    page = window.get(f"{LIST}?severity=awful").text
    assert "awful is not one of the available choices" in page


@pytest.mark.parametrize("page", ["0", "x", "5000"])
def test_a_page_that_cannot_exist_is_refused_in_words(window: Client, page: str) -> None:
    answer = window.get(f"{LIST}?page={page}")
    assert (answer.status_code, "numbered from 1" in answer.text) == (400, True)


def test_htmx_gets_the_results_alone(window: Client, case: Investigation) -> None:
    part = window.get(LIST, headers={"hx-request": "true", "hx-target": "results"}).text
    assert "Payments fail" in part
    assert "<html" not in part


def test_history_restored_by_htmx_gets_the_whole_page(window: Client) -> None:
    headers = {"hx-request": "true", "hx-target": "results", "hx-history-restore-request": "true"}
    assert "<html" in window.get(LIST, headers=headers).text


def test_opening_an_investigation_leads_to_its_canvas(window: Client, engineer: User) -> None:
    form = {**FACTS, "tags": "payments, ,payments, checkout", "started_at": "2026-03-04T11:50:00"}
    answer = window.post(reverse("investigation-new"), form)
    made = Investigation.objects.get()
    assert answer.headers["Location"] == reverse("investigation", args=[made.pk])
    assert (made.title, made.tags, made.created_by) == ("Payments fail", ["payments", "checkout"], engineer)
    assert f"{made.detected_at:%H:%M %Z}" == "12:00 UTC"


def test_an_investigation_opened_without_a_time_was_detected_now(window: Client) -> None:
    window.post(reverse("investigation-new"), {**FACTS, "detected_at": ""})
    assert (timezone.now() - Investigation.objects.get().detected_at).total_seconds() < 60


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"title": ""}, "This field is required"),
        ({"title": "x" * 301}, "at most 300 characters"),
        ({"detected_at": "soon"}, "Enter a valid date/time"),
        ({"started_at": "2026-03-04T13:00:00"}, "after the time of detection"),
        ({"started_at": "0001-01-01T05:00:00"}, "Give a time from 1970 to 2199"),
        ({"detected_at": "9999-12-31T23:00:00"}, "Give a time from 1970 to 2199"),
        ({"tags": ",".join(f"t{number}" for number in range(51))}, "no more than 50"),
        ({"priority": "p9"}, "p9 is not one of the available choices"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_is_kept(window: Client, wrong: dict[str, str], told: str) -> None:
    form = {**FACTS, "description": "Typed at length", **wrong}
    answer = window.post(reverse("investigation-new"), form)
    assert answer.status_code == 422
    assert told in answer.text
    assert "Typed at length" in answer.text
    assert not Investigation.objects.exists()


def test_an_edit_is_saved_and_undoes_nothing_else(window: Client, case: Investigation, engineer: User) -> None:
    case.root_cause = "Known already"
    case.save()
    form = {**FACTS, "title": "Better title", "version": case.version, "assigned_to": str(engineer.pk)}
    answer = window.post(reverse("investigation-edit", args=[case.pk]), form)
    case.refresh_from_db()
    assert answer.headers["Location"] == reverse("investigation", args=[case.pk])
    assert (case.title, case.assigned_to, case.root_cause) == ("Better title", engineer, "Known already")


def test_an_edit_over_somebody_elses_shows_both_and_saves_when_sent_again(
    window: Client, case: Investigation, admin: User
) -> None:
    seen = case.version
    services.edit(investigation=case, changes={"title": "Theirs"}, actor=admin, now=timezone.now())
    form = {**FACTS, "title": "Mine", "version": seen}
    refused = window.post(reverse("investigation-edit", args=[case.pk]), form)
    assert refused.status_code == 409
    assert 'value="Mine"' in refused.text
    assert "Theirs" in refused.text
    assert f'name="version" value="{seen + 1}"' in refused.text
    case.refresh_from_db()
    assert case.title == "Theirs"
    window.post(reverse("investigation-edit", args=[case.pk]), {**form, "version": seen + 1})
    case.refresh_from_db()
    assert case.title == "Mine"


def test_findings_over_the_limit_are_refused_and_kept_on_the_page(window: Client, case: Investigation) -> None:
    form = {"findings-root_cause": "x" * 2_001, "findings-version": case.version}
    answer = window.post(reverse("investigation-findings", args=[case.pk]), form)
    assert answer.status_code == 422
    assert "at most 2000 characters (it has 2001)" in answer.text
    assert "x" * 2_001 in answer.text


def test_findings_are_saved(window: Client, case: Investigation) -> None:
    form = {"findings-root_cause": "A timeout", "findings-cause_category": "code", "findings-version": case.version}
    answer = window.post(reverse("investigation-findings", args=[case.pk]), form)
    case.refresh_from_db()
    assert answer.headers["Location"] == f"/investigations/{case.pk}/?pane=findings#notes"
    assert (case.root_cause, case.cause_category) == ("A timeout", "code")


def test_moving_along_its_life_shows_at_once(window: Client, case: Investigation) -> None:
    window.post(reverse("investigation-move", args=[case.pk]), {"to": "resolved"})
    case.refresh_from_db()
    assert case.status == "resolved"


@pytest.mark.parametrize("to", ["", "nonsense", "open"])
def test_a_move_that_cannot_be_is_refused_in_words(window: Client, case: Investigation, to: str) -> None:
    answer = window.post(reverse("investigation-move", args=[case.pk]), {"to": to})
    assert (answer.status_code, "cannot become" in answer.text) == (409, True)


def test_deleting_offers_to_undo_and_undoing_brings_it_back(window: Client, case: Investigation) -> None:
    page = window.post(reverse("investigation-delete", args=[case.pk]), follow=True).text
    undo = reverse("investigation-restore", args=[case.pk])
    assert f'action="{undo}"' in page
    assert window.get(reverse("investigation", args=[case.pk])).status_code == 404
    assert window.post(undo, follow=True).status_code == 200


def test_investigations_are_related_and_unrelated(window: Client, case: Investigation) -> None:
    other = InvestigationFactory(title="Checkout slow")
    page = reverse("investigation-relate", args=[case.pk])
    assert "Checkout slow" in window.get(page, {"q": "slow"}).text
    window.post(page, {"other": other.pk})
    assert "Checkout slow" in window.get(reverse("investigation", args=[case.pk])).text
    assert "Checkout slow" not in window.get(page).text
    window.post(page, {"other": other.pk, "take": "back"})
    assert not case.related.exists()


def test_relating_to_nothing_is_refused(window: Client, case: Investigation) -> None:
    page = reverse("investigation-relate", args=[case.pk])
    assert window.post(page, {"other": "nonsense"}).status_code == 404
    assert window.post(page, {"other": case.pk}).status_code == 400


def test_a_user_is_shown_no_button_that_they_may_not_press(browse: Browse, user: User, case: Investigation) -> None:
    page = browse(user).get(reverse("investigation", args=[case.pk])).text
    for name in ("investigation-edit", "investigation-findings", "investigation-relate"):
        assert reverse(name, args=[case.pk]) not in page
    assert 'name="to"' not in page


@pytest.mark.parametrize(
    "name", ["investigation-edit", "investigation-findings", "investigation-move", "investigation-delete"]
)
def test_a_user_cannot_change_what_is_not_theirs(browse: Browse, user: User, case: Investigation, name: str) -> None:
    answer = browse(user).post(reverse(name, args=[case.pk]), {"to": "closed", **FACTS})
    assert (answer.status_code, "may not" in answer.text) == (403, True)
    case.refresh_from_db()
    assert (case.status, case.title, case.deleted_at) == ("open", "Payments fail", None)
