"""A made-up large installation is like a real one, row by row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from connectors.demo import bulk, crowd
from events.choices import OriginKind, Source
from events.models import Event, Origin
from events.services import store
from events.tests.factories import EventFactory
from investigations.models import Investigation, Link, Note, NoteRevision
from investigations.querysets import ACTIVE

START = datetime(2026, 3, 2, tzinfo=UTC)
STORY: dict[str, Any] = {"seed": 7, "start": START, "days": 2}


def ignore(_stored: int) -> None:
    """Hear of progress."""


def test_the_same_seed_tells_the_same_story() -> None:
    once, again = (list(crowd.drafts(events=300, **STORY)) for _ in range(2))
    assert once == again
    assert once != list(crowd.drafts(events=300, **{**STORY, "seed": 8}))


def test_events_come_in_their_order_and_within_their_days() -> None:
    times = [draft.timestamp for draft in crowd.drafts(events=500, **STORY)]
    assert len(times) == 500
    assert times == sorted(times)
    assert START <= times[0] < times[-1] < START + timedelta(days=2)


def test_terms_occur_as_often_as_they_should() -> None:
    titles = [draft.title for draft in crowd.drafts(events=20_000, **STORY)]

    def share(kind: str) -> float:
        return sum(crowd.TERMS[kind] in title for title in titles) / len(titles)

    assert share("common") == pytest.approx(0.17, abs=0.01)
    assert share("medium") == pytest.approx(0.02, abs=0.005)
    assert 0 < share("rare") < 0.002
    assert 0 < share("phrase") < 0.003
    assert share("nowhere") == 0
    with_old = [number for number, title in enumerate(titles) if crowd.TERMS["old"] in title]
    assert with_old
    assert with_old[-1] < len(titles) * 0.2


@pytest.mark.django_db
def test_a_row_is_what_the_product_would_have_stored() -> None:
    bulk.copy_events(events=30, **STORY, progress=ignore)
    copied = {event.dedupe_key: event for event in Event.objects.all()}
    assert len(copied) == 30
    Event.objects.all().delete()
    for draft in crowd.drafts(events=30, **STORY):
        origin = Origin.objects.get(name=f"loadtest-{draft.source}")
        store(drafts=[draft], origin=origin, now=draft.timestamp + bulk.TOLD_AFTER)
    for event in Event.objects.all():
        assert shown(event) == shown(copied[event.dedupe_key])


def shown(event: Event) -> dict[str, Any]:
    apart = {"id", "linked_at"}  # each row has a key of its own, and linking would come a little later
    return {field.name: getattr(event, field.name) for field in Event._meta.fields if field.name not in apart}


@pytest.mark.django_db
def test_investigations_are_of_every_status_and_linked_with_reasons(engineer: User) -> None:
    bulk.copy_events(events=3_000, **STORY, progress=ignore)
    bulk.copy_investigations(investigations=100, **STORY, people=[engineer], progress=ignore)
    assert set(Investigation.objects.values_list("status", flat=True)) == {"open", "in_progress", "resolved", "closed"}
    assert Investigation.objects.filter(status__in=ACTIVE).count() == 5
    link = Link.objects.select_related("investigation", "event").first()
    assert link is not None
    assert link.factors[0]["reason"]
    assert link.event.service == link.investigation.service_affected
    assert Note.objects.count() == NoteRevision.objects.count() > 0


@pytest.mark.django_db(transaction=True)
def test_the_command_fills_the_store_and_names_the_terms(engineer: User, capsys: Any) -> None:
    call_command("loadtest-data", events=200, investigations=3, days=1)
    assert Event.objects.count() == 200
    assert not Event.objects.unlinked().exists()
    assert set(Origin.objects.values_list("kind", flat=True)) == {OriginKind.CONNECTOR}
    assert Origin.objects.count() == len(Source.values)
    told = capsys.readouterr()
    assert "200 of 200 events" in told.err
    assert "circuit breaker opened" in told.out


@pytest.mark.django_db(transaction=True)
def test_a_seed_is_told_once(engineer: User) -> None:
    call_command("loadtest-data", events=50, investigations=0, days=1, seed=3)
    with pytest.raises(CommandError, match="give another --seed"):
        call_command("loadtest-data", events=50, investigations=0, days=1, seed=3)


@pytest.mark.django_db
def test_a_store_that_people_work_with_is_left_alone(engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    command = "connectors.management.commands.loadtest-data"
    monkeypatch.setattr(f"{command}.DEMO_EVENTS", 1)
    EventFactory.create_batch(2)
    with pytest.raises(CommandError, match="--force"):
        call_command("loadtest-data", events=10)
    assert Event.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"events": 0}, {"events": 5, "days": 0}, {"events": 5, "investigations": -1}])
def test_a_number_out_of_range_is_refused_by_its_option(engineer: User, wrong: dict[str, int]) -> None:
    with pytest.raises(CommandError, match=f"--{list(wrong)[-1]}: give a number from"):
        call_command("loadtest-data", **wrong)


@pytest.mark.django_db
def test_without_people_nobody_could_have_investigated() -> None:
    with pytest.raises(CommandError, match="bootstrap"):
        call_command("loadtest-data", events=10)
