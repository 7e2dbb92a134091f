"""The tab of the assistant: there only while it is on, with what each sentence cites, and nothing without a person."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from investigations.models import Draft, Investigation, Note
from investigations.tests.factories import DraftFactory, InvestigationFactory, NoteFactory, ReadyDraftFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def on(settings: Settings) -> None:
    settings.ASSISTANT_URL, settings.ASSISTANT_MODEL = "http://127.0.0.1:11434", "small:1b"


@pytest.fixture
def case() -> Investigation:
    return InvestigationFactory()


@pytest.fixture
def page(client: Client, engineer: User) -> Client:
    client.force_login(engineer)
    return client


def shown(page: Client, case: Investigation, **headers: str) -> str:
    return page.get(f"/investigations/{case.pk}/?pane=assistant", headers=headers).content.decode()


def test_while_it_is_off_nothing_shows(page: Client, case: Investigation) -> None:
    ReadyDraftFactory(investigation=case)
    assert "pane=assistant" not in page.get(f"/investigations/{case.pk}/").content.decode()
    assert "Payments failed." not in shown(page, case)
    refused = page.post(f"/investigations/{case.pk}/drafts", {"kind": "summary"})
    assert refused.status_code == 409
    assert "set ASSISTANT_URL" in refused.content.decode()


@pytest.mark.usefixtures("on")
def test_one_asks_and_waits(page: Client, case: Investigation, engineer: User) -> None:
    assert "small:1b</strong> at <strong>127.0.0.1:11434" in shown(page, case)
    asked = page.post(f"/investigations/{case.pk}/drafts", {"kind": "postmortem"})
    assert asked.headers["Location"] == f"/investigations/{case.pk}/?pane=assistant#notes"
    assert Draft.objects.get().created_by == engineer
    waiting = shown(page, case)
    assert 'hx-trigger="load delay:2s"' in waiting
    assert "Look again" in waiting


@pytest.mark.usefixtures("on")
def test_a_kind_that_there_is_not_is_refused(page: Client, case: Investigation) -> None:
    assert page.post(f"/investigations/{case.pk}/drafts", {"kind": "poem"}).status_code == 400


@pytest.mark.usefixtures("on")
def test_each_sentence_leads_to_what_it_cites(page: Client, case: Investigation) -> None:
    draft = ReadyDraftFactory(investigation=case)
    note = NoteFactory(investigation=case)
    event = draft.sentences[0]["cites"][0]["id"]
    draft.sentences[0]["cites"] += [
        {"kind": "note", "id": str(note.pk), "at": note.created_at.isoformat()},
        {"kind": "event", "id": "00000000-0000-7000-8000-000000000000", "at": note.created_at.isoformat()},
    ]
    draft.save()
    html = shown(page, case)
    assert f"event={event}&amp;pane=assistant#details" in html or f"event={event}#details" in html
    assert f"#note-{note.pk}" in html
    assert "not linked any more" in html
    assert "Drafted by small:1b" in html


@pytest.mark.usefixtures("on")
def test_what_a_model_wrote_is_text(page: Client, case: Investigation) -> None:
    draft = ReadyDraftFactory(investigation=case, model="<script>alert(1)</script>")
    draft.sentences[0]["text"] = "<img src=x onerror=alert(1)>"
    draft.save()
    html = shown(page, case)
    assert "<img src=x" not in html
    assert "<script>alert" not in html


@pytest.mark.usefixtures("on")
def test_one_takes_a_draft_as_a_note(page: Client, case: Investigation, engineer: User) -> None:
    draft = ReadyDraftFactory(investigation=case)
    page.post(f"/investigations/{case.pk}/drafts/{draft.pk}/take")
    note = Note.objects.get()
    assert note.author == engineer
    html = page.get(f"/investigations/{case.pk}/").content.decode()
    assert "Drafted by the language model small:1b" in html
    assert f"event={draft.sentences[0]['cites'][0]['id']}#details" in html
    assert "Taken as a note" in shown(page, case)


@pytest.mark.usefixtures("on")
def test_one_discards_a_draft(page: Client, case: Investigation) -> None:
    draft = ReadyDraftFactory(investigation=case)
    page.post(f"/investigations/{case.pk}/drafts/{draft.pk}/discard")
    draft.refresh_from_db()
    assert (draft.state, draft.sentences) == ("discarded", [])
    assert "Payments failed." not in shown(page, case)


@pytest.mark.usefixtures("on")
def test_htmx_is_given_the_drafts_alone(page: Client, case: Investigation) -> None:
    DraftFactory(investigation=case, state="failed", error="The model did not answer with JSON.")
    part = shown(page, case, **{"HX-Request": "true", "HX-Target": "drafts"})
    assert "did not answer with JSON" in part
    assert "<nav" not in part


@pytest.mark.usefixtures("on")
def test_who_may_not_ask_reads(client: Client, user: User, case: Investigation) -> None:
    ReadyDraftFactory(investigation=case)
    client.force_login(user)
    html = shown(client, case)
    assert "Payments failed." in html
    assert "Take as a note" not in html
    assert client.post(f"/investigations/{case.pk}/drafts", {"kind": "summary"}).status_code == 403
