"""Comments over the API: on an event or a note of the investigation, and on nothing else."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from events.tests.factories import EventFactory
from investigations.models import Comment, Investigation
from investigations.tests.factories import CommentFactory, InvestigationFactory, LinkFactory, NoteFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def case(db: None) -> Investigation:
    return InvestigationFactory()


def url(case: Investigation, rest: str = "") -> str:
    return f"/api/v1/investigations/{case.pk}/comments{rest}"


def bodies(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["body"] for row in response.json()["results"]]


def test_an_event_and_a_note_can_be_commented_on(client: APIClient, case: Investigation) -> None:
    event, note = LinkFactory(investigation=case).event, NoteFactory(investigation=case)
    on_event = client.post(url(case), {"body": "Seen before.", "event": str(event.pk)})
    on_note = client.post(url(case), {"body": "Agreed.", "note": str(note.pk)})
    assert (on_event.status_code, on_note.status_code) == (201, 201)
    assert (on_event.json()["event"], on_event.json()["note"]) == (str(event.pk), None)
    assert on_event.json()["author_name"] == "engineer"
    assert client.get(on_note["Location"]).json() == on_note.json()
    first, second = client.get(url(case)).json()["results"]
    assert (first, second) == (on_event.json(), on_note.json())
    assert bodies(client.get(url(case), {"note": str(note.pk)})) == ["Agreed."]
    assert bodies(client.get(url(case), {"event": str(event.pk)})) == ["Seen before."]


def test_a_comment_is_deleted_and_restored(client: APIClient, case: Investigation) -> None:
    one = url(case, f"/{CommentFactory(investigation=case).pk}")
    assert client.delete(one).status_code == 204
    assert (client.get(one).status_code, bodies(client.get(url(case)))) == (404, [])
    assert client.post(f"{one}/restore").status_code == 200
    assert client.get(one).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_comment_is_never_edited(client: APIClient, case: Investigation, method: str) -> None:
    one = url(case, f"/{CommentFactory(investigation=case).pk}")
    assert getattr(client, method)(one, {"body": "x"}).status_code == 405


def test_comments_go_with_what_they_are_about(client: APIClient, case: Investigation) -> None:
    note = NoteFactory(investigation=case)
    CommentFactory(investigation=case, note=note, body="on a note")
    CommentFactory(investigation=case, body="on an event")
    client.delete(f"/api/v1/investigations/{case.pk}/notes/{note.pk}")
    assert bodies(client.get(url(case))) == ["on an event"]
    client.delete(f"/api/v1/events/{Comment.objects.get(note=None).event_id}")
    assert bodies(client.get(url(case))) == []


def test_what_belongs_elsewhere_is_not_there(client: APIClient, case: Investigation) -> None:
    elsewhere = CommentFactory()
    assert client.get(url(case, f"/{elsewhere.pk}")).status_code == 404
    assert client.delete(url(case, f"/{elsewhere.pk}")).status_code == 404
    assert client.post(url(case, f"/{elsewhere.pk}/restore")).status_code == 404
    assert bodies(client.get(url(case))) == []
    assert client.get(url(InvestigationFactory(deleted_at=timezone.now()))).status_code == 404


def test_only_events_and_notes_of_this_investigation_can_be_commented_on(
    client: APIClient, case: Investigation
) -> None:
    others: dict[str, list[Any]] = {
        "event": [EventFactory(), LinkFactory().event, LinkFactory(event__deleted_at=timezone.now()).event],
        "note": [NoteFactory(), NoteFactory(investigation=case, deleted_at=timezone.now())],
    }
    for name, rows in others.items():
        for row in rows:
            refused = client.post(url(case), {"body": "x", name: str(row.pk)})
            assert (refused.status_code, list(refused.json()["errors"])) == (400, [name])
    assert Comment.objects.count() == 0


BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "about nothing": ({"body": "x"}, "event"),
    "about nothing, twice": ({"body": "x", "event": None, "note": None}, "event"),
    "no text": ({"event": "{event}"}, "body"),
    "empty text": ({"body": " \n", "event": "{event}"}, "body"),
    "too long": ({"body": "x" * 10_001, "event": "{event}"}, "body"),
    "null character": ({"body": "a\x00b", "event": "{event}"}, "body"),
    "no id": ({"body": "x", "event": "42"}, "event"),
    "an id of nothing": ({"body": "x", "note": str(uuid4())}, "note"),
    "a list of ids": ({"body": "x", "event": ["{event}"]}, "event"),
    "unknown field": ({"body": "x", "evnt": "{event}"}, "evnt"),
    "another author": ({"body": "x", "event": "{event}", "author": str(uuid4())}, "author"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_wrong_body_is_named(client: APIClient, case: Investigation, name: str) -> None:
    body, field = BODIES[name]
    event = str(LinkFactory(investigation=case).event_id)
    given = {key: value.replace("{event}", event) if isinstance(value, str) else value for key, value in body.items()}
    response = client.post(url(case), given)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])


def test_a_comment_is_about_one_thing(client: APIClient, case: Investigation) -> None:
    event, note = LinkFactory(investigation=case).event_id, NoteFactory(investigation=case).pk
    both = client.post(url(case), {"body": "x", "event": str(event), "note": str(note)})
    assert (both.status_code, list(both.json()["errors"])) == (400, ["event"])


@pytest.mark.parametrize(
    ("query", "name"),
    [("event=42", "event"), ("note=%00", "note"), ("page=-1", "page"), ("evnt=1", "evnt"), ("sort=x", "sort")],
)
def test_a_wrong_parameter_is_named(client: APIClient, case: Investigation, query: str, name: str) -> None:
    response = client.get(url(case, f"?{query}"))
    assert (response.status_code, list(response.json()["errors"])) == (400, [name])


def test_a_list_costs_the_same_few_queries_whatever_its_length(
    client: APIClient, case: Investigation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    note = NoteFactory(investigation=case)
    CommentFactory.create_batch(25, investigation=case, note=note)
    client.get("/api/v1/me")  # who asks is known from then on
    with django_assert_num_queries(3):  # the case, the page, the capped count
        client.get(url(case))
    with django_assert_num_queries(2):  # a cursor counts nothing
        client.get(url(case, "?cursor="))
