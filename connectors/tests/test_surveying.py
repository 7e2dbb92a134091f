"""When an investigation opens, sources are asked about its time; one that is away costs a word."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from connectors import services, surveying
from connectors.breakers import FAILURES
from connectors.models import Breaker, Connector
from connectors.tests.factories import NOW
from connectors.tests.peers import Asked, Peer
from events.models import Event
from investigations import services as investigations
from investigations import suspicion
from investigations.models import Investigation, Survey
from investigations.reconstruction import reconstruct

pytestmark = pytest.mark.django_db
ONSET = NOW - timedelta(minutes=20)
QUERIES = {"latency p99 seconds": "whatever"}


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path


def answer(asked: Asked) -> Any:
    """Tell of two services, one of which is slow from the onset on."""
    start, end, step = (float(asked.form[name]) for name in ("start", "end", "step"))
    times = [start + step * place for place in range(int((end - start) / step) + 1)]
    slow = [[at, str((3.0 if at >= ONSET.timestamp() else 0.2) + at % 7 / 100)] for at in times]
    calm = [[at, str(0.2 + at % 7 / 100)] for at in times]
    told = [
        {"metric": {"service": "payments", "pod": "payments-1"}, "values": slow},
        {"metric": {"service": "search"}, "values": calm},
        {"metric": {"zone": "of no service"}, "values": calm},
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": told}}


@pytest.fixture
def peer() -> Iterator[Any]:
    with Peer({"/api/v1/query_range": answer}) as running:
        yield running


def connect(url: str, name: str = "metrics", **more: Any) -> Connector:
    values = {"url": url, "queries": QUERIES, **more}
    return services.connect(name=name, kind="prometheus", values=values, actor=None, now=NOW)


def open_case(actor: User, **more: Any) -> Investigation:
    values = {"title": "Payments are slow", "detected_at": NOW - timedelta(minutes=10), "started_at": ONSET, **more}
    opened = investigations.create(values=values, actor=actor, now=NOW)
    Investigation.objects.filter(pk=opened.pk).update(created_at=NOW)
    return opened


def test_the_slow_service_is_found_though_no_event_tells_of_it(peer: Any, engineer: User) -> None:
    connect(peer.url)
    case = open_case(engineer)
    assert surveying.work(now=NOW) == 1
    report = suspicion.newest(case.pk)
    assert report is not None
    assert not Event.objects.exists()
    assert report.first_failing_service == "payments"
    assert report.sources == [{"source": "metrics", "said": "2 series", "failed": False}]


def test_what_is_asked_for_is_bounded_to_the_hours_around_the_onset(peer: Any, engineer: User) -> None:
    connect(peer.url)
    case = open_case(engineer)
    surveying.work(now=NOW)
    known = reconstruct(case, NOW).scene
    payments, search = sorted(known.series, key=lambda one: one.service)
    assert (payments.metric, payments.instance, search.instance) == ("latency p99 seconds", "payments-1", "")
    assert payments.times[0] == (ONSET - surveying.BEFORE).timestamp()
    assert payments.times[-1] <= NOW.timestamp()


def test_a_source_is_asked_once_and_its_answer_kept(peer: Any, engineer: User) -> None:
    connect(peer.url)
    case = open_case(engineer)
    assert [surveying.work(now=NOW) for _ in range(2)] == [1, 0]
    asked = len(peer.asked)
    suspicion.compute(investigation=case, now=NOW, actor=engineer)
    assert len(peer.asked) == asked
    assert Survey.objects.get().investigation == case


def test_a_source_that_is_away_costs_a_word_and_the_others_are_asked(peer: Any, engineer: User) -> None:
    connect("http://127.0.0.1:9", name="away")
    connect(peer.url)
    case = open_case(engineer)
    surveying.work(now=NOW)
    report = suspicion.newest(case.pk)
    assert report is not None
    away, metrics = report.sources
    assert (away["source"], away["failed"], metrics["said"]) == ("away", True, "2 series")
    assert "127.0.0.1" in away["said"]
    assert report.first_failing_service == "payments"


def test_a_source_whose_breaker_is_open_is_not_asked(peer: Any, engineer: User) -> None:
    connector = connect(peer.url)
    Breaker.objects.update_or_create(connector=connector, defaults={"state": "open", "held": True, "reason": "Odd."})
    case = open_case(engineer)
    surveying.work(now=NOW)
    survey = case.surveys.get()
    assert (peer.asked, survey.failed) == ([], True)
    assert "rests" in survey.said


def test_failures_of_a_survey_count_on_the_breaker(engineer: User) -> None:
    connector = connect("http://127.0.0.1:9")
    for _ in range(FAILURES):
        open_case(engineer)
    surveying.work(now=NOW)
    assert Breaker.objects.get(connector=connector).state == "open"


@pytest.mark.parametrize(
    "more",
    [
        {"status": "closed"},
        {"metadata": {"bundle": "a"}},
        {"detected_at": NOW - timedelta(days=30), "started_at": None},
    ],
)
def test_nobody_is_asked_about_what_is_over_imported_or_long_ago(
    peer: Any, engineer: User, more: dict[str, Any]
) -> None:
    connect(peer.url)
    open_case(engineer, **more)
    assert (surveying.work(now=NOW), peer.asked) == (0, [])


def test_nobody_is_asked_where_the_owner_does_not_want_it(peer: Any, engineer: User, settings: Settings) -> None:
    settings.SURVEY_SOURCES = False
    connect(peer.url)
    open_case(engineer)
    assert (surveying.work(now=NOW), peer.asked) == (0, [])


def test_a_source_that_tells_too_much_is_cut_short(peer: Any, engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "MOST_TOLD", 1)
    connect(peer.url)
    case = open_case(engineer)
    surveying.work(now=NOW)
    assert case.surveys.get().said == "1 series"
