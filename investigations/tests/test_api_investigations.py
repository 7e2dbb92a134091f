"""Investigations over the API: opened, found, written up, moved along their life, deleted and restored."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/investigations"


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def titles(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["title"] for row in response.json()["results"]]


def test_a_title_is_enough_to_open_one(client: APIClient, engineer: User) -> None:
    before = datetime.now(UTC)
    response = client.post(URL, {"title": "Checkout answers 500"})
    assert response.status_code == 201
    opened = response.json()
    assert (opened["status"], opened["impact_severity"], opened["priority"]) == ("open", "medium", "p2")
    assert (opened["created_by"], opened["created_by_name"]) == (str(engineer.pk), "engineer")
    assert before <= datetime.fromisoformat(opened["detected_at"]) <= datetime.now(UTC)
    assert client.get(response["Location"]).json() == opened


def test_everything_can_be_told_at_once(client: APIClient, user: User) -> None:
    told = {
        "title": "Checkout answers 500",
        "description": "Began after the deployment.",
        "status": "resolved",
        "impact_severity": "critical",
        "priority": "p0",
        "started_at": "2026-03-01T09:05:00Z",
        "detected_at": "2026-03-01T09:14:00Z",
        "resolved_at": "2026-03-01T10:00:00Z",
        "root_cause": "The pool was too small.",
        "remediation": "Rolled back.",
        "lessons_learned": "Load test the pool.",
        "cause_category": "configuration",
        "component_affected": "pool",
        "service_affected": "checkout",
        "tags": ["payments", "pool"],
        "impact_domain": "Customers",
        "estimated_mttr": 45,
        "automation_potential": "high",
        "business_impact": "1 % of orders lost.",
        "metadata": {"ticket": "INC-7"},
    }
    opened = client.post(URL, {**told, "assigned_to": "user"}).json()
    assert {name: opened[name] for name in told} == told
    assert (opened["assigned_to"], opened["assigned_to_name"]) == (str(user.pk), "user")


BODIES = {
    "no title": ({}, "title"),
    "title too long": ({"title": "x" * 301}, "title"),
    "root cause too long": ({"title": "x", "root_cause": "x" * 2001}, "root_cause"),
    "remediation too long": ({"title": "x", "remediation": "x" * 2001}, "remediation"),
    "lessons too long": ({"title": "x", "lessons_learned": "x" * 2001}, "lessons_learned"),
    "unknown status": ({"title": "x", "status": "done"}, "status"),
    "unknown priority": ({"title": "x", "priority": "p9"}, "priority"),
    "unknown severity": ({"title": "x", "impact_severity": "info"}, "impact_severity"),
    "unknown cause": ({"title": "x", "cause_category": "gremlins"}, "cause_category"),
    "nobody": ({"title": "x", "assigned_to": "nobody"}, "assigned_to"),
    "no name": ({"title": "x", "assigned_to": 7}, "assigned_to"),
    "who left": ({"title": "x", "assigned_to": "deactivated"}, "assigned_to"),
    "negative minutes": ({"title": "x", "estimated_mttr": -1}, "estimated_mttr"),
    "endless minutes": ({"title": "x", "estimated_mttr": 10**12}, "estimated_mttr"),
    "onset after detection": (
        {"title": "x", "started_at": "2026-03-02T00:00:00Z", "detected_at": "2026-03-01T00:00:00Z"},
        "started_at",
    ),
    "resolved before detected": (
        {"title": "x", "resolved_at": "2026-02-01T00:00:00Z", "detected_at": "2026-03-01T00:00:00Z"},
        "resolved_at",
    ),
    "far future": ({"title": "x", "detected_at": "2200-01-01T00:00:00Z"}, "detected_at"),
    "null character": ({"title": "x", "description": "a\x00b"}, "description"),
    "unknown field": ({"title": "x", "severity": "high"}, "severity"),
    "author of choice": ({"title": "x", "created_by": "somebody"}, "created_by"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_wrong_field_is_named(client: APIClient, deactivated: User, case: str) -> None:
    body, field = BODIES[case]
    response = client.post(URL, body)
    assert response.status_code == 400, response.content
    assert list(response.json()["errors"]) == [field]
    assert not Investigation.objects.exists()


@pytest.mark.parametrize("case", [case for case in BODIES if case != "no title"])
def test_a_wrong_field_is_named_in_a_change_too(client: APIClient, deactivated: User, case: str) -> None:
    body, field = BODIES[case]
    investigation = InvestigationFactory()
    response = client.patch(f"{URL}/{investigation.pk}", body)
    assert response.status_code == 400, response.content
    assert list(response.json()["errors"]) == [field]


def test_two_thousand_characters_are_not_too_long(client: APIClient) -> None:
    assert client.post(URL, {"title": "x", "root_cause": "ü" * 2000}).status_code == 201


def test_a_patch_changes_what_it_names_and_says_who(client: APIClient, engineer: User) -> None:
    investigation = InvestigationFactory(description="kept")
    changed = client.patch(f"{URL}/{investigation.pk}", {"root_cause": "The pool."}).json()
    assert (changed["root_cause"], changed["description"], changed["updated_by_name"]) == (
        "The pool.",
        "kept",
        "engineer",
    )


def test_a_put_resets_what_it_leaves_out_but_not_the_status(client: APIClient) -> None:
    investigation = InvestigationFactory(
        description="lost", priority="p0", status="in_progress", assigned_to=UserFactory()
    )
    body = {"title": "New", "detected_at": "2026-03-01T09:14:00Z"}
    changed = client.put(f"{URL}/{investigation.pk}", body).json()
    assert (changed["title"], changed["description"], changed["priority"]) == ("New", "", "p2")
    assert (changed["assigned_to"], changed["status"]) == (None, "in_progress")


def test_what_was_read_can_be_put_back_with_a_change(client: APIClient) -> None:
    investigation = InvestigationFactory(assigned_to=UserFactory())
    body = client.get(f"{URL}/{investigation.pk}").json() | {"title": "Corrected"}
    response = client.put(f"{URL}/{investigation.pk}", body)
    assert response.status_code == 200, response.json()
    assert response.json() | {"updated_at": 0} == body | {
        "updated_by": response.json()["updated_by"],
        "updated_by_name": "engineer",
        "updated_at": 0,
        "version": 2,
    }


def test_a_change_meant_for_another_version_is_refused_with_the_present_one(client: APIClient) -> None:
    url = f"{URL}/{InvestigationFactory().pk}"
    read = client.get(url)
    client.patch(url, {"root_cause": "Mine"})
    late = client.patch(url, {"root_cause": "Theirs"}, headers={"If-Match": read["ETag"]})
    assert late.status_code == 412
    assert late.json()["present"]["root_cause"] == "Mine"
    for move in ("close", "status"):
        body = {"status": "closed"} if move == "status" else None
        assert client.post(f"{url}/{move}", body, headers={"If-Match": read["ETag"]}).status_code == 412
    assert client.get(url).json()["status"] == "open"


def test_an_investigation_is_closed_and_reopened(client: APIClient) -> None:
    url = f"{URL}/{InvestigationFactory().pk}"
    closed = client.post(f"{url}/close")
    assert closed.status_code == 200
    assert (closed.json()["status"], closed.json()["may_become"]) == ("closed", ["in_progress"])
    assert closed.json()["resolved_at"] is not None
    assert client.post(f"{url}/close").json()["code"] == "illegal_move"
    reopened = client.post(f"{url}/reopen")
    assert (reopened.json()["status"], reopened.json()["resolved_at"]) == ("in_progress", None)
    again = client.post(f"{url}/reopen")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_move")
    assert client.get(f"{url}/status").json() == reopened.json()


@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_a_status_is_set_by_any_method_that_writes(client: APIClient, method: str) -> None:
    url = f"{URL}/{InvestigationFactory().pk}"
    answer = getattr(client, method)(f"{url}/status", {"status": "resolved"})
    assert (answer.status_code, answer.json()["status"], answer["ETag"]) == (200, "resolved", '"2"')


def test_a_status_that_may_not_follow_is_refused_with_what_may(client: APIClient) -> None:
    url = f"{URL}/{InvestigationFactory(status='closed', resolved_at=datetime.now(UTC) + timedelta(hours=1)).pk}"
    for answer in (client.post(f"{url}/status", {"status": "open"}), client.patch(url, {"status": "open"})):
        assert answer.status_code == 409
        assert "in_progress" in answer.json()["detail"]
    assert client.post(f"{url}/status", {"status": "done"}).json()["errors"].keys() == {"status"}


def test_a_change_and_a_move_in_one_patch_happen_both_or_neither(client: APIClient) -> None:
    url = f"{URL}/{InvestigationFactory().pk}"
    done = client.patch(url, {"root_cause": "The pool.", "status": "resolved"}).json()
    assert (done["root_cause"], done["status"]) == ("The pool.", "resolved")
    assert client.patch(url, {"root_cause": "Another.", "status": "open"}).status_code == 409
    assert client.get(url).json()["root_cause"] == "The pool."


def test_a_deleted_one_is_gone_until_it_is_restored(client: APIClient) -> None:
    url = f"{URL}/{InvestigationFactory().pk}"
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
    assert client.get(f"{url}/notes").status_code == 404
    assert titles(client.get(URL)) == []
    assert client.post(f"{url}/restore").status_code == 200
    assert client.get(url).status_code == 200


FILTERS: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, Any]]] = {
    "status": ({"status": "resolved"}, {"status": "resolved"}, {}),
    "priority": ({"priority": "p0"}, {"priority": "p0"}, {}),
    "severity": ({"severity": "critical"}, {"impact_severity": "critical"}, {}),
    "component": ({"component": "pool"}, {"component_affected": "pool"}, {"component_affected": "pools"}),
    "service": ({"service": "checkout"}, {"service_affected": "checkout"}, {"service_affected": "check"}),
    "tag": ({"tag": "pay"}, {"tags": ["pay", "x"]}, {"tags": ["payments"]}),
    "window": (
        {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"},
        {"detected_at": datetime(2026, 3, 1, 12, tzinfo=UTC)},
        {"detected_at": datetime(2026, 3, 3, tzinfo=UTC)},
    ),
    "words": ({"q": "exhausted pool"}, {"description": "The pool is exhausted."}, {"description": "The pool."}),
}


@pytest.mark.parametrize("case", FILTERS)
def test_a_filter_keeps_what_matches_it(client: APIClient, case: str) -> None:
    query, wanted, other = FILTERS[case]
    InvestigationFactory(title="wanted", **wanted)
    InvestigationFactory(title="other", **other)
    assert titles(client.get(URL, query)) == ["wanted"]


@pytest.mark.parametrize("by", ["assigned_to", "created_by"])
def test_a_person_is_named_by_id_by_username_or_as_me(client: APIClient, engineer: User, by: str) -> None:
    InvestigationFactory(title="mine", **{by: engineer})
    InvestigationFactory(title="other")
    for name in (str(engineer.pk), "engineer", "me"):
        assert titles(client.get(URL, {by: name})) == ["mine"]
    assert titles(client.get(URL, {by: "nobody"})) == []


def test_a_search_finds_what_was_written_up_and_shows_where(client: APIClient) -> None:
    InvestigationFactory(title="Slow login", lessons_learned="Watch the <b>connection pool</b>.")
    InvestigationFactory(title="Another")
    (row,) = client.get(f"{URL}/search", {"q": '"connection pool"'}).json()["results"]
    assert row["title"] == "Slow login"
    assert "<mark>connection</mark> <mark>pool</mark>" in row["excerpt"]
    assert "<b>" not in row["excerpt"]


def test_lists_and_details_cost_the_same_few_queries_whatever_they_hold(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    cases = [InvestigationFactory(assigned_to=UserFactory()) for _ in range(25)]
    with django_assert_num_queries(3):  # who asks, the page, the capped count
        client.get(URL)
    with django_assert_num_queries(1):  # who asks is known by now; a cursor counts nothing
        client.get(URL, {"cursor": ""})
    with django_assert_num_queries(1):  # the case with its people
        client.get(f"{URL}/{cases[0].pk}")
