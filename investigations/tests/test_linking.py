"""Linking as a deed: the queue is worked off once, people's word stands, and edits are judged anew."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from structlog.testing import capture_logs

from accounts.models import AuditEntry, User
from events import services as events
from events.models import Event
from events.terms import keywords
from events.tests.factories import EventFactory
from investigations import linking, services
from investigations.choices import LinkState
from investigations.models import Investigation, Link
from investigations.scenes import Caseload
from investigations.tests.factories import InvestigationFactory
from rcaplatform.kit.errors import Conflict

NOW = timezone.now()
NOON = NOW - timedelta(minutes=20)
CaptureOnCommit = Callable[..., AbstractContextManager[list[Callable[[], object]]]]


@pytest.fixture
def case(engineer: User) -> Investigation:
    return InvestigationFactory(
        title="Payment timeouts at checkout",
        service_affected="checkout",
        detected_at=NOW - timedelta(minutes=30),
        started_at=NOW - timedelta(minutes=40),
        created_by=engineer,
    )


@pytest.fixture
def event(db: None) -> Event:
    return EventFactory(service="checkout", title="Payment timeout", timestamp=NOW - timedelta(minutes=35))


def test_an_event_is_linked_with_a_confidence_and_a_reason_for_each_factor(case: Investigation, event: Event) -> None:
    assert linking.link_pending(now=NOW) == 1
    link = Link.objects.get()
    assert link.score > 0.8
    assert {factor["strategy"] for factor in link.factors} == {"time", "service", "text"}
    assert all(factor["reason"] for factor in link.factors)


def test_the_queue_is_empty_after_it_was_worked_off(case: Investigation, event: Event) -> None:
    linking.link_pending(now=NOW)
    assert linking.link_pending(now=NOW) == 0


def test_an_event_that_belongs_nowhere_leaves_the_queue_too(db: None) -> None:
    EventFactory(service="unrelated")
    linking.link_pending(now=NOW)
    assert not Event.objects.unlinked().exists()


def test_a_deleted_event_is_not_linked(case: Investigation, event: Event, engineer: User) -> None:
    events.delete(event=event, actor=engineer, now=NOW)
    linking.link_pending(now=NOW)
    assert not Link.objects.exists()


def test_a_restored_event_is_linked(
    case: Investigation, event: Event, engineer: User, django_capture_on_commit_callbacks: CaptureOnCommit
) -> None:
    events.delete(event=event, actor=engineer, now=NOW)
    linking.link_pending(now=NOW)
    with django_capture_on_commit_callbacks() as rung:
        events.restore(event=event, actor=engineer, now=NOW)
    assert len(rung) == 2  # a worker is woken, and pages are told
    linking.link_pending(now=NOW)
    assert Link.objects.get().event == event


def test_a_new_investigation_finds_what_was_stored_before(event: Event, engineer: User) -> None:
    linking.link_pending(now=NOW)
    values = {"title": "Payment timeouts", "service_affected": "checkout", "detected_at": NOW - timedelta(minutes=30)}
    opened = services.create(values=values, actor=engineer, now=NOW)
    assert linking.link_investigation(investigation=opened, now=NOW) == 1


def test_looking_back_twice_links_once(case: Investigation, event: Event) -> None:
    linking.link_investigation(investigation=case, now=NOW)
    linking.link_investigation(investigation=case, now=NOW)
    assert Link.objects.count() == 1


@pytest.mark.parametrize("decide", [linking.confirm, linking.reject])
def test_what_people_decided_stands_when_the_rules_run_again(
    case: Investigation, event: Event, engineer: User, decide: object
) -> None:
    linking.link_pending(now=NOW)
    decide(link=Link.objects.get(), actor=engineer, now=NOW)  # type: ignore[operator]
    decided = Link.objects.get().state
    Event.objects.update(linked_at=None)
    linking.link_pending(now=NOW)
    linking.link_investigation(investigation=case, now=NOW)
    assert Link.objects.get().state == decided != LinkState.SUGGESTED


def test_an_edited_event_is_judged_anew(case: Investigation, event: Event, engineer: User) -> None:
    linking.link_pending(now=NOW)
    events.edit(event=event, changes={"service": "unrelated", "title": "Something else"}, actor=engineer, now=NOW)
    linking.link_pending(now=NOW)
    assert not Link.objects.exists()


@pytest.mark.parametrize(("status", "ago"), [("closed", 1), ("resolved", 7)])
def test_an_edit_of_an_event_leaves_the_suggestions_of_investigations_that_are_over(
    case: Investigation, event: Event, engineer: User, status: str, ago: int
) -> None:
    linking.link_pending(now=NOW)
    over = NOW + timedelta(hours=ago)
    Investigation.objects.update(status=status, resolved_at=NOW)
    events.edit(event=event, changes={"title": "Payment timeout, again"}, actor=engineer, now=over)
    linking.link_pending(now=over)
    assert Link.objects.get().investigation == case


def test_a_person_links_what_the_rules_would_not(case: Investigation, engineer: User) -> None:
    stranger = EventFactory(service="unrelated", timestamp=NOW - timedelta(days=30))
    link = linking.link_by_hand(investigation=case, event=stranger, actor=engineer, now=NOW)
    assert (link.state, link.score, link.decided_by) == (LinkState.MANUAL, 1.0, engineer)


def test_a_person_may_link_again_what_was_rejected(case: Investigation, event: Event, engineer: User) -> None:
    linking.link_pending(now=NOW)
    linking.reject(link=Link.objects.get(), actor=engineer, now=NOW)
    link = linking.link_by_hand(investigation=case, event=event, actor=engineer, now=NOW)
    assert link.state == LinkState.MANUAL


def test_of_two_people_who_decide_at_once_the_second_is_told(case: Investigation, event: Event, engineer: User) -> None:
    linking.link_pending(now=NOW)
    seen_by_one, seen_by_other = Link.objects.get(), Link.objects.get()
    linking.confirm(link=seen_by_one, actor=engineer, now=NOW)
    with pytest.raises(Conflict):
        linking.reject(link=seen_by_other, actor=engineer, now=NOW)


def test_naming_a_cause_confirms_its_link_and_is_on_record(case: Investigation, event: Event, engineer: User) -> None:
    linking.link_pending(now=NOW)
    linking.mark_cause(link=Link.objects.get(), is_cause=True, actor=engineer, now=NOW)
    link = Link.objects.get()
    assert (link.is_cause, link.state) == (True, LinkState.CONFIRMED)
    assert set(AuditEntry.objects.values_list("verb", flat=True)) >= {"mark cause", "confirmed"}


def test_the_cost_of_linking_does_not_grow_with_the_number_of_events(
    case: Investigation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    EventFactory.create_batch(50, service="checkout", timestamp=NOW)
    with django_assert_num_queries(8):  # savepoint, queue, old suggestions, what changed, scenes, links, mark, release
        linking.link_pending(now=NOW)


SHA = "3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a"


def build_of(sha: str) -> Event:
    """Store a build of another service that names a commit."""
    data = {"sha": sha, "trace_id": [1]}
    return EventFactory(source="ci", service="unrelated", timestamp=NOON, data=data, keywords=keywords(sha))


def test_a_commit_that_the_investigation_names_brings_its_builds(case: Investigation) -> None:
    Investigation.objects.update(description=f"Since {SHA[:8]}?")
    build_of(SHA)
    build_of("9c8e7d6a5b4c3d2e1f0a9b8c7d6e5f4a3f2a1b0c")
    linking.link_pending(now=NOW)
    link = Link.objects.get()
    assert link.factors[-1] == {"strategy": "reference", "score": 1.0, "weight": 0.5, "reason": "Both name 3f2a1b0."}


def test_a_commit_that_a_person_linked_brings_its_builds(
    case: Investigation, engineer: User, django_capture_on_commit_callbacks: CaptureOnCommit
) -> None:
    build = build_of(SHA)
    linking.link_pending(now=NOW)
    assert not Link.objects.exists()
    commit = EventFactory(source="git", service="unrelated", source_id=SHA, timestamp=NOON)
    with django_capture_on_commit_callbacks() as rung:
        linking.link_by_hand(investigation=case, event=commit, actor=engineer, now=NOW)
    assert len(rung) == 2  # the page is told, and a worker looks back
    linking.link_investigation(investigation=case, now=NOW)
    assert set(Link.objects.values_list("event_id", "state")) == {
        (build.pk, LinkState.SUGGESTED),
        (commit.pk, LinkState.MANUAL),
    }


def test_a_run_over_the_queue_sees_what_changes_meanwhile(case: Investigation, engineer: User) -> None:
    caseload = Caseload()
    EventFactory(service="cart", timestamp=NOON)
    linking.link_pending(now=NOW, caseload=caseload)
    changes = {"service_affected": "cart"}
    services.edit(investigation=case, changes=changes, actor=engineer, now=NOW)
    later = EventFactory(service="cart", timestamp=NOON)
    linking.link_pending(now=NOW, caseload=caseload)
    assert Link.objects.get().event == later


def test_what_did_not_change_is_not_read_again(
    case: Investigation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    caseload = Caseload()
    caseload.lineup(NOW)
    with django_assert_num_queries(1):
        assert len(caseload.lineup(NOW)) == 1


def test_a_look_back_over_too_much_takes_what_is_nearest_and_keeps_the_rest(
    case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    onset = case.started_at or NOW
    minutes = (-3, -1, 0, 2, 30)
    near = [EventFactory(service="checkout", timestamp=onset + timedelta(minutes=minute)) for minute in minutes]
    linking.link_pending(now=NOW)
    monkeypatch.setattr(linking, "MOST_CANDIDATES", 3)
    with capture_logs() as logs:
        assert linking.link_investigation(investigation=case, now=NOW) == 3
    assert [entry["considered"] for entry in logs if entry["event"] == "linking.capped"] == [3]
    assert set(Link.objects.values_list("event_id", flat=True)) == {event.pk for event in near}


@pytest.mark.parametrize("name", ["Checkout", "payment-gateway", "a.b", "who", 'say "x"', "OR"])
def test_a_look_back_finds_a_service_of_any_name(engineer: User, name: str) -> None:
    event = EventFactory(service=name, title="x", timestamp=NOON)
    affected = name.lower() if name == "Checkout" else name
    case = InvestigationFactory(title="y", service_affected=affected, detected_at=NOON)
    assert linking.link_investigation(investigation=case, now=NOW) == 1
    assert case.links.get().event == event


def test_every_batch_and_every_investigation_is_on_the_log(case: Investigation, event: Event) -> None:
    with capture_logs() as logs:
        linking.link_pending(now=NOW)
    found = {entry["event"]: entry for entry in logs}
    assert found["linking.considered"]["links"] == 1
    assert (found["linking.suggested"]["investigation"], found["linking.suggested"]["links"]) == (str(case.pk), 1)


def test_an_investigation_that_cannot_be_read_keeps_no_event_from_the_others(db: None) -> None:
    with connection.cursor() as cursor:
        for name in ("started_at_in_range", "detected_after_started"):
            cursor.execute(f"ALTER TABLE investigations_investigation DROP CONSTRAINT investigation_{name}")
    event = EventFactory(service="checkout", timestamp=NOON)
    wrong, right = InvestigationFactory.create_batch(2, service_affected="checkout", detected_at=NOON)
    Investigation.objects.filter(pk=wrong.pk).update(started_at=datetime(1, 1, 1, 5, tzinfo=UTC))
    with capture_logs() as logs:
        assert linking.link_pending(now=NOW) == 1
        assert linking.link_investigation(investigation=wrong, now=NOW) == 0
        linking.link_by_hand(investigation=wrong, event=build_of(SHA), actor=wrong.created_by, now=NOW)
    assert event.links.get().investigation == right
    assert {entry["investigation"] for entry in logs if entry["event"] == "linking.unreadable"} == {str(wrong.pk)}


@pytest.mark.django_db(transaction=True)
def test_a_look_back_and_the_queue_do_not_block_one_another() -> None:
    case = InvestigationFactory(service_affected="checkout", detected_at=NOW - timedelta(minutes=30))
    EventFactory.create_batch(40, service="checkout", timestamp=NOON)
    barrier, failed = Barrier(2), []

    def run(deed: Callable[[], object]) -> None:
        try:
            for _ in range(5):
                barrier.wait()
                deed()
        except (OperationalError, IntegrityError) as problem:
            failed.append(problem)
            barrier.abort()
        finally:
            connection.close()

    def queue() -> None:
        Event.objects.update(linked_at=None)
        linking.link_pending(now=NOW)

    deeds = (queue, lambda: linking.link_investigation(investigation=case, now=NOW))
    threads = [Thread(target=run, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert Link.objects.count() == 40


@pytest.mark.django_db(transaction=True)
def test_workers_share_the_queue_and_none_links_twice() -> None:
    InvestigationFactory(service_affected="checkout", detected_at=NOW - timedelta(minutes=30))
    EventFactory.create_batch(60, service="checkout", timestamp=NOW)
    barrier, considered = Barrier(3), []

    def work() -> None:
        try:
            barrier.wait()
            while number := linking.link_pending(now=NOW, limit=10):
                considered.append(number)
        finally:
            connection.close()

    workers = [Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (sum(considered), Link.objects.count()) == (60, 60)


@pytest.mark.django_db(transaction=True)
def test_a_crash_in_the_middle_puts_the_batch_back() -> None:
    InvestigationFactory(service_affected="checkout", detected_at=NOW)
    EventFactory.create_batch(5, service="checkout", timestamp=NOW)
    with pytest.raises(RuntimeError), transaction.atomic():
        linking.link_pending(now=NOW)
        raise RuntimeError
    assert (Event.objects.unlinked().count(), Link.objects.count()) == (5, 0)
