"""The tags of an event over the API: shown, replaced, added and taken away, with no change lost."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from events.models import Event
from events.tests.factories import EventFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def event(db: None) -> Event:
    return EventFactory(tags=["db", "slow"])


def url(event: Event, rest: str = "") -> str:
    return f"/api/v1/events/{event.pk}/tags{rest}"


def test_tags_are_shown_with_the_version_of_their_event(client: APIClient, event: Event) -> None:
    shown = client.get(url(event))
    assert (shown.status_code, shown.json(), shown["ETag"]) == (200, {"tags": ["db", "slow"], "version": 1}, '"1"')


def test_tags_are_replaced(client: APIClient, event: Event) -> None:
    assert client.put(url(event), {"tags": ["pool", "pool", "db"]}).json() == {"tags": ["pool", "db"], "version": 2}
    assert client.put(url(event), {"tags": []}).json()["tags"] == []


def test_a_tag_is_added_once(client: APIClient, event: Event) -> None:
    added = client.post(url(event), {"tags": ["slow", "pool"]})
    assert (added.status_code, added.json()) == (200, {"tags": ["db", "slow", "pool"], "version": 2})
    assert client.post(url(event), {"tags": ["pool"]}).json()["version"] == 2


@pytest.mark.parametrize("tag", ["slow", "team/checkout", "naïve 🦊"])
def test_a_tag_is_taken_away(client: APIClient, tag: str) -> None:
    event = EventFactory(tags=["db", tag])
    assert client.delete(url(event, f"/{tag}")).json()["tags"] == ["db"]
    assert client.delete(url(event, f"/{tag}")).status_code == 404


def test_a_change_is_on_record_and_can_be_found(client: APIClient, event: Event) -> None:
    client.post(url(event), {"tags": ["black-friday"]})
    assert AuditEntry.objects.get(verb="edit").change == {"tags": [["db", "slow"], ["db", "slow", "black-friday"]]}
    assert client.get("/api/v1/events?q=friday").json()["count"] == 1


def test_a_change_meant_for_another_version_is_refused(client: APIClient, event: Event) -> None:
    stale = {"If-Match": '"7"'}
    answers = [
        client.put(url(event), {"tags": []}, headers=stale),
        client.post(url(event), {"tags": ["x"]}, headers=stale),
        client.delete(url(event, "/db"), headers=stale),
    ]
    assert [(answer.status_code, answer.json()["present"]["tags"]) for answer in answers] == [(412, event.tags)] * 3


BODIES = {
    "nothing": ({}, "tags"),
    "text": ({"tags": "db"}, "tags"),
    "too long": ({"tags": ["x" * 101]}, "tags.0"),
    "empty": ({"tags": [""]}, "tags.0"),
    "too many": ({"tags": [str(number) for number in range(51)]}, "tags"),
    "null character": ({"tags": ["a\x00"]}, "tags"),
    "unknown field": ({"tags": [], "tag": "x"}, "tag"),
}


@pytest.mark.parametrize("method", ["put", "post"])
@pytest.mark.parametrize("case", BODIES)
def test_a_wrong_body_is_named(client: APIClient, event: Event, case: str, method: str) -> None:
    body, name = BODIES[case]
    response = getattr(client, method)(url(event), body)
    assert (response.status_code, list(response.json()["errors"])) == (400, [name])


def test_an_event_has_no_more_than_fifty(client: APIClient) -> None:
    event = EventFactory(tags=[str(number) for number in range(50)])
    refused = client.post(url(event), {"tags": ["one more"]})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["tags"])
    assert client.post(url(event), {"tags": ["7"]}).status_code == 200


@pytest.mark.parametrize("wrong", ["42", "%00", "01890000-0000-7000-8000-000000000000"])
def test_an_event_nobody_knows_is_not_found(client: APIClient, wrong: str) -> None:
    address = f"/api/v1/events/{wrong}/tags"
    for answer in (client.get(address), client.put(address, {"tags": []}), client.delete(f"{address}/%00")):
        assert answer.status_code == 404


def test_they_cost_two_queries(
    client: APIClient, event: Event, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):  # who asks, the event
        client.get(url(event))
