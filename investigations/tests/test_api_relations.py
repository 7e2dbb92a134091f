"""What an investigation has to do with others: by people's word, and by likeness."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def case(db: None) -> Investigation:
    return InvestigationFactory(
        title="Checkout times out: connection pool exhausted", service_affected="checkout", tags=["postgres"]
    )


def url(case: Investigation, rest: str = "related") -> str:
    return f"/api/v1/investigations/{case.pk}/{rest}"


def titles(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["title"] for row in response.json()["results"]]


def test_a_relation_holds_both_ways_until_it_is_taken_back(client: APIClient, case: Investigation) -> None:
    other = InvestigationFactory(title="The other")
    made = client.post(url(case), {"investigation_id": str(other.pk)})
    assert (made.status_code, made.json()["title"]) == (201, "The other")
    assert titles(client.get(url(case))) == ["The other"]
    assert titles(client.get(url(other))) == [case.title]
    assert client.delete(url(other, f"related/{case.pk}")).status_code == 204
    assert titles(client.get(url(case))) == []
    assert client.delete(url(other, f"related/{case.pk}")).status_code == 404


def test_a_relation_told_twice_is_on_record_once(client: APIClient, case: Investigation) -> None:
    body = {"investigation_id": str(InvestigationFactory().pk)}
    assert [client.post(url(case), body).status_code for _ in range(2)] == [201, 200]
    assert AuditEntry.objects.filter(verb="relate").count() == 1


def test_filters_apply_to_related_ones_too(client: APIClient, case: Investigation) -> None:
    case.related.add(InvestigationFactory(title="Open"), InvestigationFactory(title="Closed", status="closed"))
    assert titles(client.get(url(case), {"status": "closed"})) == ["Closed"]


def test_what_was_deleted_is_related_to_nothing(client: APIClient, case: Investigation) -> None:
    gone = InvestigationFactory(deleted_at=timezone.now())
    case.related.add(gone)
    assert titles(client.get(url(case))) == []
    assert client.post(url(case), {"investigation_id": str(gone.pk)}).status_code == 404
    assert client.get(url(gone)).status_code == 404


def test_who_may_edit_one_may_relate_it_to_what_they_only_see(
    api: Callable[[User | None], APIClient], user: User
) -> None:
    mine, theirs = InvestigationFactory(created_by=user), InvestigationFactory()
    assert api(user).post(url(mine), {"investigation_id": str(theirs.pk)}).status_code == 201
    assert api(user).delete(url(theirs, f"related/{mine.pk}")).status_code == 403
    assert api(user).delete(url(mine, f"related/{theirs.pk}")).status_code == 204


@pytest.mark.parametrize("wrong", ["42", "", None, "x" * 1000, "a\x00b", ["a"]])
def test_a_wrong_id_in_the_body_is_named(client: APIClient, case: Investigation, wrong: object) -> None:
    response = client.post(url(case), {"investigation_id": wrong})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["investigation_id"])


def test_one_is_not_related_to_itself(client: APIClient, case: Investigation) -> None:
    response = client.post(url(case), {"investigation_id": str(case.pk)})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["investigation_id"])


@pytest.mark.parametrize("wrong", ["42", "%00", "../x"])
def test_a_wrong_id_in_the_address_is_not_found(client: APIClient, case: Investigation, wrong: str) -> None:
    assert client.delete(url(case, f"related/{wrong}")).status_code == 404
    for part in ("related", "similar"):
        assert client.get(f"/api/v1/investigations/{wrong}/{part}").status_code == 404


def test_nobody_relates_to_what_is_not_there(client: APIClient, case: Investigation) -> None:
    assert client.post(url(case), {"investigation_id": str(uuid4())}).status_code == 404
    assert client.delete(url(case, f"related/{InvestigationFactory().pk}")).status_code == 404


def test_a_similar_one_comes_with_its_cause_its_fix_and_the_reasons(client: APIClient, case: Investigation) -> None:
    past = InvestigationFactory(
        title="Connection pool of checkout exhausted",
        service_affected="checkout",
        tags=["Postgres", "pool"],
        status="resolved",
        resolved_at=timezone.now(),
        root_cause="A leak in the client.",
        remediation="Rolled back.",
        cause_category="code",
    )
    InvestigationFactory(title="Certificate of the mail server expired", service_affected="mail", tags=["tls"])
    answer = client.get(url(case, "similar")).json()
    (row,) = answer["results"]
    assert answer["count"] == 1
    assert (row["id"], row["root_cause"], row["remediation"]) == (str(past.pk), past.root_cause, past.remediation)
    assert (row["cause_category"], row["status"]) == ("code", "resolved")
    assert row["resolved_at"] is not None
    assert 0.5 < row["score"] <= 1
    assert row["reasons"] == [
        "Both speak of checkout, connection, exhausted, pool, postgres.",
        "Both affect checkout.",
        "Both are tagged postgres.",
    ]


def test_what_ended_with_a_known_cause_comes_first_even_where_others_are_liker(
    client: APIClient, case: Investigation
) -> None:
    told = {"service_affected": "checkout", "status": "closed"}
    InvestigationFactory(title=case.title, service_affected="checkout")
    InvestigationFactory(title=case.title, **told)
    InvestigationFactory(title="Connection pool exhausted", root_cause="A leak.", **told)
    found = client.get(url(case, "similar")).json()["results"]
    assert [bool(row["root_cause"]) for row in found] == [True, False, False]
    assert found[0]["score"] < found[1]["score"]


def test_nothing_is_similar_to_one_that_says_nothing(client: APIClient) -> None:
    case = InvestigationFactory(title="???")
    InvestigationFactory(title="???")
    assert client.get(url(case, "similar")).json() == {"count": 0, "results": []}


def test_what_was_deleted_is_no_precedent(client: APIClient, case: Investigation) -> None:
    InvestigationFactory(title=case.title, service_affected="checkout", deleted_at=timezone.now())
    assert client.get(url(case, "similar")).json()["count"] == 0


def test_at_most_twenty_are_shown(client: APIClient, case: Investigation) -> None:
    InvestigationFactory.create_batch(30, title=case.title, service_affected="checkout")
    assert client.get(url(case, "similar")).json()["count"] == 20


@pytest.mark.parametrize("title", ["'; DROP TABLE x; --", "a & b | c <-> d", '"pool" OR -not', "or or or", "🦊 näive"])
def test_whatever_a_title_holds_is_only_words(client: APIClient, title: str) -> None:
    case = InvestigationFactory(title=title, detected_at=timezone.now() - timedelta(days=1))
    assert client.get(url(case, "similar")).status_code == 200


def test_they_cost_the_same_few_queries_whatever_they_hold(
    client: APIClient, case: Investigation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    others = InvestigationFactory.create_batch(25, title=case.title)
    case.related.set(others)
    client.get("/api/v1/me")  # who asks is known from then on
    with django_assert_num_queries(3):  # the case, the page, the capped count
        client.get(url(case))
    with django_assert_num_queries(2):  # the case, the candidates
        client.get(url(case, "similar"))
