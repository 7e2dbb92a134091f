"""The list of events under its other addresses: one filter in the address, all others as ever."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from events.tests.factories import EventFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/events"
WINDOW = "start=2026-03-01T09:00:00Z&end=2026-03-01T11:00:00Z"


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def titles(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["title"] for row in response.json()["results"]]


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("source/git", {"source": "git"}),
        ("severity/critical", {"severity": "critical"}),
        ("service/auth-service", {"service": "auth-service"}),
        ("service/team/auth", {"service": "team/auth"}),
        ("service/tags", {"service": "tags"}),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_one_filter_may_stand_in_the_address(
    client: APIClient, address: str, wanted: dict[str, str], slash: str
) -> None:
    EventFactory(title="wanted", **wanted)
    EventFactory(title="other", service="auth")
    assert titles(client.get(f"{URL}/{address}{slash}")) == ["wanted"]


def test_every_other_filter_the_search_the_order_and_the_paging_apply(client: APIClient) -> None:
    for number in range(3):
        EventFactory(title=f"pool {number}", source="git", severity="high")
    EventFactory(title="pool of no interest", source="git", severity="low")
    EventFactory(title="pool told by a log", severity="high")
    page = client.get(f"{URL}/source/git", {"severity": "high", "q": "pool", "sort": "timestamp", "per_page": "2"})
    assert titles(page) == ["pool 2", "pool 1"]
    assert page["X-Total-Count"] == "3"
    assert titles(client.get(page.json()["next"])) == ["pool 0"]
    first = client.get(f"{URL}/source/git?cursor=&per_page=3").json()
    assert len(client.get(first["next"]).json()["results"]) == 1


@pytest.mark.parametrize("address", ["by-date-range", "range"])
def test_a_stretch_of_time_has_two_addresses(client: APIClient, address: str) -> None:
    nine = datetime(2026, 3, 1, 9, tzinfo=UTC)
    for hours in (-1, 0, 2, 3):
        EventFactory(title=str(hours), timestamp=nine + timedelta(hours=hours))
    assert titles(client.get(f"{URL}/{address}?{WINDOW}")) == ["2", "0"]
    assert titles(client.get(f"{URL}/{address}?{WINDOW}&sort=timestamp&source=logs")) == ["0", "2"]


REFUSED = {
    "unknown source": ("source/pigeon", "source"),
    "unknown severity": ("severity/fatal", "severity"),
    "null character": ("service/%00", "service"),
    "SQL": ("source/git'%3B DROP TABLE events_event%3B--", "source"),
    "contradicted": ("source/git?source=ci", "source"),
    "repeated": ("severity/high?severity=high", "severity"),
    "unknown parameter": ("service/checkout?sevrity=high", "sevrity"),
    "negative page": ("service/checkout?page=-1", "page"),
    "no start": ("by-date-range?end=2026-03-01", "start"),
    "no end": ("range?start=2026-03-01", "end"),
    "empty start": ("range?start=&end=2026-03-01", "start"),
    "the wrong way round": ("range?start=2026-03-02&end=2026-03-01", "start"),
    "far past": ("by-date-range?start=0001-01-01T00:00:00%2B23:59&end=2026-03-01", "start"),
    "far future": ("by-date-range?start=2026-03-01&end=9999-12-31T23:59:59-23:59", "end"),
    "two starts": ("range?start=2026-03-01&start=2026-03-02&end=2026-03-03", "start"),
    "two services": ("?service=a&service=b", "service"),
    "two pages": ("?page=1&page=2", "page"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_or_repeated_value_is_named(client: APIClient, case: str) -> None:
    address, name = REFUSED[case]
    response = client.get(f"{URL}/{address}")
    assert (response.status_code, list(response.json()["errors"])) == (400, [name])


@pytest.mark.parametrize("text", ["%25", "a' OR '1'='1", "🦊", "%22unclosed", "..%2F..%2Fetc", "x" * 1000])
def test_a_service_in_the_address_is_only_text(client: APIClient, text: str) -> None:
    EventFactory()
    assert titles(client.get(f"{URL}/service/{text}")) == []


@pytest.mark.parametrize("address", ["source/logs", "severity/medium", "service/checkout", f"range?{WINDOW}"])
def test_it_costs_what_the_list_costs(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries, address: str
) -> None:
    noon = datetime(2026, 3, 1, 10, tzinfo=UTC)
    for number in range(25):
        EventFactory(timestamp=noon + timedelta(minutes=number))
    with django_assert_num_queries(3):  # who asks, the page, the capped count
        client.get(f"{URL}/{address}")


def test_the_schema_shows_the_filter_as_part_of_the_address_alone(client: APIClient) -> None:
    operation = client.get("/api/v1/schema?format=json").json()["paths"]["/api/v1/events/source/{source}"]["get"]
    places = {(parameter["name"], parameter["in"]) for parameter in operation["parameters"]}
    assert ("source", "path") in places
    assert ("source", "query") not in places
    assert {("severity", "query"), ("page", "query"), ("q", "query")} <= places
