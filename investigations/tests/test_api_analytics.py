"""What happened, counted: buckets, measures, empty stores, wrong questions, and answers that end when they must."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from events import services as events
from events.models import Event
from events.tests.factories import EventFactory
from investigations import services
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory

pytestmark = pytest.mark.django_db
V1 = "/api/v1/analytics"
EVENTS = ("sources", "events/by-source", "events/by-severity")
BUCKETED = ("investigation-timeline", "events/by-source", "events/by-severity")
EVERY = (*EVENTS, "investigation-timeline", "severity-distribution", "mttr", "components")
MARCH = "start=2026-03-01T00:00:00Z&end=2026-03-31T23:59:59Z"


@pytest.fixture
def ask(api: Any, engineer: User) -> Any:
    """Return a way to ask, expecting an answer."""
    client = api(engineer)

    def get(question: str, status: int = 200) -> Any:
        response = client.get(f"{V1}/{question}")
        assert response.status_code == status, response.content
        return response.json()

    return get


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ended(detected: str, minutes: int, **values: Any) -> Investigation:
    """Return an investigation that took so long."""
    moment = at(detected)
    times = {"detected_at": moment, "resolved_at": moment + timedelta(minutes=minutes)}
    return InvestigationFactory(status="resolved", **times, **values)


def test_events_are_counted_by_severity_in_days_of_ones_own_zone(ask: Any) -> None:
    EventFactory(timestamp=at("2026-03-01T22:30"), severity="high")
    EventFactory(timestamp=at("2026-03-01T23:30"), severity="low")  # the second of March in Zurich
    found = ask("events/by-severity?start=2026-03-01T12:00:00Z&end=2026-03-03T12:00:00Z&tz=Europe/Zurich")
    assert [(bucket["start"], bucket["high"], bucket["low"]) for bucket in found["buckets"]] == [
        ("2026-03-01T00:00:00+01:00", 1, 0),
        ("2026-03-02T00:00:00+01:00", 0, 1),
        ("2026-03-03T00:00:00+01:00", 0, 0),
    ]
    assert found["total"] == 2
    assert found["totals"] == {"critical": 0, "high": 1, "medium": 0, "low": 1, "info": 0}


def test_events_are_counted_by_source_within_the_filters(ask: Any) -> None:
    for values in ({"source": "git"}, {"source": "logs"}, {"service": "search"}, {"severity": "critical"}):
        EventFactory(timestamp=at("2026-03-05T09:00"), **values)
    EventFactory(timestamp=at("2026-03-05T09:00"), deleted_at=timezone.now())
    assert ask(f"events/by-source?{MARCH}")["total"] == 4
    asked = f"events/by-source?{MARCH}&service=checkout&severity=medium&severity=low&bucket=week"
    found = ask(asked)
    assert (found["totals"]["git"], found["totals"]["logs"], found["total"]) == (1, 1, 2)
    assert found["buckets"][1]["start"] == "2026-03-02T00:00:00Z"
    assert found["buckets"][1]["git"] == 1


def test_both_ends_of_a_span_belong_to_it(ask: Any) -> None:
    for moment in ("2026-03-01T00:00", "2026-03-02T00:00", "2026-02-28T23:59"):
        EventFactory(timestamp=at(moment))
    found = ask("events/by-source?start=2026-03-01T00:00:00Z&end=2026-03-02T00:00:00Z")
    assert [bucket["logs"] for bucket in found["buckets"]] == [1, 1]


def test_a_source_has_a_first_and_a_last_event(ask: Any) -> None:
    EventFactory(source="ci", timestamp=at("2026-03-05T09:00"))
    EventFactory(source="ci", timestamp=at("2026-03-07T09:00"))
    found = ask(f"sources?{MARCH}")
    rows = {row["source"]: row for row in found["sources"]}
    assert rows["ci"] == {
        "source": "ci", "events": 2, "first": "2026-03-05T09:00:00Z", "last": "2026-03-07T09:00:00Z"
    }  # fmt: skip
    assert rows["traces"] == {"source": "traces", "events": 0, "first": None, "last": None}
    assert len(rows) == 7


def test_an_investigation_is_opened_in_one_bucket_and_resolved_in_another(ask: Any) -> None:
    ended("2026-03-05T23:00", minutes=120)
    InvestigationFactory(detected_at=at("2026-03-06T10:00"))
    found = ask("investigation-timeline?start=2026-03-05T00:00:00Z&end=2026-03-06T23:00:00Z")
    assert [(bucket["opened"], bucket["resolved"]) for bucket in found["buckets"]] == [(1, 0), (1, 1)]
    assert (found["opened"], found["resolved"]) == (2, 1)


def test_investigations_are_distributed_over_severities(ask: Any) -> None:
    ended("2026-03-05T23:00", minutes=120, impact_severity="critical")
    InvestigationFactory(detected_at=at("2026-03-06T10:00"), impact_severity="critical")
    InvestigationFactory(detected_at=at("2026-03-06T10:00"), deleted_at=timezone.now())
    found = ask(f"severity-distribution?{MARCH}")
    assert found["total"] == 2
    assert found["severities"][0] == {"severity": "critical", "investigations": 2, "active": 1}
    assert [row["severity"] for row in found["severities"]] == ["critical", "high", "medium", "low"]


def test_the_time_to_resolve_is_measured_in_minutes_by_severity(ask: Any) -> None:
    for minutes in (10, 20, 30, 40, 100):
        ended("2026-03-05T09:00", minutes=minutes, impact_severity="high")
    ended("2026-03-05T09:00", minutes=400, impact_severity="low")
    found = ask(f"mttr?{MARCH}")
    rows = {row["severity"]: row for row in found["severities"]}
    assert rows["high"] == {
        "severity": "high", "resolved": 5, "mean_minutes": 40.0, "median_minutes": 30.0, "p90_minutes": 76.0
    }  # fmt: skip
    assert rows["critical"]["resolved"] == 0
    assert rows["critical"]["mean_minutes"] is None
    assert found["overall"]["resolved"] == 6
    assert found["overall"]["mean_minutes"] == 100.0


def test_components_come_with_the_most_investigated_first(ask: Any) -> None:
    where = {"service_affected": "payments", "component_affected": "gateway"}
    ended("2026-03-05T09:00", minutes=30, **where)
    InvestigationFactory(detected_at=at("2026-03-06T10:00"), **where)
    InvestigationFactory(detected_at=at("2026-03-06T10:00"), service_affected="search")
    found = ask(f"components?{MARCH}")
    assert found["components"][0] == {
        "service": "payments", "component": "gateway", "investigations": 2, "active": 1, "resolved": 1,
        "mean_minutes": 30.0, "median_minutes": 30.0, "p90_minutes": 30.0,
    }  # fmt: skip
    assert found["components"][1]["service"] == "search"
    assert found["components"][1]["mean_minutes"] is None
    assert found["more"] is False
    assert len(ask(f"components?{MARCH}&component=gateway&service=payments&severity=medium")["components"]) == 1


@pytest.mark.parametrize("question", EVERY)
def test_an_empty_store_gives_zeros_and_nulls(ask: Any, question: str) -> None:
    found = ask(question)
    begin, end = (datetime.fromisoformat(found[name]) for name in ("start", "end"))
    assert end - begin == timedelta(days=30)
    assert found.get("total", 0) == 0


@pytest.mark.parametrize("question", EVERY)
@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ("start=yesterday", "start"),
        ("end=2026-13-01T00:00:00Z", "end"),
        ("start=0001-01-01T00:00:00Z", "start"),
        ("end=9999-12-31T23:59:59Z", "end"),
        ("start=9999-12-31T23:59:59-23:59", "start"),
        ("start=2026-03-02T00:00:00Z&end=2026-03-01T00:00:00Z", "start"),
        ("start=1970-01-01T00:00:00Z", "start"),
        ("start=2199-01-01T00:00:00Z", "start"),
        ("severity=awful", "severity"),
        ("service=%00", "service"),
        ("servcie=checkout", "servcie"),
        (f"component={'x' * 201}", "component"),
    ],
)
def test_a_wrong_parameter_is_named(ask: Any, question: str, wrong: str, name: str) -> None:
    assert name in ask(f"{question}?{wrong}", 400)["errors"]


@pytest.mark.parametrize("question", BUCKETED)
@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ("bucket=minute", "bucket"),
        ("bucket=hour&start=2025-01-01T00:00:00Z&end=2026-01-01T00:00:00Z", "bucket"),
        ("tz=Mars/Olympus", "tz"),
        ("tz=../../etc/passwd", "tz"),
    ],
)
def test_a_wrong_division_is_named(ask: Any, question: str, wrong: str, name: str) -> None:
    assert name in ask(f"{question}?{wrong}", 400)["errors"]


def test_an_unknown_source_is_named(ask: Any) -> None:
    assert "source" in ask("events/by-source?source=gossip", 400)["errors"]


@pytest.mark.parametrize("text", ["'; DROP TABLE events_event; --", "%", "\\", "🦓"])
def test_any_text_is_only_a_name_of_a_service(ask: Any, text: str) -> None:
    EventFactory()
    for question in EVERY:
        ask(f"{question}?service={text}".replace("%", "%25").replace(";", "%3B"))
    assert Event.objects.exists()


def test_a_plus_that_became_a_space_is_understood(ask: Any) -> None:
    found = ask("sources?start=2026-03-01T02:00:00+02:00&end=2026-03-02T00:00:00%2B00:00")
    assert found["start"] == "2026-03-01T00:00:00Z"


def test_every_zone_name_and_the_format_are_accepted(ask: Any) -> None:
    ask("investigation-timeline?tz=America/Argentina/Buenos_Aires&format=json&bucket=month")


@pytest.mark.parametrize(
    ("question", "queries"),
    [
        ("sources", 2),
        ("events/by-source", 2),
        ("events/by-severity", 2),
        ("investigation-timeline", 3),
        ("severity-distribution", 2),
        ("mttr", 3),
        ("components", 2),
    ],
)
def test_the_number_of_queries(
    ask: Any, question: str, queries: int, django_assert_num_queries: Any, engineer: User
) -> None:
    EventFactory.create_batch(3)
    InvestigationFactory.create_batch(3, created_by=engineer)
    with django_assert_num_queries(queries):
        ask(question)
    with django_assert_num_queries(0):  # who asks is known by now, and so is the answer
        ask(question)


def test_answers_about_investigations_end_at_once(
    ask: Any, engineer: User, django_capture_on_commit_callbacks: Any
) -> None:
    by: dict[str, Any] = {"actor": engineer, "now": timezone.now()}
    assert ask("severity-distribution")["total"] == 0
    with django_capture_on_commit_callbacks(execute=True):
        opened = services.create(values={"title": "Payments fail"}, **by)
    assert ask("severity-distribution")["severities"][2]["active"] == 1
    with django_capture_on_commit_callbacks(execute=True):
        services.move(investigation=opened, to="resolved", **by)
    assert ask("severity-distribution")["severities"][2]["active"] == 0
    with django_capture_on_commit_callbacks(execute=True):
        services.delete(investigation=opened, **by)
    assert ask("severity-distribution")["total"] == 0
    with django_capture_on_commit_callbacks(execute=True):
        services.restore(investigation=opened, **by)
    assert ask("severity-distribution")["total"] == 1


def test_answers_about_events_end_when_one_is_deleted_or_restored(
    ask: Any, engineer: User, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("investigations.api.analytics.EventAnalytics.settles", 0.0)
    event = EventFactory()
    assert ask("sources")["total"] == 1
    with django_capture_on_commit_callbacks(execute=True):
        events.delete(event=event, actor=engineer, now=timezone.now())
    assert ask("sources")["total"] == 0
    with django_capture_on_commit_callbacks(execute=True):
        events.restore(event=event, actor=engineer, now=timezone.now())
    assert ask("sources")["total"] == 1
    event.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        events.edit(event=event, changes={"severity": "critical"}, actor=engineer, now=timezone.now())
    assert ask("events/by-severity")["totals"]["critical"] == 1
