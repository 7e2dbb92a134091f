"""Mass assignment: a body writes the fields its schema names, and no other."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from accounts.tests.factories import UserFactory
from investigations.choices import Status
from investigations.models import Investigation, Note, SavedView
from investigations.tests.factories import InvestigationFactory, NoteFactory
from tests.security.routes import WRITES, Row, things
from tests.test_api_roles import V1, call

__all__ = ["call"]  # a fixture
pytestmark = pytest.mark.django_db
# What decides who may do what, whose something is, and what the product alone finds out.
GUARDED: dict[str, Any] = {
    "role": "admin",
    "is_staff": True,
    "is_superuser": True,
    "is_active": True,
    "id": "00000000-0000-7000-8000-000000000000",
    "pk": 1,
    "author_id": 1,
    "created_by": 1,
    "created_by_id": 1,
    "user_id": 1,
    "owner_id": 1,
    "deleted_at": "2026-03-01T00:00:00Z",
    "digest": "x",
    "token_generation": 7,
    "search": "x",
}
WITH_BODY = [row for row in WRITES if row[2]]


@pytest.mark.parametrize("row", WITH_BODY, ids=lambda row: f"{row[1]} {row[0]}")
def test_a_field_that_is_not_to_be_written_is_refused_by_name(row: Row, call: Any, api: Any, admin: User) -> None:
    address, method, body, _ = row
    ids = things(call, admin)
    given = {name: value.format(**ids) if isinstance(value, str) else value for name, value in body.items()}
    answer = getattr(api(admin), method.lower())(V1 + address.format(**ids), {**given, **GUARDED})
    assert answer.status_code == 400, answer.content
    # A note may be given the id it is to have, so that one sent twice is written once; later it must be that one.
    free = {"id"} if address.startswith("/investigations/{case}/notes") else set()
    free |= {"digest"} if address == "/notifications/preferences" else set()  # how often one is written to
    assert set(answer.json()["errors"]) >= set(GUARDED) - free


def test_nobody_makes_an_api_key_for_somebody_else(api: Any, user: User, admin: User) -> None:
    answer = api(user).post(f"{V1}/api-keys", {"name": "x", "scope": "full", "user": str(admin.pk)})
    assert answer.status_code in {400, 403}
    assert admin.api_keys.count() == 0


def test_nobody_writes_themselves_a_role(api: Any, user: User) -> None:
    for method in ("post", "put", "patch"):
        assert getattr(api(user), method)(f"{V1}/me", {"role": Role.ADMIN, "is_staff": True}).status_code == 405
    user.refresh_from_db()
    assert (user.role, user.is_staff) == (Role.USER, False)


def test_a_page_opens_an_investigation_with_the_fields_of_its_form_alone(client: Client, engineer: User) -> None:
    client.force_login(engineer)
    other = UserFactory()
    extra = {**GUARDED, "created_by": other.pk, "status": "closed", "version": 9}
    form = {"title": "x", "detected_at": "2026-03-01T09:14:00", "impact_severity": "high", "priority": "p2", **extra}
    client.post(reverse("investigation-new"), form)
    made = Investigation.objects.get()
    assert (made.created_by, made.status, made.version, made.deleted_at) == (engineer, Status.OPEN, 1, None)
    assert str(made.pk) != GUARDED["id"]


def test_a_page_writes_a_note_in_the_name_of_who_is_there(client: Client, engineer: User) -> None:
    client.force_login(engineer)
    case, other, foreign = InvestigationFactory(), UserFactory(), InvestigationFactory()
    form = {"note-body": "x", "note-author": other.pk, "author": other.pk, "note-investigation": foreign.pk}
    client.post(reverse("note-write", args=[case.pk]), form)
    assert [(note.author, note.investigation) for note in Note.objects.all()] == [(engineer, case)]


def test_a_page_changes_nobody_but_the_words_of_a_note(client: Client, engineer: User) -> None:
    client.force_login(engineer)
    note, other = NoteFactory(), UserFactory()
    author, home = note.author, note.investigation
    form = {"body": "y", "version": 1, "author": other.pk, "investigation": InvestigationFactory().pk}
    client.post(reverse("note-edit", args=[home.pk, note.pk]), form)
    note.refresh_from_db()
    assert (note.body, note.author, note.investigation) == ("y", author, home)


def test_a_page_saves_a_view_for_who_is_there(client: Client, user: User, admin: User) -> None:
    client.force_login(user)
    client.post(reverse("view-save"), {"name": "x", "query": "status=active", "owner": admin.pk, "id": GUARDED["id"]})
    assert SavedView.objects.get().owner == user
