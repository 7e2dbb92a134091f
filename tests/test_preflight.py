"""What is wrong is found before a start, with the setting's name; a running installation is asked whether it works."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from accounts.tests.factories import give_second_factor
from accounts.tokens import AccessToken
from events.models import Event
from rcaplatform import preflight, smoke


def found(about: str) -> list[str]:
    """Return how serious it is what the looks found about a thing."""
    return [one.level for one in preflight.findings(timezone.now()) if one.about == about]


@pytest.mark.django_db
def test_a_sound_installation_has_nothing_bad(tmp_path: Path) -> None:
    said = io.StringIO()
    call_command("preflight", stdout=said)
    assert "\nbad" not in said.getvalue()
    assert {"keys", "PostgreSQL", "clock", "migrations", "Redis", "disk"} <= {
        line.split()[1] for line in said.getvalue().splitlines()
    }


@pytest.mark.django_db
def test_a_redis_that_is_away_is_bad_and_ends_with_1(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert found("Redis") == ["bad"]
    with pytest.raises(CommandError, match="1 bad"):
        call_command("preflight", stdout=io.StringIO())


@pytest.mark.django_db
def test_a_sealing_key_that_is_none_is_bad(settings: Settings) -> None:
    settings.SEALING_KEYS = ["short"]
    assert found("keys") == ["bad"]


@pytest.mark.django_db
def test_a_key_that_others_can_read_is_told(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/secret-key").write_text("x")
    (tmp_path / "keys/secret-key").chmod(0o644)
    assert found("keys") == ["warn", "ok"]


@pytest.mark.django_db
def test_who_is_still_to_turn_on_a_required_second_factor_is_counted(admin: User, settings: Settings) -> None:
    assert found("factors") == []
    settings.REQUIRE_SECOND_FACTOR = frozenset({"admin"})
    assert found("factors") == ["warn"]
    give_second_factor(admin, timezone.now())
    assert found("factors") == ["ok"]


@pytest.mark.django_db
def test_a_clock_that_is_off_is_told_by_how_much() -> None:
    late = timezone.now() - timedelta(minutes=2)
    assert [one.level for one in preflight.findings(late) if one.about == "clock"] == ["bad"]


@pytest.mark.django_db
def test_the_demo_and_plain_http_are_told_where_others_reach_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SITE_URL, settings.DEMO = "http://rca.example.org", True
    assert found("DEMO") == ["warn"]
    assert found("SITE_URL") == ["warn"]
    mendable = [one for one in preflight.findings(timezone.now()) if one.level != preflight.BAD]
    monkeypatch.setattr(preflight, "findings", lambda _now: mendable)
    with pytest.raises(CommandError, match="0 bad"):
        call_command("preflight", "--strict", stdout=io.StringIO())


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://[::1]", True),
        ("http://localhost", True),
        ("https://rca.example", False),
    ],
)
def test_an_address_of_this_machine_alone_is_known(address: str, local: bool) -> None:
    assert preflight.is_local(address) is local


@pytest.mark.django_db(transaction=True)
def test_a_running_installation_passes_and_keeps_no_event(live_server: Any, engineer: User, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{AccessToken.for_user(engineer)}\n")
    said = io.StringIO()
    call_command("smoke", live_server.url, "--token-file", str(tmp_path / "token"), stdout=said)
    assert [line.split()[0] for line in said.getvalue().splitlines()] == ["ok"] * 9
    assert not Event.objects.alive().exists()


@pytest.mark.django_db(transaction=True)
def test_without_a_token_nothing_is_written(live_server: Any) -> None:
    assert [step.good for step in smoke.steps(live_server.url)] == [True] * 5
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_token_that_opens_nothing_fails_where_it_is_used(live_server: Any) -> None:
    assert [step.what for step in smoke.steps(live_server.url, token="worthless") if not step.good] == [
        "stores an event"
    ]


def test_an_installation_that_is_away_fails_at_every_step() -> None:
    assert {step.good for step in smoke.steps("http://127.0.0.1:1")} == {False}
    with pytest.raises(CommandError, match="5 steps went wrong"):
        call_command("smoke", "http://127.0.0.1:1", stdout=io.StringIO())


@pytest.mark.parametrize("url", ["rca.example.org", "ftp://rca.example.org", "http://[::1", "http://rca:port"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(CommandError, match="URL must be an address"):
        call_command("smoke", url)
