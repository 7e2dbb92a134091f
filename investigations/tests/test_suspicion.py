"""The suspects of an investigation: ranked from stored events, kept, and judged by people."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, User
from events.choices import Source
from events.models import Event
from events.tests.factories import EventFactory
from investigations import reconstruction, suspicion
from investigations.choices import LinkState, SuspectState
from investigations.models import Investigation, Link, Suspect, SuspectReport
from investigations.tests.factories import InvestigationFactory, LinkFactory, SuspectFactory
from rcaplatform.kit.errors import Conflict

pytestmark = pytest.mark.django_db
V1 = "/api/v1/investigations"
SHA, INNOCENT = "a" * 40, "b" * 40


@pytest.fixture
def now() -> datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def case(now: datetime) -> Investigation:
    """Payments fail five minutes after a change of theirs shipped; search shipped too."""
    detected = now - timedelta(minutes=30)
    shipped = detected - timedelta(minutes=10)
    for sha, service in ((SHA, "payments"), (INNOCENT, "search")):
        commit = {"files": [{"path": f"services/{service}/gateway.py"}], "author": {"name": "Ada"}}
        EventFactory(
            source=Source.GIT, event_type="commit", source_id=sha, service=service, timestamp=shipped,
            title=f"{service}: Fail fast", data=commit,
        )  # fmt: skip
        EventFactory(
            source=Source.CI, event_type="deployment", service=service, timestamp=shipped + timedelta(minutes=2),
            title="Deployment succeeded", data={"sha": sha, "state": "succeeded"},
        )  # fmt: skip
    for second in range(0, 900, 15):
        EventFactory(
            source=Source.LOGS, event_type="log_error", service="payments", severity="high",
            timestamp=detected - timedelta(minutes=5) + timedelta(seconds=second),
            title="Card gateway did not answer", data={"level": "error", "message": "Card gateway did not answer"},
        )  # fmt: skip
    return InvestigationFactory(
        title="Payments fail", service_affected="payments", detected_at=detected, started_at=None
    )


def ranked(case: Investigation, now: datetime) -> list[Suspect]:
    suspicion.compute(investigation=case, now=now)
    report = suspicion.newest(case.pk)
    assert report is not None
    return list(report.suspects.all())


def test_the_change_of_the_failing_service_is_the_first_suspect(case: Investigation, now: datetime) -> None:
    first = ranked(case, now)[0]
    assert (first.kind, first.name, first.place) == ("change", SHA, 1)
    assert first.event == Event.objects.get(source_id=SHA)
    assert first.evidence


def test_what_is_known_is_read_in_four_queries(
    case: Investigation, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):  # changes, telemetry, what sources answered, who calls whom
        reconstruction.reconstruct(case, now)


def test_what_happened_after_detection_is_no_suspect(case: Investigation, now: datetime) -> None:
    EventFactory(
        source=Source.GIT, event_type="commit", source_id="c" * 40, service="payments", timestamp=now, title="Later"
    )
    assert "c" * 40 not in {one.name for one in ranked(case, now)}


def test_a_burst_counts_for_as_many_lines_as_it_stands_for(case: Investigation, now: datetime) -> None:
    lines = len(reconstruction.reconstruct(case, now).scene.lines)
    EventFactory(
        source=Source.LOGS, event_type="log_burst", service="checkout", timestamp=case.detected_at,
        data={"count": 40, "template": "502 from <*>"},
    )  # fmt: skip
    assert len(reconstruction.reconstruct(case, now).scene.lines) == lines + 40


@pytest.mark.parametrize(
    "data",
    [
        {"count": "many", "seconds": "x", "attributes": 3, "level": 4},
        {"samples": [1, [2], ["a", "b"]], "files": 3, "author": [], "sha": 7},
        {"samples": [[1, 2], [3, 4]], "duration_ms": "long", "trace_id": 5},
    ],
)
@pytest.mark.parametrize("source", [Source.LOGS, Source.METRICS, Source.TRACES, Source.GIT, Source.CI])
def test_no_event_whatever_it_holds_keeps_the_suspects_from_being_ranked(
    case: Investigation, now: datetime, source: str, data: dict[str, Any]
) -> None:
    kind = "commit" if source == Source.GIT else "deployment"
    EventFactory(source=source, event_type=kind, service="payments", timestamp=case.detected_at, data=data)
    assert ranked(case, now)[0].name == SHA


def test_an_incident_the_engine_cannot_read_gives_a_report_that_says_so(
    case: Investigation, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_scene: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(suspicion, "rank", broken)
    report = suspicion.compute(investigation=case, now=now)
    assert report.problem == "ZeroDivisionError: by nought"
    assert suspicion.compute_owed(now=now) == 0


def test_without_events_nobody_is_suspected(now: datetime) -> None:
    assert ranked(InvestigationFactory(), now) == []


def test_each_investigation_that_is_worked_on_is_ranked_once_by_itself(case: Investigation, now: datetime) -> None:
    InvestigationFactory(status="closed")
    assert [suspicion.compute_owed(now=now) for _ in range(2)] == [1, 0]
    assert SuspectReport.objects.get().investigation == case


def test_what_people_said_goes_over_to_the_next_ranking(case: Investigation, now: datetime, engineer: User) -> None:
    suspicion.decide(suspect=ranked(case, now)[0], state=SuspectState.DISMISSED, actor=engineer, now=now)
    again = ranked(case, now + timedelta(minutes=1))[0]
    assert (again.name, again.state, again.decided_by) == (SHA, SuspectState.DISMISSED, engineer)
    assert SuspectReport.objects.count() == 2


def test_what_was_taken_back_does_not_come_back_with_a_later_ranking(
    case: Investigation, now: datetime, engineer: User
) -> None:
    suspicion.decide(suspect=ranked(case, now)[0], state=SuspectState.CONFIRMED, actor=engineer, now=now)
    suspicion.decide(suspect=ranked(case, now)[0], state=SuspectState.OPEN, actor=engineer, now=now)
    assert ranked(case, now)[0].state == SuspectState.OPEN


def test_confirming_a_change_names_its_event_a_cause(case: Investigation, now: datetime, engineer: User) -> None:
    suspicion.decide(suspect=ranked(case, now)[0], state=SuspectState.CONFIRMED, actor=engineer, now=now)
    link = Link.objects.get(investigation=case, event__source_id=SHA)
    assert (link.is_cause, link.state) == (True, LinkState.MANUAL)
    assert AuditEntry.objects.filter(verb="judge suspect", actor=engineer).exists()


def test_taking_that_back_takes_the_cause_back(case: Investigation, now: datetime, engineer: User) -> None:
    suspect = ranked(case, now)[0]
    for state in (SuspectState.CONFIRMED, SuspectState.OPEN):
        suspicion.decide(suspect=suspect, state=state, actor=engineer, now=now)
    assert not Link.objects.get(investigation=case, event__source_id=SHA).is_cause
    assert Suspect.objects.get(pk=suspect.pk).decided_by is None


def test_two_people_do_not_overrule_one_another_unawares(now: datetime, engineer: User, admin: User) -> None:
    suspect = SuspectFactory()
    late = Suspect.objects.get(pk=suspect.pk)
    suspicion.decide(suspect=suspect, state=SuspectState.DISMISSED, actor=engineer, now=now)
    with pytest.raises(Conflict):
        suspicion.decide(suspect=late, state=SuspectState.CONFIRMED, actor=admin, now=now)


def test_the_api_shows_ranks_and_judges(api: Any, engineer: User, case: Investigation) -> None:
    client = api(engineer)
    assert client.get(f"{V1}/{case.pk}/suspects").status_code == 404
    report = client.post(f"{V1}/{case.pk}/suspects").json()
    first = report["suspects"][0]
    assert (first["name"], report["first_failing_service"], report["no_change_cause"]) == (SHA, "payments", False)
    answer = client.patch(f"{V1}/{case.pk}/suspects/{first['id']}", {"state": "confirmed"})
    assert (answer.json()["state"], answer.json()["decided_by"]) == ("confirmed", "engineer")
    assert client.get(f"{V1}/{case.pk}/suspects").json()["suspects"][0]["state"] == "confirmed"


def test_a_state_that_is_none_is_refused_by_name(api: Any, engineer: User) -> None:
    suspect = SuspectFactory()
    address = f"{V1}/{suspect.report.investigation_id}/suspects/{suspect.pk}"
    answer = api(engineer).patch(address, {"state": "guilty"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["state"])


def test_a_suspect_is_not_found_under_another_investigation(api: Any, engineer: User) -> None:
    suspect, other = SuspectFactory(), InvestigationFactory()
    assert api(engineer).patch(f"{V1}/{other.pk}/suspects/{suspect.pk}", {"state": "open"}).status_code == 404


def test_a_linked_change_is_confirmed_where_it_is(case: Investigation, now: datetime, engineer: User) -> None:
    LinkFactory(investigation=case, event=Event.objects.get(source_id=SHA))
    suspicion.decide(suspect=ranked(case, now)[0], state=SuspectState.CONFIRMED, actor=engineer, now=now)
    assert Link.objects.filter(investigation=case, event__source_id=SHA, is_cause=True).count() == 1
