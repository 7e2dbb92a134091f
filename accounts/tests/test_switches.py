"""Switches: an operator stops one thing, everybody is told so in their own language, and all the rest goes on."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import switches
from accounts.models import AuditEntry, Feature, Switch, User
from accounts.switching import switch_off, switch_on

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


def off(feature: Feature) -> None:
    """Switch a feature off, as an operator at the command line."""
    switch_off(feature=feature, actor=None, now=timezone.now())


def test_what_has_no_row_is_on() -> None:
    switches.watch.forget()
    assert all(switches.is_on(feature) for feature in Feature)


def test_what_is_switched_off_is_off_at_once_where_it_was_done_and_on_again() -> None:
    off(Feature.BULK)
    assert not switches.is_on(Feature.BULK)
    assert switches.is_on(Feature.OTLP)
    switch_on(feature=Feature.BULK, actor=None)
    assert switches.is_on(Feature.BULK)


def test_a_process_looks_again_after_two_seconds_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    Switch.objects.create(feature=Feature.BULK, at=timezone.now())  # by another process
    monkeypatch.setattr(switches.watch, "looked", time.monotonic() - switches.LOOK_EVERY / 2)
    assert switches.is_on(Feature.BULK)
    monkeypatch.setattr(switches.watch, "looked", time.monotonic() - switches.LOOK_EVERY)
    assert not switches.is_on(Feature.BULK)


def test_while_the_database_is_away_what_was_seen_last_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    off(Feature.BULK)
    assert not switches.is_on(Feature.BULK)

    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("It is away.")

    monkeypatch.setattr(Switch, "objects", type("Away", (), {"order_by": away}))
    switches.watch.forget()
    assert not switches.is_on(Feature.BULK)
    assert switches.is_on(Feature.OTLP)


def test_doing_it_twice_changes_nothing_and_is_written_down_once(admin: User) -> None:
    now = timezone.now()
    assert switch_off(feature=Feature.LINKING, actor=admin, now=now, reason="It links wrongly.")
    assert not switch_off(feature=Feature.LINKING, actor=admin, now=now)
    assert switch_on(feature=Feature.LINKING, actor=admin)
    assert not switch_on(feature=Feature.LINKING, actor=admin)
    written = AuditEntry.objects.filter(target_type="switch", target_id="linking").order_by("id")
    assert [(entry.verb, entry.actor) for entry in written] == [("switch_off", admin), ("switch_on", admin)]
    assert written[0].change == {"reason": [None, "It links wrongly."]}


def test_an_administrator_switches_over_the_api(admin: User, api: Callable[[User], APIClient]) -> None:
    client = api(admin)
    shown = client.patch(f"{V1}/admin/switches/otlp", {"on": False, "reason": "A flood."}).json()
    assert (shown["on"], shown["by"], shown["reason"]) == (False, "admin", "A flood.")
    every = client.get(f"{V1}/admin/switches").json()
    assert {row["feature"] for row in every} == set(Feature.values)
    assert [row["feature"] for row in every if not row["on"]] == ["otlp"]
    assert client.patch(f"{V1}/admin/switches/otlp", {"on": True}).json()["on"] is True
    assert not Switch.objects.exists()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("otlp", {}, 400),
        ("otlp", {"on": "perhaps"}, 400),
        ("otlp", {"on": False, "x": 1}, 400),
        ("gravity", {"on": False}, 404),
    ],
)
def test_what_cannot_be_switched_is_said(
    path: str, body: dict[str, Any], status: int, admin: User, api: Callable[[User], APIClient]
) -> None:
    assert api(admin).patch(f"{V1}/admin/switches/{path}", body).status_code == status


def test_the_halt_of_connectors_is_one_of_the_switches(admin: User, api: Callable[[User], APIClient]) -> None:
    client = api(admin)
    assert client.post(f"{V1}/admin/halt", {"reason": "Wrong data."}).status_code == 204
    assert Switch.objects.get().feature == Feature.CONNECTORS
    assert client.patch(f"{V1}/admin/switches/connectors", {"on": True}).status_code == 200
    assert client.delete(f"{V1}/admin/halt").status_code == 409


def test_a_door_that_is_off_answers_503_with_a_code_and_when_to_come_again(
    engineer: User, api: Callable[[User], APIClient]
) -> None:
    off(Feature.BULK)
    answer = api(engineer).post(f"{V1}/events/bulk", [{"title": "x"}], format="json")
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "switched_off", "60")


def test_nobody_gets_in_by_password_while_that_is_off(engineer: User, client: Client) -> None:
    engineer.set_password("correct")
    engineer.save()
    off(Feature.PASSWORDS)
    said = {"username": "engineer", "password": "correct"}
    answer = client.post(f"{V1}/auth/token", said, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (503, "switched_off")
    page = client.post("/sign-in", said)
    assert (page.status_code, page["Retry-After"]) == (503, "60")
    assert "Switched off for now" in page.content.decode()
    assert client.post("/admin/login/", said).headers["Location"] == "/sign-in?next=/admin/"


def test_who_is_signed_in_stays_so_and_is_told_what_is_off(engineer: User, client: Client) -> None:
    client.force_login(engineer)
    assert "Switched off" not in client.get("/investigations/").content.decode()
    off(Feature.PASSWORDS)
    off(Feature.EXPORTS)
    page = client.get("/investigations/").content.decode()
    assert "Switched off for now: Exports of investigations; Signing in with a password." in page


def test_the_admin_shows_adds_and_takes_away(admin: User, client: Client) -> None:
    client.force_login(admin)
    form = {"feature": "surveys", "reason": "A source complains."}
    assert client.post("/admin/accounts/switch/add/", form).status_code == 302
    switch = Switch.objects.get()
    assert (switch.feature, switch.actor, switch.reason) == ("surveys", admin, "A source complains.")
    assert "A source complains." in client.get("/admin/accounts/switch/").content.decode()
    assert client.post("/admin/accounts/switch/surveys/delete/", {"post": "yes"}).status_code == 302
    assert not Switch.objects.exists()
    assert AuditEntry.objects.filter(verb="switch_on", actor=admin).exists()


def test_the_command_line_switches_and_lists(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("switch", "off", "stream", reason="Redis suffers.")
    call_command("switch", "off", "stream")
    call_command("switch")
    call_command("switch", "on", "stream")
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["stream is off.", "stream is off already."]
    assert said[-1] == "stream is on."
    assert len(said) == 3 + len(Feature)
    assert any(line.startswith("stream ") and line.endswith("Redis suffers.") for line in said)


def test_the_command_line_knows_no_other_feature() -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("switch", "off", "gravity")
