"""Notes over the API: written, revised, deleted and restored, each within its investigation."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from investigations.models import Investigation, Note
from investigations.tests.factories import InvestigationFactory, NoteFactory
from rcaplatform.kit.ids import uuid7

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def case(db: None) -> Investigation:
    return InvestigationFactory()


def url(case: Investigation, rest: str = "") -> str:
    return f"/api/v1/investigations/{case.pk}/notes{rest}"


def bodies(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["body"] for row in response.json()["results"]]


def test_a_note_is_written_and_read(client: APIClient, case: Investigation) -> None:
    written = client.post(url(case), {"body": "The **pool** was exhausted."})
    assert written.status_code == 201
    note = written.json()
    assert (note["body"], note["author_name"], note["investigation"]) == (
        "The **pool** was exhausted.",
        "engineer",
        str(case.pk),
    )
    assert client.get(written["Location"]).json() == note
    (row,) = client.get(url(case)).json()["results"]
    assert row == note


def test_a_note_with_an_id_of_its_writers_is_written_once(client: APIClient, case: Investigation) -> None:
    key = str(uuid7())
    first, again = (client.post(url(case), {"id": key, "body": body}) for body in ("one", "two"))
    assert (first.json()["id"], again.json()) == (key, first.json())
    assert (first.status_code, again.status_code) == (201, 200)
    assert Note.objects.count() == 1


def test_an_id_that_is_taken_or_of_another_age_is_refused(client: APIClient, case: Investigation) -> None:
    theirs, gone = NoteFactory(investigation=case), client.post(url(case), {"body": "Gone"}).json()["id"]
    client.delete(url(case, f"/{gone}"))
    aged = UUID(int=(uuid7().int & ((1 << 80) - 1)) | 1 << 80)
    for key in (theirs.pk, gone, uuid4(), aged):
        refused = client.post(url(case), {"id": str(key), "body": "Mine"})
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["id"]), key
    assert Note.objects.filter(body="Mine").count() == 0


def test_the_id_of_a_note_is_not_changed(client: APIClient, case: Investigation) -> None:
    note = client.post(url(case), {"body": "one"}).json()["id"]
    refused = client.patch(url(case, f"/{note}"), {"id": str(uuid7()), "body": "two"})
    assert list(refused.json()["errors"]) == ["id"]
    assert client.patch(url(case, f"/{note}"), {"id": note, "body": "two"}).status_code == 200


def test_every_save_is_kept(client: APIClient, case: Investigation) -> None:
    note = client.post(url(case), {"body": "one"}).json()
    one = url(case, f"/{note['id']}")
    assert client.patch(one, {"body": "two"}).json()["version"] == 2
    assert client.put(one, {"body": "three"}).json()["body"] == "three"
    revisions = client.get(f"{one}/revisions")
    assert [(row["number"], row["author_name"]) for row in revisions.json()["results"]] == [
        (number, "engineer") for number in (1, 2, 3)
    ]
    assert bodies(revisions) == ["one", "two", "three"]


def test_a_change_meant_for_another_version_is_refused(client: APIClient, case: Investigation) -> None:
    one = url(case, f"/{NoteFactory(investigation=case).pk}")
    read = client.get(one)
    client.patch(one, {"body": "Mine"}, headers={"If-Match": read["ETag"]})
    late = client.patch(one, {"body": "Theirs"}, headers={"If-Match": read["ETag"]})
    assert (late.status_code, late.json()["present"]["body"]) == (412, "Mine")
    assert client.delete(one, headers={"If-Match": read["ETag"]}).status_code == 412


@pytest.mark.parametrize(
    "body", [{}, {"body": ""}, {"body": " \n"}, {"body": "x" * 50_001}, {"body": None}, {"body": "\x00"}]
)
def test_a_note_must_say_something_within_bounds(client: APIClient, case: Investigation, body: dict[str, Any]) -> None:
    response = client.post(url(case), body)
    assert (response.status_code, list(response.json()["errors"])) == (400, ["body"])
    assert not Note.objects.exists()


def test_a_deleted_note_is_gone_until_it_is_restored(client: APIClient, case: Investigation) -> None:
    one = url(case, f"/{NoteFactory(investigation=case).pk}")
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert client.get(f"{one}/revisions").status_code == 404
    assert bodies(client.get(url(case))) == []
    assert client.post(f"{one}/restore").status_code == 200
    assert client.get(one).status_code == 200


def test_a_note_is_found_within_its_own_investigation_only(client: APIClient, case: Investigation) -> None:
    foreign = NoteFactory(body="foreign")
    NoteFactory(body="own", investigation=case)
    assert bodies(client.get(url(case))) == ["own"]
    one = url(case, f"/{foreign.pk}")
    answers = [
        client.get(one),
        client.patch(one, {"body": "x"}),
        client.delete(one),
        client.post(f"{one}/restore"),
        client.get(f"{one}/revisions"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    foreign.refresh_from_db()
    assert (foreign.body, foreign.deleted_at) == ("foreign", None)


def test_notes_are_searched_and_come_newest_first(client: APIClient, case: Investigation) -> None:
    for body in ("the pool", "the disk", "the pool again"):
        NoteFactory(investigation=case, body=body)
    assert bodies(client.get(url(case))) == ["the pool again", "the disk", "the pool"]
    assert bodies(client.get(url(case), {"q": "pool", "sort": "created_at"})) == ["the pool", "the pool again"]


def test_an_author_cannot_be_chosen(client: APIClient, case: Investigation, user: User) -> None:
    response = client.post(url(case), {"body": "x", "author": str(user.pk)})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["author"])


def test_a_list_costs_the_same_few_queries_whatever_its_length(
    client: APIClient, case: Investigation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    NoteFactory.create_batch(25, investigation=case)
    with django_assert_num_queries(4):  # who asks, the case, the page, the capped count
        client.get(url(case))
