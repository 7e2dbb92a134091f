"""The list of investigations under its other addresses, and what it adds up to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from investigations.tests.factories import InvestigationFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/investigations"
WINDOW = "start=2026-03-01T09:00:00Z&end=2026-03-01T11:00:00Z"


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def titles(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["title"] for row in response.json()["results"]]


def test_a_status_in_the_address_combines_with_every_filter(client: APIClient) -> None:
    InvestigationFactory(title="wanted", status="resolved", priority="p0")
    InvestigationFactory(title="less urgent", status="resolved", priority="p3")
    InvestigationFactory(title="open", priority="p0")
    assert titles(client.get(f"{URL}/status/resolved")) == ["wanted", "less urgent"]
    assert titles(client.get(f"{URL}/status/resolved/", {"priority": "p0", "q": "wanted"})) == ["wanted"]


def test_a_stretch_of_time_has_an_address(client: APIClient) -> None:
    for hour in (8, 9, 11, 12):
        InvestigationFactory(title=str(hour), detected_at=datetime(2026, 3, 1, hour, tzinfo=UTC))
    assert titles(client.get(f"{URL}/by-date-range?{WINDOW}")) == ["11", "9"]
    assert titles(client.get(f"{URL}/by-date-range?{WINDOW}&sort=detected_at")) == ["9", "11"]


def test_the_numbers_add_up(client: APIClient, engineer: User) -> None:
    now = timezone.now()
    for minutes in (10, 20, 90):
        began = now - timedelta(days=2)
        ended = began + timedelta(minutes=minutes)
        InvestigationFactory(status="resolved", detected_at=began, resolved_at=ended, priority="p0")
    long_ago = now - timedelta(days=40)
    InvestigationFactory(status="closed", detected_at=long_ago, resolved_at=long_ago + timedelta(days=1))
    InvestigationFactory(assigned_to=engineer, impact_severity="critical")
    InvestigationFactory(status="in_progress")
    InvestigationFactory(deleted_at=now)
    assert client.get(f"{URL}/stats").json() == {
        "total": 6,
        "by_status": {"open": 1, "in_progress": 1, "resolved": 3, "closed": 1},
        "by_priority": {"p0": 3, "p1": 0, "p2": 3, "p3": 0},
        "by_impact_severity": {"critical": 1, "high": 0, "medium": 5, "low": 0},
        "open_unassigned": 1,
        "resolved_last_30_days": 3,
        "mean_minutes_to_resolve": 40.0,
        "median_minutes_to_resolve": 20.0,
    }


def test_the_numbers_are_of_what_passes_the_filters(client: APIClient) -> None:
    InvestigationFactory(title="The pool", priority="p0", tags=["db"])
    InvestigationFactory(title="The disk", priority="p1", tags=["db"])
    assert client.get(f"{URL}/stats", {"q": "pool"}).json()["by_priority"] == {"p0": 1, "p1": 0, "p2": 0, "p3": 0}
    assert client.get(f"{URL}/stats", {"tag": "db", "priority": "p1"}).json()["total"] == 1


def test_of_nothing_the_numbers_are_none(client: APIClient) -> None:
    numbers = client.get(f"{URL}/stats").json()
    assert (numbers["total"], numbers["by_status"]["open"]) == (0, 0)
    assert (numbers["mean_minutes_to_resolve"], numbers["median_minutes_to_resolve"]) == (None, None)


REFUSED = {
    "unknown status": ("status/done", "status"),
    "null character": ("status/%00", "status"),
    "SQL": ("status/open'%3B--", "status"),
    "contradicted": ("status/open?status=closed", "status"),
    "repeated": ("status/open?status=open", "status"),
    "negative page": ("status/open?page=-1", "page"),
    "no end": ("by-date-range?start=2026-03-01", "end"),
    "far past": ("by-date-range?start=0001-01-01T00:00:00%2B23:59&end=2026-03-01", "start"),
    "the wrong way round": ("by-date-range?start=2026-03-02&end=2026-03-01", "start"),
    "unknown priority": ("stats?priority=p9", "priority"),
    "two services": ("stats?service=a&service=b", "service"),
    "a page of numbers": ("stats?page=1", "page"),
    "unknown parameter": ("stats?prioritty=p1", "prioritty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_or_repeated_value_is_named(client: APIClient, case: str) -> None:
    address, name = REFUSED[case]
    response = client.get(f"{URL}/{address}")
    assert (response.status_code, list(response.json()["errors"])) == (400, [name])


def test_they_cost_the_same_few_queries_whatever_they_hold(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    InvestigationFactory.create_batch(25, detected_at=datetime(2026, 3, 1, 10, tzinfo=UTC))
    client.get("/api/v1/me")  # who asks is known from then on
    for address in ("status/open", f"by-date-range?{WINDOW}"):
        with django_assert_num_queries(2):  # the page, the capped count
            client.get(f"{URL}/{address}")
    with django_assert_num_queries(1):  # all the numbers
        client.get(f"{URL}/stats")
