"""Hypotheses over the API: put down, weighed by events, judged, kept when ruled out; each within its investigation."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from events.tests.factories import EventFactory
from investigations.models import Evidence, Hypothesis, Investigation
from investigations.tests.factories import EvidenceFactory, HypothesisFactory, InvestigationFactory, LinkFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def case(db: None) -> Investigation:
    return InvestigationFactory()


@pytest.fixture
def guess(case: Investigation) -> Hypothesis:
    return HypothesisFactory(investigation=case)


def url(case: Investigation, rest: str = "") -> str:
    return f"/api/v1/investigations/{case.pk}/hypotheses{rest}"


def evidence_url(guess: Hypothesis, rest: str = "") -> str:
    return url(guess.investigation, f"/{guess.pk}/evidence{rest}")


def test_a_hypothesis_is_put_down_open_and_read(client: APIClient, case: Investigation) -> None:
    made = client.post(url(case), {"statement": "The pool was exhausted."})
    assert made.status_code == 201
    assert (made.json()["verdict"], made.json()["author_name"]) == ("open", "engineer")
    assert client.get(made["Location"]).json() == made.json()
    assert client.get(url(case)).json()["results"] == [made.json()]


def test_one_that_is_ruled_out_stays_on_the_list(client: APIClient, guess: Hypothesis) -> None:
    one = url(guess.investigation, f"/{guess.pk}")
    assert client.patch(one, {"verdict": "ruled_out"}).json()["version"] == 2
    assert [row["verdict"] for row in client.get(url(guess.investigation)).json()["results"]] == ["ruled_out"]
    assert client.get(url(guess.investigation), {"verdict": "open"}).json()["results"] == []


def test_a_verdict_is_on_the_record(client: APIClient, guess: Hypothesis) -> None:
    client.patch(url(guess.investigation, f"/{guess.pk}"), {"verdict": "supported"})
    entry = AuditEntry.objects.get(target_type="hypothesis", verb="edit")
    assert entry.change == {"verdict": ["open", "supported"]}


def test_a_verdict_meant_for_another_version_is_refused(client: APIClient, guess: Hypothesis) -> None:
    one = url(guess.investigation, f"/{guess.pk}")
    read = client.get(one)
    client.patch(one, {"verdict": "supported"})
    late = client.patch(one, {"verdict": "ruled_out"}, headers={"If-Match": read["ETag"]})
    assert (late.status_code, late.json()["present"]["verdict"]) == (412, "supported")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "statement"),
        ({"statement": ""}, "statement"),
        ({"statement": " \n"}, "statement"),
        ({"statement": "x" * 501}, "statement"),
        ({"statement": None}, "statement"),
        ({"statement": "x", "verdict": "guilty"}, "verdict"),
        ({"statement": "x", "author": str(uuid4())}, "author"),
    ],
)
def test_bad_input_is_refused_by_the_name_of_its_field(
    client: APIClient, case: Investigation, body: dict[str, Any], field: str
) -> None:
    answer = client.post(url(case), body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not Hypothesis.objects.exists()


def test_a_deleted_one_is_gone_until_it_is_restored(client: APIClient, guess: Hypothesis) -> None:
    one = url(guess.investigation, f"/{guess.pk}")
    assert client.delete(one).status_code == 204
    assert {client.get(one).status_code, client.get(evidence_url(guess)).status_code} == {404}
    assert client.post(f"{one}/restore").status_code == 200
    assert client.get(one).status_code == 200


def test_an_event_of_the_investigation_is_weighed_with_a_reason(client: APIClient, guess: Hypothesis) -> None:
    event = LinkFactory(investigation=guess.investigation).event
    body = {"event": str(event.pk), "stance": "contradicts", "why": "It came later."}
    made = client.post(evidence_url(guess), body)
    assert made.status_code == 201
    (row,) = client.get(evidence_url(guess)).json()["results"]
    assert (row["stance"], row["why"], row["event_title"]) == ("contradicts", "It came later.", event.title)


def test_an_event_is_weighed_once_for_each_hypothesis(client: APIClient, guess: Hypothesis) -> None:
    event = EvidenceFactory(hypothesis=guess).event
    again = client.post(evidence_url(guess), {"event": str(event.pk), "stance": "neutral"})
    assert again.status_code == 409
    assert Evidence.objects.get().stance == "supports"


def test_evidence_is_changed_but_never_moved_to_another_event(client: APIClient, guess: Hypothesis) -> None:
    piece = EvidenceFactory(hypothesis=guess)
    one = evidence_url(guess, f"/{piece.pk}")
    assert client.patch(one, {"stance": "neutral"}).json()["stance"] == "neutral"
    refused = client.patch(one, {"event": str(LinkFactory(investigation=guess.investigation).event_id)})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["event"])


@pytest.mark.parametrize(
    ("stance", "why", "field"), [("maybe", "", "stance"), ("", "", "stance"), ("neutral", "x" * 1_001, "why")]
)
def test_bad_evidence_is_refused_by_the_name_of_its_field(
    client: APIClient, guess: Hypothesis, stance: str, why: str, field: str
) -> None:
    event = LinkFactory(investigation=guess.investigation).event_id
    answer = client.post(evidence_url(guess), {"event": str(event), "stance": stance, "why": why})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_an_event_that_is_not_linked_is_no_evidence(client: APIClient, guess: Hypothesis) -> None:
    for event in (EventFactory().pk, uuid4()):
        answer = client.post(evidence_url(guess), {"event": str(event), "stance": "supports"})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["event"])


def test_evidence_that_was_weighed_anew_meanwhile_is_not_restored_over_it(client: APIClient, guess: Hypothesis) -> None:
    piece = EvidenceFactory(hypothesis=guess)
    one = evidence_url(guess, f"/{piece.pk}")
    client.delete(one)
    client.post(evidence_url(guess), {"event": str(piece.event_id), "stance": "neutral"})
    assert client.post(f"{one}/restore").status_code == 409


def test_foreign_ids_do_not_exist(client: APIClient, case: Investigation) -> None:
    foreign = HypothesisFactory()
    piece = EvidenceFactory(hypothesis=foreign)
    own = HypothesisFactory(investigation=case)
    one, theirs = url(case, f"/{foreign.pk}"), evidence_url(own, f"/{piece.pk}")
    answers = [
        client.get(one),
        client.patch(one, {"statement": "x"}),
        client.delete(one),
        client.post(f"{one}/restore"),
        client.get(f"{one}/evidence"),
        client.get(theirs),
        client.patch(theirs, {"why": "x"}),
        client.delete(theirs),
        client.post(f"{theirs}/restore"),
    ]
    assert {answer.status_code for answer in answers} == {404}


def test_there_is_an_end_to_hypotheses(client: APIClient, case: Investigation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investigations.hypotheses.MOST", 1)
    assert client.post(url(case), {"statement": "one"}).status_code == 201
    assert client.post(url(case), {"statement": "two"}).status_code == 400


def test_a_list_costs_the_same_few_queries_whatever_its_length(
    client: APIClient, guess: Hypothesis, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    HypothesisFactory.create_batch(25, investigation=guess.investigation)
    with django_assert_num_queries(4):  # who asks, the case, the page, the capped count
        client.get(url(guess.investigation))


def test_a_list_of_evidence_costs_one_query_more(
    client: APIClient, guess: Hypothesis, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    EvidenceFactory.create_batch(25, hypothesis=guess)
    with django_assert_num_queries(5):  # and the hypothesis
        client.get(evidence_url(guess))
