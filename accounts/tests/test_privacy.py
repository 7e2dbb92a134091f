"""Who may have a person exported or erased, and how. That no table is forgotten: tests/test_privacy.py."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import audit, credentials, privacy, services
from accounts.models import AuditEntry, Notification, NotificationDelivery, User
from accounts.notifications import services as notifications
from accounts.notifications.choices import Topic

pytestmark = pytest.mark.django_db


def test_an_export_is_recorded_and_an_own_one_needs_no_role(user: User, api: Any) -> None:
    answer = api(user).get("/api/v1/me/export")
    assert json.loads(next(iter(answer.streaming_content)))["row"]["username"] == "user"
    assert AuditEntry.objects.get(verb="export").target_id == str(user.pk)


def test_a_key_of_an_administrator_exports_nobody(admin: User, user: User) -> None:
    _, secret = credentials.create_key(name="x", user=admin, scope="full", actor=None, now=timezone.now())
    answer = APIClient().get(f"/api/v1/admin/users/{user.pk}/export", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403


def test_whoever_holds_a_credential_of_theirs_is_shut_out_at_once(
    engineer: User, api: Any, django_capture_on_commit_callbacks: Any
) -> None:
    _, secret = credentials.create_key(name="x", user=engineer, scope="full", actor=None, now=timezone.now())
    token, key, browser = api(engineer), APIClient(), Client()
    key.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    browser.force_login(engineer)
    assert [one.get("/api/v1/me").status_code for one in (token, key, browser)] == [200, 200, 200]
    with django_capture_on_commit_callbacks(execute=True):
        privacy.erase(user=engineer)
    assert [one.get("/api/v1/me").status_code for one in (token, key, browser)] == [401, 401, 401]


def test_without_a_terminal_the_command_erases_nobody_and_says_why(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())
    with pytest.raises(CommandError, match="Add --yes"):
        call_command("person", "erase", "user")
    assert User.objects.filter(username="user").exists()


def test_what_an_address_answered_to_a_notification_is_not_handed_over(user: User, api: Any) -> None:
    """Anybody chooses where theirs are sent, and would read in the export what answers on the inside."""
    told = notifications.notify(topic=Topic.TEST, people=[user], title="x", key="x", now=timezone.now())
    row = NotificationDelivery(notification=Notification.objects.get(), user=user, channel="webhook")
    row.next_attempt_at, row.error = timezone.now(), "http://10.0.0.5 will not answer this (HTTP 403): inside"
    row.save()
    lines = b"".join(api(user).get("/api/v1/me/export").streaming_content)
    assert (told, str(row.pk).encode() in lines, b"inside" in lines) == (1, True, False)


def test_the_last_administrator_cannot_be_erased(admin: User, api: Any) -> None:
    refused = api(admin).post(f"/api/v1/admin/users/{admin.pk}/erase", {"username": "admin"})
    assert refused.status_code == 409
    assert User.objects.get(pk=admin.pk).username == "admin"


def test_erasing_again_changes_nothing(engineer: User) -> None:
    first = privacy.erase(user=engineer)
    second = privacy.erase(user=engineer)
    assert (first.username, AuditEntry.objects.filter(verb="erase").count()) == (second.username, 1)


def test_an_erasure_that_fails_leaves_everything_as_it_was(engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.create_key(name="x", user=engineer, scope="full", actor=None, now=timezone.now())

    def fail(**_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(RuntimeError):
        privacy.erase(user=engineer)
    assert User.objects.get(pk=engineer.pk).username == "engineer"
    assert engineer.api_keys.count() == 1


def test_over_the_api_the_username_is_asked_for_once_more(admin: User, engineer: User, api: Any) -> None:
    address = f"/api/v1/admin/users/{engineer.pk}/erase"
    refused = api(admin).post(address, {"username": "admin"})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["username"])
    assert api(admin).post(address, {"username": "engineer"}).status_code == 204


def test_whose_name_begins_alike_keeps_it_where_others_were_told_of_them(admin: User, engineer: User) -> None:
    services.edit_profile(user=engineer, first_name="Ann", last_name="")
    titles = ("Ann wrote in: x", "Ann Lee wrote in: x", "Ann Lee opened: y", "Ann alerted: z")
    for number, title in enumerate(titles):
        said = {"title": title, "body": "Moved by Ann Lee.", "key": str(number), "created_at": timezone.now()}
        Notification.objects.create(user=admin, topic=Topic.OPENED, **said)
    privacy.erase(user=engineer)
    told = Notification.objects.order_by("id").values_list("title", flat=True)
    assert list(told) == [f"{privacy.pseudonym(engineer)} wrote in: x", *titles[1:]]
    assert set(Notification.objects.values_list("body", flat=True)) == {"Moved by Ann Lee."}


@pytest.fixture
def desk(admin: User) -> Client:
    browser = Client()
    browser.force_login(admin)
    return browser


def test_the_admin_asks_before_it_erases(desk: Client, engineer: User) -> None:
    chosen = {"action": "erase", "_selected_action": [str(engineer.pk)]}
    assert "cannot be undone" in desk.post("/admin/accounts/user/", chosen).content.decode()
    assert User.objects.filter(username="engineer").exists()
    desk.post("/admin/accounts/user/", {**chosen, "sure": "1"})
    assert not User.objects.filter(username="engineer").exists()


def test_the_admin_exports_one_person(desk: Client, engineer: User, user: User) -> None:
    one = desk.post("/admin/accounts/user/", {"action": "export", "_selected_action": [str(engineer.pk)]})
    assert b'"engineer"' in b"".join(one.streaming_content)  # type: ignore[attr-defined]
    two = {"action": "export", "_selected_action": [str(engineer.pk), str(user.pk)]}
    assert "Choose one person." in desk.post("/admin/accounts/user/", two, follow=True).content.decode()


def test_the_command_line_exports_and_erases(
    engineer: User, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    call_command("person", "export", "engineer")
    assert json.loads(capsys.readouterr().out.splitlines()[0])["row"]["username"] == "engineer"
    monkeypatch.setattr("builtins.input", lambda _: "somebody else")
    with pytest.raises(CommandError, match="Nobody was erased"):
        call_command("person", "erase", "engineer")
    call_command("person", "erase", "engineer", "--yes")
    assert not User.objects.filter(username="engineer").exists()
