"""The store gives each event the number of its burst, and the commits it names to be found by."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from accounts.models import User
from events import services
from events.drafts import EventDraft
from events.fingerprints import fingerprint
from events.models import Event
from events.services import store
from events.tests.factories import EventFactory, OriginFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()
SHA = "3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def stored(title: str, **more: object) -> Event:
    told = {"source": "logs", "event_type": "error", "source_id": title, **more}
    one = EventDraft(title=title, timestamp=NOW, **told)  # type: ignore[arg-type]
    (pk,) = store(drafts=[one], origin=OriginFactory(), now=NOW).fresh.values()
    return Event.objects.get(pk=pk)


def test_events_that_say_the_same_thing_are_stored_with_one_number() -> None:
    assert stored("Took 12 ms").fingerprint == stored("Took 3400 ms").fingerprint != stored("Lost 12 ms").fingerprint


def test_an_edited_event_says_something_else(engineer: User) -> None:
    event = stored("Took 12 ms")
    services.edit(event=event, changes={"title": "Lost 12 ms"}, actor=engineer, now=NOW)
    assert event.fingerprint == stored("Lost 99 ms").fingerprint


@pytest.mark.parametrize("word", [SHA, SHA[:7], SHA[:12], TRACE])
def test_an_event_is_found_by_the_commit_and_the_trace_it_names(word: str) -> None:
    event = stored("Green", data={"sha": SHA, "trace_id": TRACE.upper(), "commit": {"message": "x"}})
    assert Event.objects.matching(word).get() == event


def test_what_was_stored_before_there_were_fingerprints_is_given_one(monkeypatch: pytest.MonkeyPatch) -> None:
    migration = import_module("events.migrations.0004_fill_fingerprints")
    monkeypatch.setattr(migration, "BATCH", 2)
    events = EventFactory.create_batch(5, fingerprint=0)
    kept = EventFactory(fingerprint=7)
    with connection.schema_editor() as editor:
        migration.fill(apps, editor)
    for event in events:
        event.refresh_from_db()
        named = {name: getattr(event, name) for name in ("source", "service", "event_type", "title")}
        assert event.fingerprint == fingerprint(**named)
    assert Event.objects.get(pk=kept.pk).fingerprint == 7
