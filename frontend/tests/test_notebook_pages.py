"""The right pane: its tabs, its searches, the events that texts quote, and who else is here."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from events.tests.factories import EventFactory
from frontend.tests.conftest import Browse
from investigations.models import Evidence, Hypothesis, Investigation, Link
from investigations.tests.factories import (
    EvidenceFactory,
    HypothesisFactory,
    InvestigationFactory,
    LinkFactory,
    NoteFactory,
)

pytestmark = pytest.mark.django_db
HTMX = {"hx-request": "true", "hx-target": "notes"}


@pytest.fixture
def guess(case: Investigation, engineer: User) -> Hypothesis:
    return HypothesisFactory(investigation=case, author=engineer, statement="The pool was exhausted")


def tab(window: Client, case: Investigation, name: str, **query: str) -> str:
    return window.get(reverse("investigation", args=[case.pk]), {"pane": name, **query}).text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("notes", "Write a note"),
        ("findings", "Save findings"),
        ("hypotheses", "Add hypothesis"),
        ("related", "Like this one"),
        ("nonsense", "Write a note"),
    ],
)
def test_each_tab_has_an_address(window: Client, case: Investigation, name: str, shown: str) -> None:
    assert shown in tab(window, case, name)


def test_notes_are_searched(window: Client, case: Investigation) -> None:
    for body in ("the pool is full", "the disk is full"):
        NoteFactory(investigation=case, body=body)
    page = tab(window, case, "notes", find="disk")
    assert "<p>the disk is full</p>" in page
    assert "<p>the pool is full</p>" not in page
    assert "No note matches “nothing”" in tab(window, case, "notes", find="nothing")


def test_an_event_that_a_note_quotes_is_a_link_to_it(window: Client, case: Investigation, link: Link) -> None:
    NoteFactory(investigation=case, body=f"See [[{link.event_id}]]")
    page = tab(window, case, "notes")
    assert f'href="/investigations/{case.pk}/?event={link.event_id}#details"' in page
    assert "[[" not in page


def test_the_title_of_a_quoted_event_is_escaped(window: Client, case: Investigation) -> None:
    event = LinkFactory(investigation=case, event__title="<script>alert(1)</script>").event
    NoteFactory(investigation=case, body=f"[[{event.pk}]]")
    page = tab(window, case, "notes")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</a>" in page


def test_what_quotes_no_event_of_the_investigation_stays_as_it_was_typed(window: Client, case: Investigation) -> None:
    foreign = EventFactory(title="Foreign secret")
    NoteFactory(investigation=case, body=f"[[{foreign.pk}]] and [[x]]")
    page = tab(window, case, "notes")
    assert f"[[{foreign.pk}]] and [[x]]" in page
    assert "Foreign secret" not in page


def test_a_hypothesis_is_put_down_and_ruled_out_and_stays_struck(window: Client, case: Investigation) -> None:
    window.post(reverse("hypothesis-suppose", args=[case.pk]), {"statement": "The disk was full"})
    guess = Hypothesis.objects.get()
    judge = reverse("hypothesis-judge", args=[case.pk, guess.pk])
    part = window.post(judge, {"verdict": "ruled_out", "version": guess.version}, headers=HTMX).text
    assert "<s>The disk was full</s>" in part


@pytest.mark.parametrize("statement", ["", "  ", "x" * 501])
def test_an_empty_or_endless_hypothesis_is_refused_and_kept_on_the_page(
    window: Client, case: Investigation, statement: str
) -> None:
    answer = window.post(reverse("hypothesis-suppose", args=[case.pk]), {"statement": statement}, headers=HTMX)
    assert (answer.status_code, "field-error" in answer.text) == (422, True)
    assert f'value="{statement}"' in answer.text
    assert not Hypothesis.objects.exists()


def test_a_verdict_over_somebody_elses_is_refused(window: Client, guess: Hypothesis) -> None:
    judge = reverse("hypothesis-judge", args=[guess.investigation_id, guess.pk])
    window.post(judge, {"verdict": "supported", "version": "1"})
    assert window.post(judge, {"verdict": "ruled_out", "version": "1"}).status_code == 409
    assert Hypothesis.objects.get().verdict == "supported"


def test_an_event_is_weighed_and_taken_away(window: Client, guess: Hypothesis, link: Link) -> None:
    args = [guess.investigation_id, guess.pk]
    form = {"event": str(link.event_id), "stance": "contradicts", "why": "It came later"}
    part = window.post(reverse("evidence-weigh", args=args), form, headers=HTMX).text
    assert "It came later" in part
    piece = Evidence.objects.get()
    window.post(reverse("evidence-delete", args=[*args, piece.pk]))
    assert not Evidence.objects.alive().exists()


def test_an_event_weighed_twice_is_told_at_its_hypothesis(window: Client, guess: Hypothesis) -> None:
    event = EvidenceFactory(hypothesis=guess).event_id
    form = {"event": str(event), "stance": "neutral", "why": "again"}
    answer = window.post(reverse("evidence-weigh", args=[guess.investigation_id, guess.pk]), form, headers=HTMX)
    assert answer.status_code == 422
    assert "already" in answer.text
    assert 'value="again"' in answer.text


def test_a_deleted_hypothesis_can_be_brought_back(window: Client, guess: Hypothesis) -> None:
    args = [guess.investigation_id, guess.pk]
    undo = reverse("hypothesis-restore", args=args)
    assert undo in window.post(reverse("hypothesis-delete", args=args), headers=HTMX).text
    assert "The pool was exhausted" in window.post(undo, headers=HTMX).text


@pytest.mark.parametrize("name", ["hypothesis-judge", "hypothesis-delete"])
def test_a_user_cannot_judge_another_persons_hypothesis(
    browse: Browse, user: User, guess: Hypothesis, name: str
) -> None:
    address = reverse(name, args=[guess.investigation_id, guess.pk])
    assert browse(user).post(address, {"verdict": "ruled_out", "version": "1"}).status_code == 403
    assert (Hypothesis.objects.get().verdict, Hypothesis.objects.get().deleted_at) == ("open", None)


def test_a_hypothesis_of_another_investigation_is_not_found(window: Client, case: Investigation) -> None:
    foreign = HypothesisFactory()
    for name in ("hypothesis-judge", "hypothesis-delete", "evidence-weigh"):
        assert window.post(reverse(name, args=[case.pk, foreign.pk])).status_code == 404
    piece = EvidenceFactory(hypothesis=foreign)
    own = HypothesisFactory(investigation=case)
    assert window.post(reverse("evidence-delete", args=[case.pk, own.pk, piece.pk])).status_code == 404


def test_hypotheses_cost_the_same_few_queries_however_many_they_are(
    window: Client, guess: Hypothesis, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    EvidenceFactory.create_batch(3, hypothesis=guess)
    EvidenceFactory.create_batch(3, hypothesis=HypothesisFactory(investigation=guess.investigation))
    address = reverse("investigation", args=[guess.investigation_id])
    # session, who asks, the case, the hypotheses, their evidence, the events on offer
    with django_assert_num_queries(6):
        window.get(address, {"pane": "hypotheses"}, headers=HTMX)


def test_past_investigations_like_this_one_come_with_cause_and_fix(window: Client, case: Investigation) -> None:
    InvestigationFactory(
        title="Payments fail again",
        status="closed",
        root_cause="A leaked connection",
        remediation="Restarted the pool",
        resolved_at="2100-01-01T00:00:00Z",
    )
    page = tab(window, case, "related")
    assert "A leaked connection" in page
    assert "Restarted the pool" in page


def test_another_investigation_is_searched_for_and_related(window: Client, case: Investigation) -> None:
    other = InvestigationFactory(title="Disks break")
    assert "Disks break" in tab(window, case, "related", find="disks")
    window.post(reverse("investigation-relate", args=[case.pk]), {"other": other.pk})
    assert "Not related" in tab(window, case, "related")


def test_an_earlier_revision_is_restored_by_a_button(window: Client, case: Investigation) -> None:
    note = NoteFactory(investigation=case, body="First words")
    address = reverse("note-edit", args=[case.pk, note.pk])
    window.post(address, {"body": "Second words", "version": 1})
    page = window.get(address).text
    assert "Restore revision 1" in page
    assert "Restore revision 2" not in page


def test_people_who_look_at_the_same_investigation_see_one_another(
    window: Client, browse: Browse, user: User, case: Investigation
) -> None:
    address = reverse("investigation-here", args=[case.pk])
    assert "engineer" not in window.post(address).text
    assert "engineer" in browse(user).post(address).text


def test_somebodys_work_on_hypotheses_is_told_to_the_others(
    window: Client, browse: Browse, admin: User, case: Investigation
) -> None:
    query = {"version": str(case.version), "known": "0", "since": "2026-01-01T00:00:00Z"}
    browse(admin).post(reverse("hypothesis-suppose", args=[case.pk]), {"statement": "The disk"})
    news = reverse("investigation-news", args=[case.pk])
    assert "admin worked on hypotheses" in window.get(news, query).text
    assert browse(admin).get(news, query).status_code == 204
