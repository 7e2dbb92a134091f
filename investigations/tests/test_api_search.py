"""One search over investigations, events and notes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from events.tests.factories import EventFactory
from investigations.tests.factories import InvestigationFactory, NoteFactory
from rcaplatform.kit import search

pytestmark = pytest.mark.django_db
URL = "/api/v1/search"


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def found(client: APIClient, text: str, **asked: Any) -> dict[str, Any]:
    response = client.get(URL, {"q": text, **asked})
    assert response.status_code == 200, response.json()
    return dict(response.json())


def test_each_kind_has_its_own_best_matches(client: APIClient) -> None:
    case = InvestigationFactory(title="The pool is exhausted")
    EventFactory(title="Of another service", tags=["pool"])
    event = EventFactory(title="pool <b>exhausted</b>")
    note = NoteFactory(investigation=case, body="Somebody halved the pool.")
    EventFactory(title="Something else")
    answer = found(client, "pool")
    assert answer["q"] == "pool"
    (investigation,) = answer["investigations"]["results"]
    assert (investigation["id"], investigation["excerpt"]) == (str(case.pk), "<mark>pool</mark> is exhausted")
    first, second = answer["events"]["results"]
    assert (first["id"], second["title"]) == (str(event.pk), "Of another service")
    assert "<b>" not in first["excerpt"]
    (written,) = answer["notes"]["results"]
    assert (written["id"], written["investigation"]) == (str(note.pk), str(case.pk))
    assert written["investigation_title"] == "The pool is exhausted"
    assert "<mark>pool</mark>" in written["excerpt"]
    assert {kind: answer[kind]["count"] for kind in ("investigations", "events", "notes")} == {
        "investigations": 1,
        "events": 2,
        "notes": 1,
    }


def test_kinds_narrow_the_search(client: APIClient) -> None:
    assert set(found(client, "pool", kind="note")) == {"q", "notes"}
    assert set(found(client, "pool", kind=["event", "investigation"])) == {"q", "events", "investigations"}


def test_what_was_deleted_is_not_found_nor_what_stands_in_it(client: APIClient) -> None:
    gone = InvestigationFactory(title="pool", deleted_at=timezone.now())
    NoteFactory(investigation=gone, body="pool")
    NoteFactory(body="pool", deleted_at=timezone.now())
    EventFactory(title="pool", deleted_at=timezone.now())
    answer = found(client, "pool")
    assert [answer[kind]["results"] for kind in ("investigations", "events", "notes")] == [[], [], []]


def test_each_kind_shows_some_and_counts_all(client: APIClient) -> None:
    EventFactory.create_batch(25, title="pool")
    NoteFactory.create_batch(3, body="pool")
    answer = found(client, "pool", per_page=2)
    assert (len(answer["events"]["results"]), answer["events"]["count"], answer["events"]["capped"]) == (2, 25, False)
    assert (len(answer["notes"]["results"]), answer["notes"]["count"]) == (2, 3)
    assert len(found(client, "pool")["events"]["results"]) == 5
    assert len(found(client, "pool", per_page=1000)["events"]["results"]) == 20


def test_of_many_matches_the_newest_come_first_and_the_answer_says_so(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "RANKED", 1)
    for number in range(3):
        EventFactory(title=f"pool {number}")
        newest = NoteFactory(body="pool")
    answer = found(client, "pool")
    assert (answer["events"]["sort"], answer["events"]["capped"]) == ("-timestamp", True)
    assert (answer["notes"]["sort"], answer["investigations"]["sort"]) == ("-id", "rank")
    assert [row["title"] for row in answer["events"]["results"]] == ["pool 0", "pool 1", "pool 2"]
    assert answer["notes"]["results"][0]["id"] == str(newest.pk)


REFUSED = {
    "nothing": ("", "q"),
    "no words": ("q=%20", "q"),
    "too many words": ("q=" + "x" * 501, "q"),
    "null character": ("q=a%00b", "q"),
    "two searches": ("q=a&q=b", "q"),
    "unknown kind": ("q=x&kind=person", "kind"),
    "one of two unknown": ("q=x&kind=note&kind=person", "kind"),
    "kind in SQL": ("q=x&kind=note'--", "kind"),
    "no rows": ("q=x&per_page=0", "per_page"),
    "negative rows": ("q=x&per_page=-1", "per_page"),
    "endless rows": ("q=x&per_page=" + "9" * 5000, "per_page"),
    "no number": ("q=x&per_page=ten", "per_page"),
    "unknown parameter": ("q=x&knd=note", "knd"),
    "a page": ("q=x&page=2", "page"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_parameter_is_named(client: APIClient, case: str) -> None:
    query, name = REFUSED[case]
    response = client.get(f"{URL}?{query}")
    assert (response.status_code, list(response.json()["errors"])) == (400, [name])


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE x; --", "a & | ! <-> b", '"unclosed', "((((", "%", "\\", ":*", "or or", "-", "the", "🦊"]
)
def test_whatever_is_searched_for_is_only_text(client: APIClient, text: str) -> None:
    InvestigationFactory(title=text)
    found(client, text)


def test_it_costs_the_same_few_queries_whatever_there_is(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    InvestigationFactory.create_batch(25, title="pool")
    EventFactory.create_batch(25, title="pool")
    NoteFactory.create_batch(25, body="pool")
    client.get("/api/v1/me")  # who asks is known from then on
    with django_assert_num_queries(9):  # for each kind the words asked first, the rows, the count
        client.get(URL, {"q": "pool"})
    with django_assert_num_queries(3):
        client.get(URL, {"q": "pool", "kind": "event"})
