"""Linking as a deed: the queue is worked off once, people's word stands, and edits are judged anew."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, User
from events import services as events
from events.models import Event
from events.tests.factories import EventFactory
from investigations import linking, services
from investigations.choices import LinkState
from investigations.models import Investigation, Link
from investigations.tests.factories import InvestigationFactory
from rcaplatform.kit.errors import Conflict

NOW = timezone.now()


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
