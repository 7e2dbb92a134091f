"""A second factor that a role must have: who has none reaches nothing but the page where it is turned on."""

import asyncio
import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import credentials, factors, secondfactor, services
from accounts.models import Role, User
from accounts.tests.factories import PASSWORD, code_at, give_second_factor
from frontend.tests.conftest import Browse
from frontend.tests.test_stream import run

pytestmark = pytest.mark.django_db
SETUP = "/account/second-factor"


@pytest.fixture(autouse=True)
def _required(settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = frozenset({Role.ADMIN})


def signed_in(person: User, wanted: str = "") -> Client:
    client = Client()
    client.post("/sign-in", {"username": person.username, "password": PASSWORD, "next": wanted})
    return client


def turned_on(client: Client, wanted: str = "") -> str:
    """Turn it on and return the page that shows the recovery codes."""
    secret = re.findall(r'id="secret">([A-Z2-7]{32})<', client.get(SETUP).text)[0]
    form = {"password": PASSWORD, "code": code_at(secret, timezone.now()), "next": wanted}
    return client.post(SETUP, form).text


@pytest.mark.parametrize("wanted", ["/events/?q=pool", "/admin/"])
def test_who_has_none_is_led_to_where_it_is_turned_on_told_why_and_led_on(admin: User, wanted: str) -> None:
    client = signed_in(admin, wanted)
    page = client.get(wanted, follow=True)
    assert page.redirect_chain[-1][0].startswith(f"{SETUP}?next=")
    assert "Your role, administrator, needs a second factor here." in page.text
    assert f'name="next" value="{wanted}"' in page.text
    assert f'href="{wanted}">I have kept them' in turned_on(client, wanted)
    assert client.get(wanted).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/investigations/",
        "/events/",
        "/account/",
        "/notifications/",
        "/notifications/unread",
        "/admin/",
        "/admin/accounts/user/",
        "/api/v1/me",
        "/api/v1/me/export",
        "/api/v1/events",
        "/api/v1/api-keys",
        "/style/",
    ],
)
def test_nothing_else_opens(admin: User, address: str) -> None:
    assert signed_in(admin).get(address).status_code in {302, 401}


@pytest.mark.parametrize(
    "address", ["/account/password", "/account/profile", "/account/second-factor/off", "/account/identity"]
)
def test_nothing_of_the_account_is_changed_before_it(admin: User, address: str) -> None:
    new = "another long password"
    form = {"password": PASSWORD, "new": new, "again": new, "first_name": "x", "code": "1"}
    assert signed_in(admin).post(address, form).headers["Location"].startswith("/sign-in?next=")
    admin.refresh_from_db()
    assert (admin.check_password(PASSWORD), admin.first_name) == (True, "")


@pytest.mark.django_db(transaction=True)
def test_no_stream_opens(admin: User) -> None:
    async def story() -> int:
        client = AsyncClient()
        await client.aforce_login(admin)
        return (await client.get("/stream/events")).status_code

    assert run(asyncio.wait_for(story(), 10)) == 401


def test_the_page_shows_no_bar_and_signs_out(admin: User) -> None:
    client = signed_in(admin)
    page = client.get(SETUP).text
    assert 'class="topbar"' not in page
    assert "Sign out" in page
    client.post("/sign-out")
    assert client.get(SETUP).headers["Location"].startswith("/sign-in?")


def test_the_way_on_leads_to_no_other_site(admin: User) -> None:
    assert 'href="/account/">I have kept them' in turned_on(signed_in(admin), "https://evil.example/")


def test_who_has_one_is_asked_for_its_code_and_let_in(admin: User) -> None:
    secret, _ = give_second_factor(admin, timezone.now() - timedelta(hours=1))
    client = signed_in(admin)
    client.post("/sign-in/code", {"code": code_at(secret, timezone.now())})
    assert client.get("/investigations/").status_code == 200


def test_another_role_is_asked_for_none(engineer: User) -> None:
    assert signed_in(engineer).get("/investigations/").status_code == 200


def test_a_session_of_before_the_rule_is_held_to_it(admin: User, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = frozenset()
    client = signed_in(admin)
    assert client.get("/investigations/").status_code == 200
    settings.REQUIRE_SECOND_FACTOR = frozenset({Role.ADMIN})
    assert client.get("/investigations/", follow=True).redirect_chain[-1][0].startswith(SETUP)


def test_a_session_that_does_not_say_how_it_began_is_held_to_it(browse: Browse, admin: User) -> None:
    assert browse(admin).get("/investigations/").status_code == 302
    give_second_factor(admin, timezone.now())
    admin.refresh_from_db()
    assert browse(admin).get("/investigations/").status_code == 200


def test_it_cannot_be_turned_off_by_oneself_and_the_page_says_so(admin: User) -> None:
    client = signed_in(admin)
    turned_on(client)
    page = client.get("/account/").text
    assert "cannot be turned off" in page
    assert "Turn off" not in page
    secret = secondfactor.Adapter().decrypt(Authenticator.objects.get(user=admin, type="totp").data["secret"])
    later = timezone.now() + timedelta(seconds=30)
    refused = client.post("/account/second-factor/off", {"code": code_at(secret, later)})
    assert (refused.status_code, "It stays on." in refused.text) == (403, True)
    assert factors.is_on(admin)


def test_an_administrator_takes_away_that_of_another_who_turns_on_a_new_one(admin: User) -> None:
    other = services.create_user(username="other", password=PASSWORD, role=Role.ADMIN)
    give_second_factor(other, timezone.now())
    desk = signed_in(admin)
    turned_on(desk)
    people = {"action": "take_second_factor", "_selected_action": [str(other.pk), str(admin.pk)]}
    said = desk.post("/admin/accounts/user/", people, follow=True).text
    assert "It stays on." in said
    assert (factors.is_on(other), factors.is_on(admin)) == (False, True)
    assert signed_in(other).get("/events/", follow=True).redirect_chain[-1][0].startswith(SETUP)


def tokens_of(person: User, **more: str) -> tuple[int, dict[str, str]]:
    answer = APIClient().post("/api/v1/auth/token", {"username": person.username, "password": PASSWORD, **more})
    return answer.status_code, answer.json()


def test_the_api_gives_no_token_and_says_what_to_do(admin: User) -> None:
    status, said = tokens_of(admin)
    assert (status, said["code"]) == (403, "second_factor_missing")
    assert "Sign in to the pages and turn one on" in said["detail"]
    secret, _ = give_second_factor(admin, timezone.now() - timedelta(hours=1))
    assert tokens_of(admin, code=code_at(secret, timezone.now()))[0] == 200


def test_a_wrong_password_learns_nothing_of_the_rule(admin: User) -> None:
    answer = APIClient().post("/api/v1/auth/token", {"username": "admin", "password": "wrong"})
    assert answer.status_code == 401


def test_no_refresh_token_of_before_the_rule_leads_around_it(admin: User, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = frozenset()
    _, pair = tokens_of(admin)
    settings.REQUIRE_SECOND_FACTOR = frozenset({Role.ADMIN})
    refused = APIClient().post("/api/v1/auth/token/refresh", {"refresh": pair["refresh"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_missing")


def test_an_api_key_opens_what_it_did(admin: User) -> None:
    _, secret = credentials.create_key(name="x", user=admin, scope="read", actor=admin, now=timezone.now())
    program = APIClient()
    program.credentials(HTTP_X_API_KEY=secret)
    assert program.get("/api/v1/me").status_code == 200
