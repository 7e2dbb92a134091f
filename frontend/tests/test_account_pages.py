"""The page where a person looks after their own account; and which sessions end when."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any, cast

import pytest
import time_machine
from django.db import connections
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import credentials, services
from accounts.models import ApiKey, AuditEntry, Role, User
from accounts.tests.factories import PASSWORD, ApiKeyFactory
from frontend.tests.conftest import Browse
from frontend.tests.test_stream import read, ring, run

pytestmark = pytest.mark.django_db
NEW = "another long password"
CHANGE = {"password": PASSWORD, "new": NEW, "again": NEW}
Api = Callable[..., APIClient]
Deed = Callable[[User], Any]


def is_in(client: Client) -> bool:
    return client.get("/investigations/").status_code == 200


def test_it_is_led_to_from_every_page_and_shows_who_one_is(window: Client, engineer: User) -> None:
    assert 'href="/account/"' in window.get("/investigations/").text
    page = window.get("/account/").text
    assert "engineer · Engineer" in page
    assert 'value="engineer@example.org"' in page


def test_a_profile_is_changed_and_recorded(window: Client, engineer: User) -> None:
    form = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org"}
    assert window.post("/account/profile", form).headers["Location"] == "/account/"
    engineer.refresh_from_db()
    assert (engineer.get_full_name(), engineer.email) == ("Ada Lovelace", "ada@example.org")
    assert AuditEntry.objects.get(verb="edit").actor == engineer


def test_nobody_gives_themselves_a_role_or_another_name_to_sign_in_with(window: Client, engineer: User) -> None:
    window.post("/account/profile", {"role": "admin", "is_superuser": "on", "username": "x", "is_active": ""})
    engineer.refresh_from_db()
    assert (engineer.role, engineer.username, engineer.is_active) == (Role.ENGINEER, "engineer", True)


def test_a_wrong_address_is_told_where_it_stands(window: Client) -> None:
    answer = window.post("/account/profile", {"email": "nonsense"})
    assert (answer.status_code, "valid email address" in answer.text) == (422, True)


def test_changing_ones_password_keeps_this_session_and_ends_every_other(
    browse: Browse, engineer: User, api: Api
) -> None:
    here, elsewhere, program = browse(engineer), browse(engineer), api(engineer)
    key = here.session.session_key
    assert here.post("/account/password", CHANGE).headers["Location"] == "/account/"
    assert (is_in(here), is_in(elsewhere), program.get("/api/v1/me").status_code) == (True, False, 401)
    assert here.session.session_key != key
    engineer.refresh_from_db()
    assert engineer.check_password(NEW)
    assert AuditEntry.objects.get(verb="set password").actor == engineer


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong"}, "This is not your password."),
        ({"again": "something else"}, "The two are not alike."),
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": "engineer1", "again": "engineer1"}, "too similar"),
        ({"password": ""}, "This field is required."),
    ],
)
def test_a_password_is_not_changed_when_something_is_wrong(
    window: Client, engineer: User, change: dict[str, str], said: str
) -> None:
    answer = window.post("/account/password", CHANGE | change)
    assert (answer.status_code, said in answer.text) == (422, True)
    engineer.refresh_from_db()
    assert engineer.check_password(PASSWORD)


def test_the_old_password_cannot_be_guessed_fast(window: Client, engineer: User, settings: Settings) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign_in": 2}
    for _ in range(2):
        window.post("/account/password", CHANGE | {"password": "wrong"})
    assert "Too many attempts" in window.post("/account/password", CHANGE).text
    engineer.refresh_from_db()
    assert engineer.check_password(PASSWORD)


def test_who_has_no_password_is_not_asked_for_one_and_sets_none(window: Client, engineer: User) -> None:
    User.objects.filter(pk=engineer.pk).update(password="!none")
    engineer.refresh_from_db()
    window.force_login(engineer)
    assert "Change password" not in window.get("/account/").text
    assert window.post("/account/password", CHANGE).status_code == 409


def test_one_signs_out_everywhere_else(browse: Browse, engineer: User, api: Api) -> None:
    here, elsewhere, program = browse(engineer), browse(engineer), api(engineer)
    here.post("/account/sign-out-elsewhere")
    assert (is_in(here), is_in(elsewhere), program.get("/api/v1/me").status_code) == (True, False, 401)


DEEDS: dict[str, Deed] = {
    "another password": lambda who: services.set_password(user=who, password=NEW),
    "no password": lambda who: services.set_password(user=who, password=None),
    "another role": lambda who: services.set_role(user=who, role=Role.USER),
    "deactivation": lambda who: services.deactivate(user=who),
    "revocation": lambda who: credentials.revoke_all(
        user=who, reason="", api_keys=False, actor=who, now=timezone.now()
    ),
}


def done(deed: Deed, who: User) -> None:
    """Do it in a thread that leaves no connection behind."""
    try:
        deed(who)
    finally:
        connections.close_all()


@pytest.mark.parametrize("why", DEEDS)
def test_a_session_ends_at_once_with_what_it_stood_on(window: Client, engineer: User, why: str) -> None:
    assert is_in(window)
    DEEDS[why](engineer)
    assert not is_in(window)
    assert window.get("/api/v1/me").status_code == 401


def test_reactivation_brings_no_session_back(window: Client, engineer: User) -> None:
    services.deactivate(user=engineer)
    services.reactivate(user=engineer)
    assert not is_in(window)


@pytest.mark.parametrize("why", DEEDS)
@pytest.mark.django_db(transaction=True)
def test_an_open_stream_ends_at_once_with_the_session(engineer: User, why: str) -> None:
    async def story() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(engineer)
        answer = cast(StreamingHttpResponse, await client.get("/stream/events"))
        async with aclosing(cast(Any, answer.streaming_content)) as chunks, asyncio.timeout(10):
            await read(chunks, b"missed")
            await asyncio.to_thread(done, DEEDS[why], engineer)
            rest = [chunk async for chunk in chunks]
        assert (await client.get("/stream/events")).status_code == 401
        return rest

    assert run(story()) == []


@pytest.mark.django_db(transaction=True)
def test_the_stream_of_somebody_else_goes_on(engineer: User, user: User) -> None:
    async def story() -> bytes:
        client = AsyncClient()
        await client.aforce_login(engineer)
        answer = cast(StreamingHttpResponse, await client.get("/stream/events"))
        async with aclosing(cast(Any, answer.streaming_content)) as chunks, asyncio.timeout(10):
            await read(chunks, b"missed")
            await asyncio.to_thread(done, DEEDS["deactivation"], user)
            await asyncio.to_thread(ring, "events", b'{"kind":"stored"}')
            return await read(chunks, b"stored")

    assert run(story()) == b'data: {"spread":2,"kind":"stored"}\n\n'


def test_a_session_is_under_a_new_key_from_sign_in_on(client: Client, engineer: User) -> None:
    client.get("/sign-in")
    client.cookies["sessionid"] = "planted" * 4
    client.post("/sign-in", {"username": "engineer", "password": PASSWORD})
    assert client.cookies["sessionid"].value != "planted" * 4
    assert is_in(client)


def test_a_session_ends_after_its_hours_however_much_it_is_used(
    client: Client, engineer: User, settings: Settings
) -> None:
    settings.SESSION_AGE = timedelta(hours=2)
    start = timezone.now()
    client.post("/sign-in", {"username": "engineer", "password": PASSWORD})
    for minutes, still in ((60, True), (110, True), (121, False)):
        with time_machine.travel(start + timedelta(minutes=minutes)):
            client.post("/account/profile", {"first_name": str(minutes)})  # writes to the session
            assert is_in(client) == still


def test_own_keys_are_listed_and_revoked(window: Client, engineer: User) -> None:
    own, foreign = ApiKeyFactory(user=engineer, name="build server"), ApiKeyFactory(name="not mine")
    page = window.get("/account/").text
    assert "build server" in page
    assert "not mine" not in page
    assert window.post(f"/account/keys/{own.pk}/revoke").status_code == 302
    assert "build server</td>" not in window.get("/account/").text
    assert window.post(f"/account/keys/{foreign.pk}/revoke").status_code == 404
    assert [ApiKey.objects.get(pk=key.pk).revoked_at is None for key in (own, foreign)] == [False, True]


def test_the_admin_sets_ones_own_password_nowhere_else(client: Client, admin: User) -> None:
    client.force_login(admin)
    old = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    for answer in (client.get("/admin/password_change/"), client.post("/admin/password_change/", old)):
        assert (answer.status_code, answer.headers["Location"]) == (302, "/account/")
    admin.refresh_from_db()
    assert admin.check_password(PASSWORD)


def test_who_may_not_enter_the_admin_is_told_and_not_sent_round_in_circles(window: Client) -> None:
    answer = window.get("/admin/", follow=True)
    assert (answer.status_code, "may not enter the administration" in answer.text) == (403, True)
