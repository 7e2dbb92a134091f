"""The demo incident: the same story each time, told through real doors, and linked with reasons."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from connectors.demo import flag, incident, story
from connectors.models import DeadLetter
from events.models import Event
from investigations.choices import CauseCategory, Status
from investigations.models import Investigation, Link

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def demo(engineer: User, settings: Settings, tmp_path: Path) -> Investigation:
    settings.DATA_DIR = tmp_path
    return incident.load(engineer=engineer, now=timezone.now())


def test_more_than_100_events_of_four_sources_are_linked_with_a_reason_for_each_factor(demo: Investigation) -> None:
    links = list(Link.objects.filter(investigation=demo).select_related("event"))
    assert len(links) > 100
    assert len({link.event.source for link in links}) >= 4
    assert all(factor["reason"] for link in links for factor in link.factors)


def test_the_guilty_commit_and_its_deploy_are_linked_and_the_decoys_are_not(demo: Investigation) -> None:
    linked = Counter(Link.objects.filter(investigation=demo).values_list("event__service", "event__source"))
    assert linked["payments", "git"] == 1
    assert linked["payments", "ci"] > 0
    assert not {service for service, _ in linked} & {"search", "inventory", "notifications"}


def case(title: str) -> Investigation:
    return Investigation.objects.get(title__startswith=title)


def test_the_flag_of_yesterday_is_told_to_its_end(demo: Investigation) -> None:
    found = case("Catalog pages")
    assert (found.status, found.cause_category) == (Status.RESOLVED, CauseCategory.CONFIGURATION)
    assert found.resolved_at == found.detected_at + timedelta(minutes=48)
    assert all((found.root_cause, found.remediation, found.lessons_learned))
    assert [link.event.title for link in found.links.filter(is_cause=True)] == [flag.SWITCHED_ON]
    assert found.hypotheses.count() == found.notes.count() == 2


def test_the_saturated_database_is_being_worked_on_and_related_to_the_flag(demo: Investigation) -> None:
    found = case("Orders are late")
    assert (found.status, found.resolved_at) == (Status.IN_PROGRESS, None)
    assert list(found.related.all()) == [case("Catalog pages")]
    assert found.hypotheses.count() == found.notes.count() == 2


@pytest.mark.parametrize("title", ["Catalog pages", "Orders are late"])
def test_every_source_of_an_incident_is_linked_to_it_and_nothing_of_the_others(demo: Investigation, title: str) -> None:
    links = Link.objects.filter(investigation=case(title))
    assert set(links.values_list("event__source", flat=True)) == {"ci", "metrics", "traces", "logs", "alerts"}
    assert set(links.values_list("event__service", flat=True)) == {case(title).service_affected}


def test_the_line_that_was_cut_off_is_a_dead_letter(demo: Investigation) -> None:
    assert DeadLetter.objects.get().error == "BadRecord"


def test_the_same_seed_tells_the_same_story() -> None:
    assert (story.commits(), story.deploys(), story.lines()) == (story.commits(), story.deploys(), story.lines())


@pytest.fixture
def bootstrap(settings: Settings, tmp_path: Path) -> Callable[[], str]:
    """Return a way to run the command on an installation of its own and see what it says."""
    settings.DATA_DIR, settings.DEMO_PASSWORD = tmp_path, ""

    def run() -> str:
        call_command("bootstrap", stdout=(out := StringIO()))
        return out.getvalue()

    return run


def test_bootstrap_runs_again_safely_and_takes_any_password_its_operator_chose(
    bootstrap: Callable[[], str], settings: Settings
) -> None:
    settings.DEMO_PASSWORD = "demo"
    bootstrap()
    told = "(DEMO_PASSWORD)"
    assert bootstrap().split() == ["user", told, "engineer", told, "admin", told]
    assert all(person.check_password("demo") for person in User.objects.all())
    assert (User.objects.count(), Investigation.objects.count()) == (3, 3)


def test_a_password_that_a_person_chose_survives_the_next_start(bootstrap: Callable[[], str]) -> None:
    bootstrap()
    admin = User.objects.get(username="admin")
    admin.set_password("chosen by herself")
    admin.save()
    assert "admin     (has a password of their own)" in bootstrap()
    admin.refresh_from_db()
    assert admin.check_password("chosen by herself")


def test_bootstrap_without_the_demo_makes_nobody(bootstrap: Callable[[], str], settings: Settings) -> None:
    settings.DEMO = False
    assert "createsuperuser" in bootstrap()
    assert not User.objects.exists()
    assert not Event.objects.exists()


def test_an_investigation_with_very_many_events_can_be_asked_for(engineer: User) -> None:
    said = StringIO()
    call_command("demo", "--stress", "--events=150", stdout=said)
    opened = Investigation.objects.get(title__startswith="Stress")
    assert f"150 events are linked to /investigations/{opened.pk}/" in said.getvalue()
    assert Link.objects.filter(investigation=opened).count() == 150


@pytest.mark.parametrize("events", ["99", "1000001"])
def test_a_number_of_events_that_makes_no_sense_is_refused(engineer: User, events: str) -> None:
    with pytest.raises(CommandError, match="--events"):
        call_command("demo", "--stress", f"--events={events}")


def test_the_same_events_are_not_made_twice(engineer: User) -> None:
    call_command("demo", "--stress", "--events=100", stdout=StringIO())
    with pytest.raises(CommandError, match="--seed"):
        call_command("demo", "--stress", "--events=100", stdout=StringIO())
