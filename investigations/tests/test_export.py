"""An investigation as a document: everything in it, every claim with the events it rests on, nothing in disguise."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from events.tests.factories import EventFactory
from investigations.choices import LinkState
from investigations.exports import document, gathering
from investigations.models import Investigation, Link, Suspect
from investigations.tests.factories import (
    CommentFactory,
    EvidenceFactory,
    HypothesisFactory,
    InvestigationFactory,
    LinkFactory,
    NoteFactory,
    SuspectFactory,
    SuspectReportFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def case(engineer: User) -> Investigation:
    return InvestigationFactory(
        title="Checkout answers 500",
        description="Since noon.\n# Not a heading",
        root_cause="The pool was too small.",
        lessons_learned="Alert on the pool.",
        cause_category="capacity",
        created_by=engineer,
        tags=["pool"],
    )


def decided(case: Investigation, by: User, **values: Any) -> Link:
    """Return a link that a person confirmed as a cause."""
    decision = {"state": LinkState.CONFIRMED, "decided_by": by, "decided_at": timezone.now(), "is_cause": True}
    return LinkFactory(investigation=case, **decision, **values)


def url(case: Investigation, query: str = "") -> str:
    return f"/api/v1/investigations/{case.pk}/export{query}"


def markdown(client: APIClient, case: Investigation) -> str:
    response = client.get(url(case, "?format=markdown"))
    assert (response.status_code, response["Content-Type"]) == (200, "text/markdown; charset=utf-8")
    return str(response.content.decode())


def test_json_holds_all_of_it(client: APIClient, case: Investigation, engineer: User) -> None:
    cause = decided(case, engineer, event=EventFactory(title="Deployed", data={"pool": 5}))
    note = NoteFactory(investigation=case)
    comment = CommentFactory(investigation=case, note=note)
    other = InvestigationFactory(title="The other")
    case.related.add(other)
    response = client.get(url(case))
    assert response["Content-Disposition"] == f'attachment; filename="investigation-{case.pk}.json"'
    told = response.json()
    assert (told["format"], told["complete"], told["left_out"]) == ("rca-investigation/3", True, {})
    assert told["investigation"]["root_cause"] == "The pool was too small."
    assert told["investigation"]["created_by_name"] == "engineer"
    (event,) = told["events"]
    assert (event["id"], event["link_id"], event["data"]) == (str(cause.event_id), str(cause.pk), {"pool": 5})
    assert (event["factors"], event["is_cause"], event["decided_by_name"]) == (cause.factors, True, "engineer")
    assert [row["id"] for row in told["notes"]] == [str(note.pk)]
    assert [(row["id"], row["note"]) for row in told["comments"]] == [(str(comment.pk), str(note.pk))]
    assert told["related"] == [{"id": str(other.pk), "title": "The other", "status": "open"}]


def test_what_was_rejected_or_deleted_is_left_out(client: APIClient, case: Investigation, engineer: User) -> None:
    now = timezone.now()
    LinkFactory(investigation=case, state=LinkState.REJECTED, decided_by=engineer, decided_at=now)
    LinkFactory(investigation=case, event__deleted_at=now)
    LinkFactory()
    NoteFactory(investigation=case, deleted_at=now)
    CommentFactory(investigation=case, note=NoteFactory(investigation=case), deleted_at=now)
    case.related.add(InvestigationFactory(deleted_at=now))
    told = client.get(url(case)).json()
    assert (told["events"], told["comments"], told["related"], len(told["notes"])) == ([], [], [], 1)


def test_hypotheses_come_with_their_verdict_and_evidence(
    client: APIClient, case: Investigation, engineer: User
) -> None:
    supposed = HypothesisFactory(investigation=case, verdict="ruled_out", statement="The disk *was* full.")
    piece = EvidenceFactory(hypothesis=supposed, stance="contradicts", why="Half empty.", author=engineer)
    HypothesisFactory(investigation=case, deleted_at=timezone.now())
    (told,) = client.get(url(case)).json()["hypotheses"]
    assert (told["id"], told["verdict"], told["statement"]) == (str(supposed.pk), "ruled_out", "The disk *was* full.")
    (weighed,) = told["evidence"]
    assert (weighed["event"], weighed["stance"], weighed["author_name"]) == (
        str(piece.event_id),
        "contradicts",
        "engineer",
    )
    text = markdown(client, case)
    assert "### Ruled out: The disk \\*was\\* full." in text
    assert f"- Contradicts: Half empty. ({piece.event.title} `{piece.event_id}`)" in text


def test_rejected_links_are_listed_as_ruled_out(client: APIClient, case: Investigation, engineer: User) -> None:
    decision = {"state": LinkState.REJECTED, "decided_by": engineer, "decided_at": timezone.now()}
    link = LinkFactory(investigation=case, event__title="Unrelated", **decision)
    told = client.get(url(case)).json()
    assert [(row["event"], row["decided_by_name"]) for row in told["ruled_out"]] == [(str(link.event_id), "engineer")]
    assert told["events"] == []
    ruled_out = markdown(client, case).partition("## Ruled out\n")[2]
    assert f"Unrelated `{link.event_id}` Rejected by engineer" in ruled_out


def test_markdown_tells_the_story_and_cites_an_event_for_every_claim(
    client: APIClient, case: Investigation, engineer: User
) -> None:
    cause = decided(case, engineer, event=EventFactory(title="Deployed 1.4", url="https://ci.example.org/4"))
    symptom = LinkFactory(investigation=case, event=EventFactory(title="Timeouts"))
    CommentFactory(investigation=case, event=symptom.event, body="That was me.")
    text = markdown(client, case)
    assert text.startswith("# Checkout answers 500\n")
    assert "## Root cause\n\n> The pool was too small.\n\nCategory: capacity\n" in text
    assert f"Evidence: Deployed 1.4 (`{cause.event_id}`)." in text
    assert "## Lessons learned\n\n> Alert on the pool." in text
    assert "## Remediation" not in text
    for line in text.splitlines():
        if line.startswith("- 20"):
            assert str(cause.event_id) in line or str(symptom.event_id) in line
    assert "Linked at 0.75, confirmed by engineer. Two minutes before the onset." in text
    assert "That was me." in text
    assert f"| `{cause.event_id}` | {cause.event.origin.name}" in text
    assert "<https://ci.example.org/4>" in text


def test_markdown_of_an_empty_case_says_what_is_missing(client: APIClient) -> None:
    text = markdown(client, InvestigationFactory())
    assert "Not written down yet." in text
    assert "Evidence: no event was named a cause." in text
    assert "No event is linked." in text


def test_nothing_in_it_can_change_the_document_around_it(client: APIClient, case: Investigation) -> None:
    wild = "x</td><script>alert(1)</script> | `y` [a](javascript:b) **c**\n# d"
    event = EventFactory(title=wild, source_id=wild, service=wild[:50], url='javascript:alert("1")')
    LinkFactory(investigation=case, event=event)
    NoteFactory(investigation=case, body="```\nan open fence\n# no heading")
    text = markdown(client, case)
    assert "<script>" not in text
    assert re.search(r"(?<!\\)\]\(", text) is None
    headings = [line for line in text.splitlines() if line.startswith("# ")]
    assert headings == ["# Checkout answers 500"]
    assert "> ```\n> an open fence\n> # no heading" in text
    assert "<javascript:" not in text


def test_a_comment_on_an_event_that_is_not_linked_is_told_all_the_same(client: APIClient, case: Investigation) -> None:
    event = EventFactory()
    CommentFactory(investigation=case, event=event, body="Not this one.")
    assert f"Not this one. (on `{event.pk}`)" in markdown(client, case)


def test_of_too_many_events_those_with_most_weight_stay_and_the_document_says_so(
    client: APIClient, case: Investigation, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "MOST_EVENTS", 2)
    LinkFactory(investigation=case, score=0.6, event=EventFactory(title="weak"))
    LinkFactory(investigation=case, score=0.9, event=EventFactory(title="strong"))
    decided(case, engineer, score=0.5, event=EventFactory(title="cause"))
    told = client.get(url(case)).json()
    assert {event["title"] for event in told["events"]} == {"strong", "cause"}
    assert (told["complete"], told["left_out"]) == (False, {"events": 1})
    note = "This is not everything: 1 more events were left out, because an export is bounded."
    assert told["omissions"] == [note]
    assert f"> **{note}**" in markdown(client, case)


def test_what_events_have_to_say_is_bounded_in_bytes_too(
    client: APIClient, case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_DATA", 150)
    for _ in range(3):
        LinkFactory(investigation=case, event=EventFactory(data={"log": "x" * 60}))
    told = client.get(url(case)).json()
    assert (len(told["events"]), told["left_out"]) == (2, {"events": 1})


def test_notes_are_bounded_too_and_exactly_as_many_are_no_omission(
    client: APIClient, case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_NOTES", 2)
    monkeypatch.setattr(document, "MOST_EVENTS", 1)
    NoteFactory.create_batch(2, investigation=case)
    LinkFactory(investigation=case)
    assert client.get(url(case)).json()["left_out"] == {}
    NoteFactory(investigation=case)
    assert client.get(url(case)).json()["left_out"] == {"notes": 1}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("?format=docx", "format"),
        ("?format=%00", "format"),
        ("?format=json&format=markdown", "format"),
        ("?fromat=json", "fromat"),
        ("?page=-1", "page"),
    ],
)
def test_a_wrong_parameter_is_named(client: APIClient, case: Investigation, query: str, name: str) -> None:
    response = client.get(url(case, query))
    assert (response.status_code, list(response.json()["errors"])) == (400, [name])


def test_another_format_is_refused_with_what_is_offered(client: APIClient, case: Investigation) -> None:
    refused = client.get(url(case, "?format=docx"), headers={"Accept": "application/pdf"})
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["errors"] == {"format": ["An export has no format docx; choose json, markdown or pdf."]}


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", "text/markdown"])
def test_the_parameter_decides_whatever_the_client_accepts(client: APIClient, case: Investigation, accept: str) -> None:
    assert client.get(url(case, "?format=markdown"), headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize("wrong", ["42", "%00", "01890000-0000-7000-8000-000000000000"])
def test_one_that_nobody_knows_is_not_found(client: APIClient, wrong: str) -> None:
    assert client.get(f"/api/v1/investigations/{wrong}/export").status_code == 404


def test_it_costs_the_same_few_queries_whatever_it_holds(
    client: APIClient, case: Investigation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    LinkFactory.create_batch(25, investigation=case)
    CommentFactory.create_batch(5, investigation=case, note=NoteFactory(investigation=case))
    case.related.set(InvestigationFactory.create_batch(5))
    # Who asks, whether they see it; how many events; the case, events, notes, their revisions, comments, hypotheses,
    # evidence, rejected links, suspects, related; what else is spoken of.
    with django_assert_num_queries(13):
        client.get(url(case))


@pytest.fixture
def suspected(case: Investigation, engineer: User) -> Suspect:
    """Return a change that somebody confirmed, from the newest of two rankings."""
    SuspectFactory(report__investigation=case, name="older ranking")
    event = EventFactory(title="Pool of 5 *connections*", source="git")
    ranking = SuspectReportFactory(
        investigation=case, engine_version=3, first_failing_service="checkout", blast_radius=["cart"]
    )
    said = {"text": "It came 2 min before.", "events": [str(event.pk)]}
    decision = {"state": "confirmed", "decided_by": engineer, "decided_at": timezone.now()}
    SuspectFactory(report=ranking, kind="service", name="checkout", place=1, score=0.6)
    return SuspectFactory(report=ranking, place=1, name="a688323", event=event, evidence=[said], **decision)


def test_suspects_of_the_newest_ranking_are_told_with_what_people_said(
    client: APIClient, case: Investigation, suspected: Suspect
) -> None:
    told = client.get(url(case)).json()["suspects"]
    assert (told["engine_version"], told["first_failing_service"]) == (3, "checkout")
    assert [(one["kind"], one["name"], one["state"]) for one in told["suspects"]] == [
        ("change", "a688323", "confirmed"),
        ("service", "checkout", "open"),
    ]
    (said,) = told["suspects"][0]["evidence"]
    assert said["events"] == [str(suspected.event_id)]


def test_markdown_ranks_suspects_and_cites_their_evidence(
    client: APIClient, case: Investigation, suspected: Suspect
) -> None:
    told = markdown(client, case).partition("## Suspects\n")[2].partition("\n## ")[0]
    assert "It starts at checkout and reaches cart." in told
    assert f"1. **Pool of 5 \\*connections\\* (a688323)** 0.80 `{suspected.event_id}`\n   Confirmed by engineer" in told
    assert f"   - It came 2 min before. `{suspected.event_id}`" in told
    assert "### Services\n\n1. **checkout** 0.60\n   Nobody has judged it yet." in told
    assert "engine version 3" in told
    assert "older ranking" not in told


def test_a_ranking_that_failed_says_why(client: APIClient, case: Investigation) -> None:
    SuspectReportFactory(investigation=case, problem="ValueError: no <metrics>")
    assert "There is no ranking: ValueError: no \\<metrics\\>" in markdown(client, case)
