"""Notes: written, previewed, edited with revisions, deleted and brought back."""

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from frontend import notebook
from frontend.tests.conftest import Browse
from investigations import services
from investigations.models import Investigation, Note
from investigations.tests.factories import CommentFactory, InvestigationFactory, NoteFactory
from rcaplatform.kit.ids import uuid7

pytestmark = pytest.mark.django_db
HTMX = {"hx-request": "true", "hx-target": "notes"}


@pytest.fixture
def note(case: Investigation, engineer: User) -> Note:
    return NoteFactory(investigation=case, author=engineer, body="First words")


def test_a_note_is_written_and_shown_as_markdown(window: Client, case: Investigation, engineer: User) -> None:
    page = window.post(reverse("note-write", args=[case.pk]), {"note-body": "It was **the pool**."}, follow=True).text
    assert "<strong>the pool</strong>" in page
    assert Note.objects.get().author == engineer


def test_htmx_gets_the_notes_with_an_empty_form(window: Client, case: Investigation) -> None:
    part = window.post(reverse("note-write", args=[case.pk]), {"note-body": "Seen"}, headers=HTMX).text
    assert "<p>Seen</p>" in part
    assert "Seen</textarea>" not in part
    assert "<html" not in part


@pytest.mark.parametrize("headers", [HTMX, {}])
def test_a_preview_saves_nothing_and_keeps_what_was_typed(
    window: Client, case: Investigation, headers: dict[str, str]
) -> None:
    form = {"note-body": "It was **the pool**.", "preview": "1"}
    answer = window.post(reverse("note-write", args=[case.pk]), form, headers=headers)
    assert "<strong>the pool</strong>" in answer.text
    assert "It was **the pool**.</textarea>" in answer.text
    assert not Note.objects.exists()


@pytest.mark.parametrize("body", ["", "   ", "x" * 50_001])
def test_a_note_that_is_empty_or_too_long_is_refused_and_kept_on_the_page(
    window: Client, case: Investigation, body: str
) -> None:
    answer = window.post(reverse("note-write", args=[case.pk]), {"note-body": body}, headers=HTMX)
    assert answer.status_code == 422
    assert "field-error" in answer.text
    assert body.strip() in answer.text
    assert not Note.objects.exists()


def test_an_edit_keeps_what_the_note_said_before(window: Client, case: Investigation, note: Note) -> None:
    address = reverse("note-edit", args=[case.pk, note.pk])
    window.post(address, {"body": "Second words", "version": note.version})
    page = window.get(address).text
    assert "Revision 1 by engineer" in page
    assert "First words" in page
    assert "Second words</textarea>" in page


def test_an_edit_over_somebody_elses_shows_both_and_loses_nothing(
    window: Client, case: Investigation, note: Note, admin: User
) -> None:
    seen = note.version
    services.edit_note(note=note, body="Their words", actor=admin, now=timezone.now())
    address = reverse("note-edit", args=[case.pk, note.pk])
    refused = window.post(address, {"body": "My words", "version": seen})
    assert refused.status_code == 409
    assert "My words</textarea>" in refused.text
    assert "Their words" in refused.text
    window.post(address, {"body": "My words and theirs", "version": seen + 1})
    note.refresh_from_db()
    assert note.body == "My words and theirs"


def test_deleting_a_note_offers_to_undo_and_undoing_brings_it_back(
    window: Client, case: Investigation, note: Note
) -> None:
    part = window.post(reverse("note-delete", args=[case.pk, note.pk]), headers=HTMX).text
    undo = reverse("note-restore", args=[case.pk, note.pk])
    assert "First words" not in part
    assert f'action="{undo}"' in part
    assert "First words" in window.post(undo, follow=True).text


@pytest.mark.parametrize("name", ["note-edit", "note-delete"])
def test_a_user_cannot_touch_another_persons_note(
    browse: Browse, user: User, case: Investigation, note: Note, name: str
) -> None:
    answer = browse(user).post(reverse(name, args=[case.pk, note.pk]), {"body": "x", "version": 1})
    assert answer.status_code == 403
    note.refresh_from_db()
    assert (note.body, note.deleted_at) == ("First words", None)


def test_a_user_reads_the_revisions_of_a_note_without_a_form(
    browse: Browse, user: User, case: Investigation, note: Note
) -> None:
    page = browse(user).get(reverse("note-edit", args=[case.pk, note.pk])).text
    assert "First words" in page
    assert "<textarea" not in page


