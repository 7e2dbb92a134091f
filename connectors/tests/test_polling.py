"""How long a poll may last, and what is written down when it fails."""

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone
from pytest_django import Settings

from connectors import polling, services
from connectors.errors import SourceUnavailable
from connectors.models import Breaker, Connector
from connectors.pipeline import Tally
from connectors.sources import gitcli, gitmirror, gitwalk
from connectors.tasks import poll_one
from connectors.tests.repositories import Repository
from events.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path / "data"


def connected(url: object) -> Connector:
    return services.connect(name="shop", kind="git", values={"url": str(url)}, actor=None, now=timezone.now())


def test_the_first_copy_of_a_repository_has_its_time_and_each_limit_lies_behind_the_gentler_one() -> None:
    soft, hard = poll_one.soft_time_limit or 0, poll_one.time_limit or 0
    assert gitmirror.FETCH_SECONDS < polling.POLL_SECONDS < soft < hard


def test_a_poll_without_end_ends_after_a_page_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitwalk, "PAGE", 10)
    shop = Repository(tmp_path / "shop")
    shop.commits(25)
    connector = connected(shop.path)
    with monkeypatch.context() as hurried:
        hurried.setattr(polling, "POLL_SECONDS", 0)
        with pytest.raises(SourceUnavailable, match="shop was not read to its end in 0 hours"):
            polling.poll(connector=connector, now=timezone.now())
    assert Event.objects.count() == 10
    connector.refresh_from_db()
    assert connector.failures == 1
    assert polling.poll(connector=connector, now=timezone.now()) == Tally(stored=15)


def test_a_connector_that_is_being_read_is_not_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitwalk, "PAGE", 10)
    shop = Repository(tmp_path / "shop")
    shop.commits(25)

    def an_hour_passes(_: Tally) -> None:
        assert not Connector.objects.due(timezone.now()).exists()
        Connector.objects.update(next_poll_at=timezone.now() - timedelta(hours=1))

    polling.poll(connector=connected(shop.path), now=timezone.now(), progress=an_hour_passes)
    assert not Connector.objects.due(timezone.now()).exists()


def test_a_poll_that_a_limit_interrupts_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise SoftTimeLimitExceeded(7)

    connector = connected(tmp_path)
    monkeypatch.setattr(polling, "_pulled", interrupted)
    with pytest.raises(SoftTimeLimitExceeded):
        poll_one(str(connector.pk))
    connector.refresh_from_db()
    assert (connector.failures, connector.last_error[:21]) == (1, "SoftTimeLimitExceeded")
    assert connector.next_poll_at is not None


def test_a_host_that_says_nothing_is_tried_again_later_and_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitcli, "BEAT", 0.05)
    monkeypatch.setattr(gitcli, "STALLED", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connector = connected(f"git://127.0.0.1:{silent.getsockname()[1]}/x")
        for failures, wait in ((1, 60), (2, 120), (3, 240)):
            Connector.objects.update(next_poll_at=timezone.now())
            Breaker.objects.update(opened_at=timezone.now() - timedelta(minutes=2))
            for _ in range(2):  # the second bell was rung while the first was heeded
                poll_one(str(connector.pk))
            connector.refresh_from_db()
            assert (connector.failures, "nothing has come of it" in connector.last_error) == (failures, True)
            assert connector.next_poll_at is not None
            assert connector.next_poll_at - timezone.now() == pytest.approx(
                timedelta(seconds=wait), abs=timedelta(seconds=5)
            )
