"""The store: what is told twice is stored once, and nothing that was accepted is lost."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from events import services
from events.choices import OriginKind
from events.drafts import EventDraft
from events.models import Event, Origin
from events.services import store
from events.tests.factories import OriginFactory

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def draft(source_id: str = "42", **fields: object) -> EventDraft:
    """Return a build that failed."""
    values = {"source": "ci", "timestamp": NOON, "title": "Build failed", "event_type": "build_failure"} | fields
    return EventDraft(source_id=source_id, **values)  # type: ignore[arg-type]


@pytest.fixture
def jenkins(db: None) -> Origin:
    return OriginFactory(name="jenkins")


def test_what_is_told_twice_is_stored_once(jenkins: Origin) -> None:
    store(drafts=[draft()], origin=jenkins, now=NOON)
    again = store(drafts=[draft()], origin=jenkins, now=NOON)
    assert (again.fresh, again.duplicates, Event.objects.count()) == ({}, 1, 1)


def test_a_batch_that_repeats_itself_keeps_the_first_telling(jenkins: Origin) -> None:
    stored = store(drafts=[draft(title="First"), draft(title="Second")], origin=jenkins, now=NOON)
    assert (len(stored.fresh), stored.duplicates, Event.objects.get().title) == (1, 1, "First")


def test_two_connectors_may_both_have_a_build_42(jenkins: Origin) -> None:
    store(drafts=[draft()], origin=jenkins, now=NOON)
    store(drafts=[draft()], origin=OriginFactory(name="buildkite"), now=NOON)
    assert Event.objects.count() == 2


def test_a_commit_told_by_two_connectors_is_one_event(jenkins: Origin) -> None:
    commit = {"source": "git", "event_type": "commit", "content_addressed": True}
    store(drafts=[draft("a" * 40, **commit)], origin=jenkins, now=NOON)
    store(drafts=[draft("a" * 40, **commit)], origin=OriginFactory(name="mirror"), now=NOON)
    assert Event.objects.count() == 1


def test_the_api_speaks_of_a_commit_that_a_connector_stored(jenkins: Origin) -> None:
    api = OriginFactory(name="api", kind=OriginKind.API)
    store(drafts=[draft("b" * 40, source="git", content_addressed=True)], origin=jenkins, now=NOON)
    told = store(drafts=[draft("b" * 40, source="git")], origin=api, now=NOON)
    assert told.duplicates == 1


def test_one_id_in_two_sources_is_two_events(jenkins: Origin) -> None:
    store(drafts=[draft("42", source="ci"), draft("42", source="alerts")], origin=jenkins, now=NOON)
    assert Event.objects.count() == 2


def test_all_that_a_draft_says_is_kept(jenkins: Origin) -> None:
    told = draft(
        data={"steps": [1, {"deep": None}], "text": "ünï 🔥"},
        raw_data={"as": "received"},
        tags=["release", 'quo"ted, {brace}'],
        service="checkout",
        component="cart",
        environment="production",
        url="https://ci.example.org/42",
        severity="high",
        metadata={"a": 1},
    )
    store(drafts=[told], origin=jenkins, now=NOON + timedelta(seconds=5))
    event = Event.objects.get()
    kept = {
        name: getattr(event, name) for name in ("data", "raw_data", "service", "component", "environment", "metadata")
    }
    assert kept == {name: getattr(told, name) for name in kept}
    assert event.tags == ["release", 'quo"ted, {brace}']
    assert (event.timestamp, event.received_at, event.linked_at) == (NOON, NOON + timedelta(seconds=5), None)


def test_nul_characters_and_lone_surrogates_do_not_stop_the_store(jenkins: Origin) -> None:
    store(drafts=[draft(data={"line": "a\x00b", "broken": "\ud800"}, title="x\x00y")], origin=jenkins, now=NOON)
    event = Event.objects.get()
    assert (event.data["line"], event.title) == ("a\ufffdb", "x\ufffdy")


def test_nothing_is_stored_when_its_transaction_fails(jenkins: Origin) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        store(drafts=[draft()], origin=jenkins, now=NOON)
        raise RuntimeError
    assert not Event.objects.exists()


def test_an_empty_batch_writes_nothing(jenkins: Origin, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert store(drafts=[], origin=jenkins, now=NOON).fresh == {}


@pytest.mark.django_db(transaction=True)
def test_batches_that_overlap_do_not_deadlock_and_store_once() -> None:
    origin = OriginFactory()
    ids = [str(number) for number in range(400)]
    barrier = Barrier(4)

    def tell(order: list[str]) -> None:
        try:
            barrier.wait()
            for start in range(0, 400, 100):
                store(drafts=[draft(source_id) for source_id in order[start : start + 200]], origin=origin, now=NOON)
        finally:
            connection.close()

    tellers = [Thread(target=tell, args=(ids[::step] + ids[1::2],)) for step in (1, -1, 1, -1)]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    assert Event.objects.count() == 400


@pytest.mark.django_db(transaction=True)
def test_of_calls_that_overlap_exactly_one_is_told_that_an_event_is_new() -> None:
    origin = OriginFactory(kind=OriginKind.API)
    barrier = Barrier(4)
    told: list[UUID] = []

    def tell(teller: int) -> None:
        try:
            for size in (1, 40, 200):
                barrier.wait()
                drafts = [draft(f"{size}-{number}") for number in range(size)]
                told.extend(store(drafts=drafts[:: 1 if teller % 2 else -1], origin=origin, now=NOON).fresh)
        finally:
            connection.close()

    tellers = [Thread(target=tell, args=(number,)) for number in range(4)]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    assert len(told) == len(set(told)) == Event.objects.count() == 241


def test_what_a_person_deleted_does_not_come_back_when_it_is_told_again(jenkins: Origin, engineer: User) -> None:
    store(drafts=[draft()], origin=jenkins, now=NOON)
    services.delete(event=Event.objects.get(), actor=engineer, now=timezone.now())
    store(drafts=[draft()], origin=jenkins, now=NOON)
    assert Event.objects.alive().count() == 0


def test_an_edited_event_is_still_found_by_its_message_and_no_longer_by_its_old_title(
    jenkins: Origin, engineer: User
) -> None:
    store(drafts=[draft(title="Obsolete heading", message="segfault in renderer")], origin=jenkins, now=NOON)
    services.edit(event=Event.objects.get(), changes={"title": "Better"}, actor=engineer, now=NOON)
    found = {word: Event.objects.matching(word).exists() for word in ("renderer", "better", "obsolete")}
    assert found == {"renderer": True, "better": True, "obsolete": False}
