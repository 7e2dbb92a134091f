"""What is different about an incident, over the API."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from events.choices import Source
from events.models import Event
from events.tests.factories import EventFactory
from investigations import comparing
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory, SuspectReportFactory

pytestmark = pytest.mark.django_db
ONSET = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def case() -> Investigation:
    """Before the onset every zone logs alike; after it, zone b alone."""
    for minute in range(-60, 30):
        zone = "b" if minute >= 0 or minute % 3 == 0 else "a"
        tell(ONSET + timedelta(minutes=minute), zone)
    return InvestigationFactory(started_at=ONSET, detected_at=ONSET + timedelta(minutes=5))


def tell(at: datetime, zone: str, **more: Any) -> Event:
    words = {"source": Source.LOGS, "event_type": "log_error", "title": "Timeout", "service": "shop"}
    event: Event = EventFactory(timestamp=at, data={"attributes": {"zone": zone}}, **{**words, **more})
    return event


def ask(client: APIClient, case: Investigation, **query: str) -> Any:
    return client.get(f"/api/v1/investigations/{case.pk}/differences", query)


def test_the_zone_that_is_left_is_named_with_its_counts(client: APIClient, case: Investigation) -> None:
    answer = ask(client, case).json()
    (more,), (less,) = answer["more"], answer["less"]
    assert (more["attribute"], more["value"], more["window"], more["baseline"]) == ("zone", "b", 30, 20)
    assert (more["window_share"], round(more["baseline_share"], 2)) == (1.0, 0.33)
    assert less["value"] == "a"
    assert answer["populations"] == [{"source": "logs", "window": 30, "baseline": 60, "compared": True}]


def test_the_window_is_about_the_onset_unless_told(client: APIClient, case: Investigation) -> None:
    answer = ask(client, case).json()
    assert answer["window"] == {"start": "2026-03-04T12:00:00Z", "end": "2026-03-04T12:30:00Z"}
    assert answer["baseline"] == {"start": "2026-03-04T10:00:00Z", "end": "2026-03-04T12:00:00Z"}
    told = ask(client, case, start="2026-03-04T12:10:00Z", baseline_end="2026-03-04T11:50:00Z").json()
    assert told["window"]["end"] == "2026-03-04T12:40:00Z"
    assert told["baseline"]["start"] == "2026-03-04T09:50:00Z"


def test_where_nobody_named_the_onset_the_ranking_does(client: APIClient) -> None:
    case = InvestigationFactory(started_at=None, detected_at=ONSET)
    assert ask(client, case).json()["window"]["start"] == "2026-03-04T12:00:00Z"
    SuspectReportFactory(investigation=case, onset=ONSET - timedelta(minutes=7))
    assert ask(client, case).json()["window"]["start"] == "2026-03-04T11:53:00Z"


def test_deleted_events_and_those_of_another_environment_do_not_count(client: APIClient, case: Investigation) -> None:
    case.metadata = {"environment": "production"}
    case.save()
    tell(ONSET, "c", environment="staging")
    tell(ONSET, "c", deleted_at=ONSET)
    tell(ONSET, "c", environment="production")
    assert ask(client, case).json()["populations"][0]["window"] == 31


def test_of_very_many_events_those_nearest_are_read(
    client: APIClient, case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST", 40)
    answer = ask(client, case).json()
    assert (answer["complete"], answer["populations"][0]["baseline"]) == (False, 40)


def test_no_event_whatever_it_holds_breaks_it(client: APIClient, case: Investigation) -> None:
    for data in ({"attributes": 3, "count": {}}, {"attributes": {"a": {"b": [1]}}, "exception": "x"}, {"count": -1}):
        EventFactory(source=Source.LOGS, timestamp=ONSET, data=data)
    assert ask(client, case).json()["populations"][0]["window"] == 33


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"start": "x"}, "start"),
        ({"ende": "2026-03-04"}, "ende"),
        ({"end": "2026-03-04T11:00:00Z"}, "end"),
        ({"end": "2026-03-24T11:00:00Z"}, "end"),
        ({"baseline_end": "2026-03-04T12:01:00Z"}, "baseline_end"),
        ({"baseline_start": "2026-03-04T12:00:00Z"}, "baseline_end"),
    ],
)
def test_a_wrong_window_is_named(client: APIClient, case: Investigation, query: dict[str, str], named: str) -> None:
    response = ask(client, case, **query)
    assert (response.status_code, list(response.json()["errors"])) == (400, [named])


def test_it_costs_two_queries_however_many_events(
    client: APIClient, case: Investigation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):  # who asks, the investigation, the window, the baseline
        ask(client, case)


def test_each_window_is_found_by_an_index_of_time(case: Investigation) -> None:
    window, _ = comparing.usual_spans(ONSET)
    within = Event.objects.alive().filter(timestamp__gte=window.start, timestamp__lt=window.end)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = within.filter(source__in=comparing.SOURCES).order_by("timestamp")[: comparing.MOST].explain()
    assert "Index" in plan
    assert "Seq Scan" not in plan
