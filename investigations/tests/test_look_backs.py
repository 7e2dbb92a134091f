"""Look backs are owed until they are done: no lost bell, crash or error costs an investigation its events."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from celery import Celery
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError
from structlog.testing import capture_logs

from accounts.models import User
from accounts.tests.factories import UserFactory
from events.models import Event
from events.terms import keywords
from events.tests.factories import EventFactory
from investigations import linking, services, tasks
from investigations.choices import LinkState
from investigations.models import Investigation, Link, LookBack
from investigations.scenes import Sight
from investigations.scoring import Scene
from investigations.tests.factories import InvestigationFactory

NOW = timezone.now()
NOON = NOW - timedelta(minutes=20)
SHA = "3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a"


@pytest.fixture
def event(db: None) -> Event:
    """What happened before anybody opened an investigation, and linking has considered."""
    return EventFactory(service="checkout", timestamp=NOON, linked_at=NOON)


def opened(actor: User) -> Investigation:
    values = {"title": "x", "service_affected": "checkout", "detected_at": NOON}
    return services.create(values=values, actor=actor, now=NOW)


def create(actor: User) -> None:
    opened(actor)


def edit(actor: User) -> None:
    case = InvestigationFactory(title="x", detected_at=NOON)
    services.edit(investigation=case, changes={"service_affected": "checkout"}, actor=actor, now=NOW)


def restore(actor: User) -> None:
    case = InvestigationFactory(title="x", service_affected="checkout", detected_at=NOON, deleted_at=NOON)
    services.restore(investigation=case, actor=actor, now=NOW)


def vouch(actor: User) -> None:
    Event.objects.update(data={"sha": SHA}, keywords=keywords(SHA))
    case = InvestigationFactory(title="x", detected_at=NOON)
    commit = EventFactory(source="git", service="unrelated", source_id=SHA, timestamp=NOON, linked_at=NOON)
    linking.link_by_hand(investigation=case, event=commit, actor=actor, now=NOW)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", [create, edit, restore, vouch])
def test_a_bell_that_nobody_hears_loses_no_look_back(
    deed: Callable[[User], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = EventFactory(service="checkout", timestamp=NOON, linked_at=NOON)
    with monkeypatch.context() as away:
        away.setattr(Celery, "send_task", lambda *args, **options: (_ for _ in ()).throw(BrokerError))
        deed(UserFactory())
    assert not event.links.exists()
    tasks.look_back()
    assert event.links.exists()
    assert not LookBack.objects.exists()


def test_an_edit_that_makes_no_other_event_belong_asks_for_no_look_back(engineer: User) -> None:
    changes = {"root_cause": "The pool."}
    services.edit(investigation=InvestigationFactory(), changes=changes, actor=engineer, now=NOW)
    assert not LookBack.objects.exists()


def test_many_edits_cost_one_look_back(event: Event, engineer: User) -> None:
    case = opened(engineer)
    for title in "yz":
        services.edit(investigation=case, changes={"title": title}, actor=engineer, now=NOW)
    with capture_logs() as logs:
        tasks.look_back()
    assert [entry["event"] for entry in logs].count("linking.looked_back") == 1
    assert not LookBack.objects.exists()


def test_what_was_deleted_is_not_looked_back_for(event: Event, engineer: User) -> None:
    case = opened(engineer)
    services.delete(investigation=case, actor=engineer, now=NOW)
    tasks.look_back()
    assert (Link.objects.count(), LookBack.objects.count()) == (0, 0)


def test_an_error_leaves_a_look_back_owed_and_keeps_no_other_waiting(
    event: Event, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, right = opened(engineer), opened(engineer)
    whole = linking.link_investigation

    def deadlocked(*, investigation: Investigation, **given: object) -> int:
        whole(investigation=investigation, now=NOW)
        if investigation == wrong:
            raise OperationalError
        return 1

    with monkeypatch.context() as failing, capture_logs() as logs:
        failing.setattr(linking, "link_investigation", deadlocked)
        tasks.look_back()
    assert [entry["investigation"] for entry in logs if entry["log_level"] == "error"] == [str(wrong.pk)]
    assert (event.links.get().investigation, LookBack.objects.investigations()) == (right, [wrong.pk])
    tasks.look_back()
    assert event.links.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_look_back_for_one_investigation_at_once_and_nobody_waits() -> None:
    EventFactory(service="checkout", timestamp=NOON, linked_at=NOON)
    actor = UserFactory()
    case = opened(actor)
    elsewhere: list[object] = []

    def meanwhile() -> None:
        try:
            elsewhere.append(linking.look_back(investigation=case.pk, now=NOW))
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1s'")
            services.edit(investigation=case, changes={"title": "y"}, actor=actor, now=NOW)
            elsewhere.append(linking.look_back(investigation=case.pk, now=NOW))
        finally:
            connection.close()

    with transaction.atomic():
        assert linking.look_back(investigation=case.pk, now=NOW)
        other = Thread(target=meanwhile)
        other.start()
        other.join()
    assert (elsewhere, LookBack.objects.investigations()) == ([False, False], [case.pk])
    assert linking.look_back(investigation=case.pk, now=NOW)
    assert not LookBack.objects.exists()


def test_what_linking_suggests_during_a_look_back_stands(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    case = InvestigationFactory(title="x", service_affected="checkout", detected_at=NOON)
    read = linking._nearest_first

    def slowly(scene: Scene) -> Iterator[Sight]:
        found = list(read(scene))
        EventFactory(service="checkout", timestamp=NOON)
        linking.link_pending(now=NOW)
        return iter(found)

    monkeypatch.setattr(linking, "_nearest_first", slowly)
    linking.link_investigation(investigation=case, now=NOW)
    assert case.links.count() == 2


def test_an_event_of_a_clock_that_is_ahead_stays_when_its_investigation_is_looked_back_for(event: Event) -> None:
    case = InvestigationFactory(title="x", service_affected="checkout", detected_at=NOON)
    EventFactory(service="checkout", timestamp=NOW + timedelta(minutes=2))
    linking.link_pending(now=NOW)
    linking.link_investigation(investigation=case, now=NOW)
    assert case.links.count() == 2


def all_at_once(*deeds: Callable[[], object], rounds: int) -> list[Exception]:
    """Do each deed in a thread of its own, all beginning together, so many times; return what the database refused."""
    barrier, refused = Barrier(len(deeds), timeout=30), list[Exception]()

    def run(deed: Callable[[], object]) -> None:
        try:
            for _ in range(rounds):
                barrier.wait()
                deed()
        except (OperationalError, IntegrityError) as problem:
            refused.append(problem)
            barrier.abort()
        finally:
            connection.close()

    threads = [Thread(target=run, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


@pytest.mark.django_db(transaction=True)
def test_linking_looking_back_and_deciding_at_once_deadlock_nobody_and_lose_nothing() -> None:
    actor = UserFactory()
    cases = [opened(actor) for _ in range(3)]
    EventFactory.create_batch(40, service="checkout", timestamp=NOON)

    def queue() -> None:
        linking.link_pending(now=NOW, limit=25)

    def edit_events() -> None:
        for event in Event.objects.all()[::2]:
            Event.objects.filter(pk=event.pk).update(linked_at=None)

    def decide() -> None:
        if link := Link.objects.undecided().select_related("event").first():
            linking.decide_burst(link=link, state=LinkState.CONFIRMED, actor=actor, now=NOW)
        for link in Link.objects.filter(state=LinkState.CONFIRMED):
            link.delete()

    def ask() -> None:
        for case in cases:
            services.owe_look_back(case.pk)
        tasks.look_back()

    assert all_at_once(queue, queue, edit_events, decide, ask, ask, rounds=20) == []
    ask()
    assert (LookBack.objects.count(), Link.objects.count()) == (0, 120)