def test_a_user_writes_and_edits_their_own_notes(browse: Browse, user: User, case: Investigation) -> None:
    window = browse(user)
    window.post(reverse("note-write", args=[case.pk]), {"note-body": "Mine"})
    note = Note.objects.get()
    window.post(reverse("note-edit", args=[case.pk, note.pk]), {"body": "Still mine", "version": 1})
    note.refresh_from_db()
    assert note.body == "Still mine"


def test_a_note_of_another_investigation_is_not_found(window: Client, case: Investigation) -> None:
    elsewhere = NoteFactory()
    assert window.get(reverse("note-edit", args=[case.pk, elsewhere.pk])).status_code == 404


def test_older_notes_are_a_click_away_with_and_without_a_script(window: Client, case: Investigation) -> None:
    numbers = range(notebook.NOTES + 2)
    for number in numbers:
        NoteFactory(investigation=case, body=f"number {number}.")
    page = window.get(reverse("investigation", args=[case.pk])).text
    assert [number for number in numbers if f"number {number}." in page] == list(numbers)[2:]
    [link] = map(unescape, re.findall(r'href="([^"]*notes=[^"]*)#notes"', page))
    for headers in ({}, {"hx-request": "true", "hx-target": "older-notes"}):
        older = window.get(link, headers=headers).text
        assert [number for number in numbers if f"number {number}." in older] == [0, 1]


def test_an_address_of_notes_that_do_not_exist_says_so(window: Client, case: Investigation) -> None:
    assert window.get(reverse("investigation", args=[case.pk]), {"notes": "x"}).status_code == 400


def test_a_note_that_its_page_saved_by_itself_is_not_written_twice(window: Client, case: Investigation) -> None:
    begun = {"id": str(uuid7()), "body": "Half a thought"}
    window.post(f"/api/v1/investigations/{case.pk}/notes", begun, content_type="application/json")
    form = {"note-id": begun["id"], "note-version": "1", "note-body": "A whole thought"}
    window.post(reverse("note-write", args=[case.pk]), form)
    note = Note.objects.get()
    assert (str(note.pk), note.body, note.version) == (begun["id"], "A whole thought", 2)


def test_a_colleagues_change_of_it_is_not_written_over(window: Client, case: Investigation, admin: User) -> None:
    begun = {"id": str(uuid7()), "body": "Half a thought"}
    window.post(f"/api/v1/investigations/{case.pk}/notes", begun, content_type="application/json")
    services.edit_note(note=Note.objects.get(), body="Theirs", actor=admin, now=timezone.now())
    form = {"note-id": begun["id"], "note-version": "1", "note-body": "A whole thought"}
    answer = window.post(reverse("note-write", args=[case.pk]), form)
    assert (Note.objects.get().body, "A whole thought</textarea>" in answer.text) == ("Theirs", True)


def test_people_comment_on_a_note(window: Client, case: Investigation, note: Note) -> None:
    page = window.post(reverse("note-comment", args=[case.pk, note.pk]), {"body": "I saw **that** too."}, follow=True)
    assert "I saw <strong>that</strong> too." in page.text
    assert note.comments.get().author.username == "engineer"


def test_an_empty_comment_on_a_note_says_so_beside_it(window: Client, case: Investigation, note: Note) -> None:
    answer = window.post(reverse("note-comment", args=[case.pk, note.pk]), {"body": " "}, headers=HTMX)
    assert (answer.status_code, f"remark-{note.pk}-error" in answer.text) == (422, True)


def test_a_note_of_another_investigation_is_not_commented_on(window: Client, note: Note) -> None:
    other = InvestigationFactory()
    answer = window.post(reverse("note-comment", args=[other.pk, note.pk]), {"body": "Here"})
    assert (answer.status_code, note.comments.count()) == (404, 0)


def test_comments_cost_one_query_however_many_notes_there_are(
    window: Client, case: Investigation, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        CommentFactory(investigation=case, note=NoteFactory(investigation=case, body=f"Note {number}"))
    window.get(reverse("investigation", args=[case.pk]), headers=HTMX)
    with django_assert_max_num_queries(12):
        window.get(reverse("investigation", args=[case.pk]), headers=HTMX)
