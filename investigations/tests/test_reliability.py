"""How often the suspects were right, from what people made of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from events.choices import Source
from events.tests.factories import EventFactory
from investigations import verdicts
from investigations.choices import LinkState, SuspectState
from investigations.models import Investigation, SuspectReport
from investigations.reliability import FEWEST, Ranked, figures, interval
from investigations.tests.factories import InvestigationFactory, LinkFactory, SuspectFactory, SuspectReportFactory

URL = "/api/v1/suspects/calibration"
OPEN, CONFIRMED, DISMISSED = SuspectState.OPEN, SuspectState.CONFIRMED, SuspectState.DISMISSED
SHA = "e" * 40


def answer(*states: str, score: float = 0.8) -> list[Ranked]:
    """Return one ranking of changes, by what people made of each."""
    case = uuid4()
    return [Ranked(case, 1, "change", place, score, state) for place, state in enumerate(states, start=1)]


def row(*rankings: list[Ranked]) -> dict[str, Any]:
    (only,) = figures([one for ranking in rankings for one in ranking], {})
    return only


def test_of_ten_causes_it_counts_which_came_first_and_which_third() -> None:
    first = [answer(CONFIRMED, OPEN) for _ in range(6)]
    third = [answer(OPEN, DISMISSED, CONFIRMED) for _ in range(3)]
    told = row(*first, *third, answer(DISMISSED, OPEN))
    assert (told["decided"], told["first"], told["third"]) == (10, 6, 9)
    assert (told["share_first"], told["share_third"], told["mean_reciprocal_rank"]) == (0.6, 0.9, 0.7)


def test_of_fewer_than_ten_only_counts_are_told() -> None:
    told = row(*(answer(CONFIRMED) for _ in range(FEWEST - 1)))
    assert (told["decided"], told["first"]) == (9, 9)
    shares = ("share_first", "share_third", "interval", "mean_reciprocal_rank")
    assert {told[name] for name in shares} == {None}
    assert {band["share_confirmed"] for band in told["bands"]} == {None}


def test_a_ranking_that_nobody_judged_decides_nothing() -> None:
    told = row(answer(OPEN, OPEN))
    assert (told["decided"], sum(band["named"] for band in told["bands"])) == (0, 2)


def test_who_dismisses_but_the_first_has_not_said_that_the_first_is_wrong() -> None:
    assert row(answer(OPEN, DISMISSED))["decided"] == 0


@pytest.mark.parametrize(("score", "low"), [(0.0, 0.0), (0.49, 0.0), (0.5, 0.5), (0.89, 0.8), (0.9, 0.9), (1.0, 0.9)])
def test_each_score_has_its_band(score: float, low: float) -> None:
    told = row(*(answer(CONFIRMED, score=score) for _ in range(FEWEST)))
    (band,) = (band for band in told["bands"] if band["named"])
    assert (band["from"], band["share_confirmed"]) == (low, 1.0)


def test_versions_and_kinds_are_told_apart() -> None:
    newer = [one._replace(engine_version=2) for one in answer(CONFIRMED)]
    service = [one._replace(kind="service") for one in answer(CONFIRMED)]
    told = figures([*answer(CONFIRMED), *newer, *service], {})
    assert [(one["engine_version"], one["kind"]) for one in told] == [(2, "change"), (1, "change"), (1, "service")]


@pytest.mark.parametrize(
    ("hits", "cases", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)]
)
def test_the_interval_is_wilsons(hits: int, cases: int, low: float, high: float) -> None:
    assert interval(hits, cases) == pytest.approx((low, high), abs=2e-4)


def report_of(case: Investigation, *names: str, by: User | None = None) -> SuspectReport:
    report: SuspectReport = SuspectReportFactory(investigation=case, computed_by=by)
    for place, name in enumerate(names, start=1):
        SuspectFactory(report=report, name=name, place=place)
    return report


def judge(report: SuspectReport, name: str, state: str) -> None:
    report.suspects.filter(name=name).update(state=state)


@pytest.fixture
def case(db: None) -> Investigation:
    return InvestigationFactory()


def told(case: Investigation) -> dict[str, Any]:
    results: list[dict[str, Any]] = verdicts.report(Investigation.objects.filter(pk=case.pk))["results"]
    (only,) = results
    return only


def test_the_last_answer_the_engine_gave_by_itself_counts_whichever_was_judged(
    case: Investigation, engineer: User
) -> None:
    report_of(case, "a")
    report_of(case, "a", "b")  # once the sources had answered
    judge(report_of(case, "b", "a", by=engineer), "b", CONFIRMED)
    assert (told(case)["first"], told(case)["third"]) == (0, 1)


def test_what_was_taken_back_counts_for_nothing(case: Investigation, engineer: User) -> None:
    judge(report_of(case, "a"), "a", CONFIRMED)
    report_of(case, "a", by=engineer)  # open again in the newest report
    judge(report_of(case, "z", by=engineer), "z", DISMISSED)
    assert (told(case)["decided"], told(case)["first"]) == (0, 0)


def test_a_cause_that_was_named_elsewhere_confirms_its_suspect(case: Investigation, engineer: User) -> None:
    report_of(case, SHA)
    cause(case, engineer, SHA)
    assert (told(case)["decided"], told(case)["first"]) == (1, 1)


def test_a_deployment_that_was_named_confirms_the_commit_it_shipped(case: Investigation, engineer: User) -> None:
    report_of(case, SHA)
    cause(case, engineer, "deploy-7", source=Source.CI, event_type="deployment", data={"sha": SHA})
    assert told(case)["first"] == 1


def test_a_cause_that_is_not_among_the_suspects_is_a_miss(case: Investigation, engineer: User) -> None:
    report_of(case, SHA)
    cause(case, engineer, "f" * 40)
    assert (told(case)["decided"], told(case)["first"], told(case)["third"]) == (1, 0, 0)


def cause(case: Investigation, engineer: User, source_id: str, **event: Any) -> None:
    made = EventFactory(source_id=source_id, **{"source": Source.GIT, "event_type": "commit", **event})
    LinkFactory(
        investigation=case, event=made, is_cause=True, state=LinkState.CONFIRMED,
        decided_by=engineer, decided_at=timezone.now(),
    )  # fmt: skip


def test_a_report_with_a_problem_answered_nothing(case: Investigation) -> None:
    judge(report_of(case, "a"), "a", CONFIRMED)
    SuspectReportFactory(investigation=case, problem="ZeroDivisionError")
    assert told(case)["first"] == 1


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def test_the_api_tells_it_for_the_days_that_are_asked(client: APIClient, case: Investigation) -> None:
    judge(report_of(case, "a"), "a", CONFIRMED)
    result = client.get(URL).json()["results"][0]
    assert (result["kind"], result["decided"], result["first"], result["share_first"]) == ("change", 1, 1, None)
    assert result["bands"][-2]["from"] == 0.8
    after = (case.detected_at + timedelta(hours=1)).isoformat()
    assert client.get(URL, {"start": after}).json() == {"results": [], "complete": True}


@pytest.mark.parametrize(
    ("query", "named"),
    [({"start": "x"}, "start"), ({"state": "x"}, "state"), ({"start": "2026-02-02", "end": "2026-01-01"}, "end")],
)
@pytest.mark.django_db
def test_a_wrong_parameter_is_named(client: APIClient, query: dict[str, str], named: str) -> None:
    response = client.get(URL, query)
    assert (response.status_code, list(response.json()["errors"])) == (400, [named])


def test_deleted_investigations_do_not_count(client: APIClient, case: Investigation) -> None:
    judge(report_of(case, "a"), "a", CONFIRMED)
    Investigation.objects.update(deleted_at=timezone.now())
    assert client.get(URL).json()["results"] == []


def test_it_costs_five_queries_however_many_were_judged(
    client: APIClient, case: Investigation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for each in (case, InvestigationFactory(), InvestigationFactory()):
        judge(report_of(each, "a", "b"), "a", CONFIRMED)
    with django_assert_num_queries(6):  # who asks; which were judged, their reports, verdicts, causes and suspects
        client.get(URL)
