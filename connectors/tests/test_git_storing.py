"""A git history on its way into the store: every commit once, whatever happens meanwhile."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from connectors import polling, services
from connectors.errors import Misconfigured
from connectors.models import Connector, DeadLetter
from connectors.pipeline import Tally
from connectors.sources import gitwalk
from connectors.tasks import poll_one
from connectors.tests.repositories import Repository
from events.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path / "data"


def connected(url: Path, name: str = "shop") -> Connector:
    return services.connect(name=name, kind="git", values={"url": str(url)}, actor=None, now=timezone.now())


def poll(connector: Connector) -> Tally:
    tally = polling.poll(connector=connector, now=timezone.now())
    assert tally is not None
    return tally


def test_a_second_poll_stores_nothing(shop: Repository) -> None:
    shop.commits(25)
    connector = connected(shop.path)
    assert (poll(connector).stored, poll(connector).stored) == (25, 0)
    assert Event.objects.count() == 25


def test_a_poll_that_dies_on_the_way_is_finished_by_the_next(shop: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitwalk, "PAGE", 10)
    shop.commits(35)
    connector = connected(shop.path)

    def die(tally: Tally) -> None:
        if tally.stored == 20:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        polling.poll(connector=connector, now=timezone.now(), progress=die)
    assert Event.objects.count() == 20
    rest = poll(connector)
    assert (rest.stored, rest.duplicates) == (15, 0)


def test_progress_is_told_after_each_page(shop: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitwalk, "PAGE", 10)
    shop.commits(25)
    told: list[int] = []
    polling.poll(connector=connected(shop.path), now=timezone.now(), progress=lambda tally: told.append(tally.stored))
    assert told == [10, 20, 25, 25, 25]


def test_two_clones_of_one_repository_tell_of_the_same_commits(shop: Repository, tmp_path: Path) -> None:
    shop.commits(5)
    clone = Repository(tmp_path / "clone")
    clone.git("fetch", "--quiet", str(shop.path), "main:other")
    assert poll(connected(shop.path)).stored == 5
    second = poll(connected(clone.path, name="clone"))
    assert (second.stored, second.duplicates) == (0, 5)


def test_tags_of_the_same_name_in_two_repositories_are_two_events(shop: Repository, tmp_path: Path) -> None:
    shop.commit()
    shop.git("tag", "v1")
    clone = Repository(tmp_path / "clone")
    clone.git("fetch", "--quiet", "--tags", str(shop.path), "main:other")
    poll(connected(shop.path))
    assert poll(connected(clone.path, name="clone")).stored == 1


def test_what_postgresql_cannot_hold_does_not_stop_the_rest(shop: Repository) -> None:
    shop.raw_commit(b"author \xff\xfe <\xc3> 1 +0000\ncommitter \xff <> 1 +0000\n\n\xed\xa0\x80 \x01\n")
    assert poll(connected(shop.path)).stored == 1
    assert not DeadLetter.objects.exists()


def test_a_repository_that_never_was_there_stops_the_polling_until_its_owner_acts(shop: Repository) -> None:
    connector = connected(shop.path.with_name("elsewhere"))
    with pytest.raises(Misconfigured):
        poll(connector)
    connector.refresh_from_db()
    assert (connector.next_poll_at, connector.is_given_up) == (None, True)
    assert "there is no git repository" in connector.last_error


def test_a_repository_that_is_away_for_a_while_is_read_again_when_it_is_back(shop: Repository) -> None:
    shop.commit()
    connector = connected(shop.path)
    poll(connector)
    away = shop.path.rename(shop.path.with_name("away"))
    for _ in range(8):
        Connector.objects.update(next_poll_at=timezone.now())
        poll_one(str(connector.pk))
    connector.refresh_from_db()
    assert (connector.failures, connector.is_given_up) == (8, False)
    assert "there is no git repository" in connector.last_error
    assert connector.next_poll_at is not None
    assert timedelta() < connector.next_poll_at - timezone.now() <= timedelta(minutes=15)
    away.rename(shop.path)
    shop.commit()
    Connector.objects.update(next_poll_at=timezone.now())
    poll_one(str(connector.pk))
    connector.refresh_from_db()
    assert (Event.objects.count(), connector.failures, connector.last_error) == (2, 0, "")
