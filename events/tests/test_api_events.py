"""Events over the API: told, found, changed, deleted and restored."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from events.choices import OriginKind, Severity, Source
from events.models import Event
from events.tests.factories import EventFactory, OriginFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/events"
Api = Callable[[User | None], APIClient]


@pytest.fixture
def client(api: Api, engineer: User) -> APIClient:
    return api(engineer)


def titles(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["title"] for row in response.json()["results"]]


def test_a_title_is_enough_to_tell_of_an_event(client: APIClient) -> None:
    before = datetime.now(UTC)
    response = client.post(URL, {"title": "Restarted the cache by hand"})
    assert response.status_code == 201
    told = response.json()
    assert told["source"] == Source.MANUAL
    assert told["severity"] == Severity.INFO
    assert told["source_id"]
    assert told["origin_name"] == "API"
    assert before <= datetime.fromisoformat(told["timestamp"]) <= datetime.now(UTC)
    assert response["Location"] == f"http://testserver{URL}/{told['id']}"
    assert client.get(response["Location"]).json() == told


def test_everything_an_event_can_say_comes_back_as_it_was_told(client: APIClient) -> None:
    told = {
        "timestamp": "2026-03-01T09:14:00Z",
        "source": "ci",
        "source_id": "build-42",
        "event_type": "build_failure",
        "title": "Build 42 failed",
        "severity": "high",
        "service": "auth-service",
        "component": "login",
        "environment": "production",
        "tags": ["b", "a"],
        "url": "http://jenkins:8080/job/42",
        "data": {"number": 123456789012345678901234567890, "stages": [{"name": "test", "ok": False}]},
        "raw_data": ["as", "received"],
        "metadata": {"team": "payments"},
    }
    stored = client.post(URL, told).json()
    assert {name: client.get(f"{URL}/{stored['id']}").json()[name] for name in told} == told


def test_an_event_told_twice_is_stored_once(client: APIClient) -> None:
    first = client.post(URL, {"title": "Build failed", "source": "ci", "source_id": "42"})
    again = client.post(URL, {"title": "Told differently", "source": "ci", "source_id": "42"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert Event.objects.count() == 1


def test_telling_again_of_what_was_deleted_says_how_to_bring_it_back(client: APIClient) -> None:
    told = {"title": "Build failed", "source": "ci", "source_id": "42"}
    first = client.post(URL, told)
    client.delete(first["Location"])
    again = client.post(URL, told)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert "deleted" in again.json()["detail"]
    assert f"POST /events/{first.json()['id']}/restore" in again.json()["detail"]
    many = client.post(f"{URL}/bulk", [told]).json()
    assert (many["stored"], many["duplicates"]) == (0, 1)
    assert client.post(f"{URL}/{first.json()['id']}/restore").status_code == 200
    assert client.post(URL, told).status_code == 200


def test_a_repetition_is_stored_once_in_its_tags(client: APIClient) -> None:
    assert client.post(URL, {"title": "Tagged", "tags": ["a", "b", "a"]}).json()["tags"] == ["a", "b"]


def test_telling_and_changing_leave_a_trail(client: APIClient, engineer: User) -> None:
    event = client.post(URL, {"title": "Told"}).json()
    client.patch(f"{URL}/{event['id']}", {"severity": "high"})
    client.delete(f"{URL}/{event['id']}")
    client.post(f"{URL}/{event['id']}/restore")
    trail = AuditEntry.objects.filter(target_id=event["id"], actor=engineer).order_by("id")
    assert [entry.verb for entry in trail] == ["create", "edit", "delete", "restore"]
    assert trail[1].change["severity"] == ["info", "high"]


def test_a_patch_changes_what_it_names(client: APIClient) -> None:
    event = EventFactory(service="checkout", tags=["kept"])
    response = client.patch(f"{URL}/{event.pk}", {"service": "payment"})
    assert response.status_code == 200
    assert (response.json()["service"], response.json()["tags"]) == ("payment", ["kept"])
    assert response.json()["version"] == event.version + 1


def test_a_put_resets_what_it_leaves_out(client: APIClient) -> None:
    event = EventFactory(service="checkout", tags=["lost"], severity="high")
    body = {"title": "New title", "event_type": "error", "timestamp": "2026-03-01T09:14:00Z"}
    changed = client.put(f"{URL}/{event.pk}", body).json()
    assert (changed["title"], changed["service"], changed["tags"], changed["severity"]) == ("New title", "", [], "info")
    assert changed["source_id"] == event.source_id


def test_what_was_read_can_be_put_back_with_a_change(client: APIClient) -> None:
    event = EventFactory(raw_data={"line": 1})
    body = client.get(f"{URL}/{event.pk}").json() | {"title": "Corrected"}
    response = client.put(f"{URL}/{event.pk}", body)
    assert response.status_code == 200, response.json()
    assert response.json()["title"] == "Corrected"


def test_what_identifies_an_event_cannot_be_changed(client: APIClient) -> None:
    event = EventFactory()
    response = client.patch(f"{URL}/{event.pk}", {"source_id": "another", "received_at": "2026-03-01T09:14:00Z"})
    assert response.status_code == 400
    assert set(response.json()["errors"]) == {"source_id", "received_at"}


def test_a_deleted_event_is_gone_until_it_is_restored(client: APIClient) -> None:
    event = EventFactory()
    assert client.delete(f"{URL}/{event.pk}").status_code == 204
    assert client.get(f"{URL}/{event.pk}").status_code == 404
    assert client.get(URL).json()["results"] == []
    restored = client.post(f"{URL}/{event.pk}/restore")
    assert (restored.status_code, restored.json()["deleted_at"]) == (200, None)
    assert client.get(f"{URL}/{event.pk}").status_code == 200


def test_a_change_meant_for_another_version_is_refused_with_the_present_one(client: APIClient) -> None:
    event = EventFactory()
    read = client.get(f"{URL}/{event.pk}")
    assert read["ETag"] == '"1"'
    first = client.patch(f"{URL}/{event.pk}", {"title": "Mine"}, headers={"If-Match": read["ETag"]})
    assert (first.status_code, first["ETag"]) == (200, '"2"')
    late = client.patch(f"{URL}/{event.pk}", {"title": "Theirs"}, headers={"If-Match": read["ETag"]})
    assert late.status_code == 412
    assert late.json()["code"] == "stale"
    assert (late.json()["present"]["title"], late.json()["present"]["version"]) == ("Mine", 2)
    assert client.delete(f"{URL}/{event.pk}", headers={"If-Match": '"1"'}).status_code == 412


@pytest.mark.parametrize("given", ["*", '"1"', 'W/"1"', '"7", "1"', "1"])
def test_a_change_meant_for_the_present_version_passes(client: APIClient, given: str) -> None:
    event = EventFactory()
    assert client.patch(f"{URL}/{event.pk}", {"title": "Mine"}, headers={"If-Match": given}).status_code == 200


FILTERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "source": ({"source": Source.GIT}, {"source": Source.CI}),
    "severity": ({"severity": Severity.CRITICAL}, {"severity": Severity.LOW}),
    "service": ({"service": "auth-service"}, {"service": "auth"}),
    "component": ({"component": "pool"}, {"component": "pools"}),
    "environment": ({"environment": "production"}, {"environment": "staging"}),
    "event_type": ({"event_type": "deployment"}, {"event_type": "deploy"}),
    "tag": ({"tags": ["db", "slow"]}, {"tags": ["dbs"]}),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_keeps_what_matches_it_exactly(client: APIClient, name: str) -> None:
    wanted, other = FILTERS[name]
    EventFactory(title="wanted", **wanted)
    EventFactory(title="other", **other)
    (value,) = wanted.values()
    assert titles(client.get(URL, {name: value[0] if isinstance(value, list) else value})) == ["wanted"]


def test_a_filter_given_twice_means_either_and_a_tag_given_twice_means_both(client: APIClient) -> None:
    EventFactory(title="one", severity="critical", tags=["a"])
    EventFactory(title="two", severity="high", tags=["a", "b"])
    EventFactory(title="three", severity="low", tags=["b"])
    assert titles(client.get(f"{URL}?severity=critical&severity=high")) == ["one", "two"]
    assert titles(client.get(f"{URL}?tag=a&tag=b")) == ["two"]


def test_the_origin_and_the_time_are_filters_too(client: APIClient) -> None:
    now = datetime(2026, 3, 1, 9, tzinfo=UTC)
    origin = OriginFactory(name="jenkins", kind=OriginKind.CONNECTOR)
    for hours in range(4):
        EventFactory(title=str(hours), timestamp=now + timedelta(hours=hours), origin=origin)
    EventFactory(title="another origin")
    window = {"start": "2026-03-01T10:00:00Z", "end": "2026-03-01T11:00:00Z"}
    assert titles(client.get(URL, {"origin": "jenkins", **window})) == ["2", "1"]
    assert titles(client.get(URL, {"origin": "jenkins", "sort": "timestamp", **window})) == ["1", "2"]


@pytest.mark.parametrize("start", ["2026-03-01", "2026-03-01T01:00:00%2B01:00", "2026-03-01T01:00:00+01:00"])
def test_a_time_may_be_a_day_and_its_offset_may_be_unescaped(client: APIClient, start: str) -> None:
    EventFactory(title="that night", timestamp=datetime(2026, 3, 1, tzinfo=UTC))
    EventFactory(title="the evening before", timestamp=datetime(2026, 2, 28, 23, 59, tzinfo=UTC))
    assert titles(client.get(f"{URL}?start={start}&end=2026-03-02")) == ["that night"]


def test_filters_combine_with_one_another_and_with_the_search(client: APIClient) -> None:
    EventFactory(title="pool exhausted", service="checkout", severity="high")
    EventFactory(title="pool exhausted elsewhere", service="payment", severity="high")
    EventFactory(title="something else", service="checkout", severity="high")
    EventFactory(title="pool exhausted a little", service="checkout", severity="low")
    found = client.get(URL, {"q": "pool exhausted", "service": "checkout", "severity": "high"})
    assert titles(found) == ["pool exhausted"]


def test_an_event_nobody_knows_is_not_found(client: APIClient) -> None:
    response = client.get(f"{URL}/{uuid4()}")
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_a_list_costs_the_same_few_queries_whatever_its_length(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    EventFactory.create_batch(25)
    with django_assert_num_queries(3):  # who asks, the page, the capped count
        client.get(URL)
    with django_assert_num_queries(1):  # who asks is known by now; the page is not full: nothing to count
        client.get(URL, {"per_page": 100})
    with django_assert_num_queries(1):  # a cursor counts nothing
        client.get(URL, {"cursor": ""})
    with django_assert_num_queries(2):  # how many match, the page
        client.get(URL, {"q": "happened"})


def test_one_event_costs_two_queries(client: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    event = EventFactory()
    with django_assert_num_queries(2):  # who asks, the event with its origin
        client.get(f"{URL}/{event.pk}")
