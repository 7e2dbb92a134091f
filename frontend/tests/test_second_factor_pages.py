"""A second factor on the pages: turned on, asked for at every way in, turned off."""

import re
from datetime import timedelta

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import factors, secondfactor, services
from accounts.models import AuditEntry, User
from accounts.tests.factories import PASSWORD, code_at, give_second_factor
from frontend.tests.conftest import Browse

pytestmark = pytest.mark.django_db
FORM = {"username": "engineer", "password": PASSWORD}


@pytest.fixture
def secret(engineer: User) -> str:
    """The engineer's, turned on an hour ago."""
    return give_second_factor(engineer, timezone.now() - timedelta(hours=1))[0]


def is_in(client: Client) -> bool:
    return client.get("/investigations/").status_code == 200


def now_of(secret: str) -> str:
    return code_at(secret, timezone.now())


def test_it_is_turned_on_by_a_first_code_and_recovery_codes_are_shown_once(window: Client, engineer: User) -> None:
    page = window.get("/account/second-factor")
    assert "<svg" in page.text
    assert " style=" not in page.text
    secret = re.findall(r'id="secret">([A-Z2-7]{32})<', page.text)[0]
    assert secret in window.get("/account/second-factor").text  # the same when it is loaded anew
    answer = window.post("/account/second-factor", {"password": PASSWORD, "code": now_of(secret)})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store, private, no-cache")
    codes = re.findall(r"<code>(\d{8})</code>", answer.text)
    assert len(codes) == 10
    assert factors.is_on(engineer)
    assert not [code for code in codes if code in window.get("/account/").text]
    assert window.get("/account/second-factor").headers["Location"] == "/account/"


def test_who_came_in_without_a_code_is_out_once_it_is_on(browse: Browse, engineer: User) -> None:
    here, elsewhere = browse(engineer), browse(engineer)
    said = elsewhere.post("/api/v1/auth/token", FORM, content_type="application/json").json()
    page = here.get("/account/second-factor").text
    code = now_of(re.findall(r'id="secret">([A-Z2-7]{32})<', page)[0])
    here.post("/account/second-factor", {"password": PASSWORD, "code": code})
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    kept = {"refresh": said["refresh"]}
    assert Client().post("/api/v1/auth/token/refresh", kept, content_type="application/json").status_code == 401


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"code": "000000"}, {"code": ""}])
def test_it_is_not_turned_on_without_the_password_and_a_right_code(
    window: Client, engineer: User, wrong: dict[str, str]
) -> None:
    page = window.get("/account/second-factor").text
    code = now_of(re.findall(r'id="secret">([A-Z2-7]{32})<', page)[0])
    assert window.post("/account/second-factor", {"password": PASSWORD, "code": code} | wrong).status_code == 422
    assert not factors.is_on(engineer)


def test_a_secret_on_offer_is_sealed_in_the_session(window: Client) -> None:
    page = window.get("/account/second-factor").text
    secret = re.findall(r'id="secret">([A-Z2-7]{32})<', page)[0]
    assert secret not in str(dict(window.session))


def test_the_password_alone_opens_nothing(client: Client, secret: str) -> None:
    answer = client.post("/sign-in", FORM | {"next": "/events/"})
    assert answer.headers["Location"] == "/sign-in/code?next=%2Fevents%2F"
    assert not is_in(client)
    assert client.get("/api/v1/me").status_code == 401
    assert client.get("/admin/").status_code == 302


def test_the_code_lets_in_and_leads_on(client: Client, secret: str) -> None:
    client.post("/sign-in", FORM)
    answer = client.post("/sign-in/code", {"code": now_of(secret), "next": "/events/"})
    assert answer.headers["Location"] == "/events/"
    assert is_in(client)
    assert AuditEntry.objects.get(verb="sign in").change == {"by": [None, "password and code"]}


def test_a_recovery_code_lets_in_once(engineer: User) -> None:
    _, codes = give_second_factor(engineer, timezone.now())
    for client, let_in in ((Client(), True), (Client(), False)):
        client.post("/sign-in", FORM)
        client.post("/sign-in/code", {"code": codes[0]})
        assert is_in(client) == let_in


def test_a_wrong_code_is_told_and_guessing_is_slowed_down(client: Client, secret: str) -> None:
    client.post("/sign-in", FORM)
    for _ in range(5):
        assert "This code is wrong" in client.post("/sign-in/code", {"code": "000000"}).text
    answer = client.post("/sign-in/code", {"code": now_of(secret)})
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 50) == (429, True)
    assert not is_in(client)


def test_a_code_without_the_password_before_it_is_nothing(client: Client, secret: str) -> None:
    assert client.post("/sign-in/code", {"code": now_of(secret)}).headers["Location"].startswith("/sign-in?")
    assert not is_in(client)


def test_the_password_is_good_for_five_minutes(client: Client, secret: str) -> None:
    client.post("/sign-in", FORM)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert client.post("/sign-in/code", {"code": now_of(secret)}).headers["Location"].startswith("/sign-in?")
        assert not is_in(client)


@pytest.mark.parametrize("change", ["password", "activity"])
def test_what_changes_between_password_and_code_counts(
    client: Client, engineer: User, secret: str, change: str
) -> None:
    client.post("/sign-in", FORM)
    if change == "password":
        services.set_password(user=engineer, password="another long password")
    else:
        services.deactivate(user=engineer)
    client.post("/sign-in/code", {"code": now_of(secret)})
    assert not is_in(client)


def test_the_code_page_leads_to_no_other_site(client: Client, secret: str) -> None:
    client.post("/sign-in", FORM)
    answer = client.post("/sign-in/code", {"code": now_of(secret), "next": "https://evil.example"})
    assert answer.headers["Location"] == "/investigations/"


def test_the_admin_is_no_way_around_it(admin: User, client: Client) -> None:
    secret, _ = give_second_factor(admin, timezone.now() - timedelta(hours=1))
    page = client.get("/admin/", follow=True)
    assert page.redirect_chain[-1][0] == "/sign-in?next=/admin/"
    form = {"username": "admin", "password": PASSWORD, "next": "/admin/"}
    for address in ("/admin/login/", "/admin/login/?next=/admin/", "/api/v1/-/sign-in", "/sign-in"):
        client.post(address, form)
        assert client.get("/admin/").status_code == 302
    client.post("/sign-in/code", {"code": now_of(secret), "next": "/admin/"})
    assert client.get("/admin/").status_code == 200


def test_it_is_turned_off_by_a_code(secret: str, window: Client, engineer: User) -> None:
    refused = window.post("/account/second-factor/off", {"code": "000000"})
    assert (refused.status_code, "This code is wrong" in refused.text) == (422, True)
    assert factors.is_on(engineer)
    assert window.post("/account/second-factor/off", {"code": now_of(secret)}).status_code == 302
    assert not factors.is_on(engineer)


def test_new_recovery_codes_are_shown_for_a_code(secret: str, window: Client) -> None:
    assert window.post("/account/second-factor/recovery-codes", {"code": ""}).status_code == 422
    answer = window.post("/account/second-factor/recovery-codes", {"code": now_of(secret)})
    assert len(re.findall(r"<code>\d{8}</code>", answer.text)) == 10


def test_an_administrator_takes_it_away(browse: Browse, admin: User, engineer: User, secret: str) -> None:
    desk = browse(admin)
    desk.post("/admin/accounts/user/", {"action": "take_second_factor", "_selected_action": [str(engineer.pk)]})
    assert not factors.is_on(engineer)
    assert AuditEntry.objects.get(verb="turn off second factor").actor == admin


def test_the_admin_shows_no_table_of_secrets(browse: Browse, admin: User, secret: str) -> None:
    desk = browse(admin)
    for address in (
        "mfa/authenticator",
        "socialaccount/socialapp",
        "socialaccount/socialaccount",
        "account/emailaddress",
    ):
        assert desk.get(f"/admin/{address}/").status_code == 404


def test_a_key_that_is_lost_is_told_and_the_second_factor_can_be_taken_away(
    client: Client, secret: str, window: Client, engineer: User, settings: Settings
) -> None:
    settings.SEALING_KEYS = [Fernet.generate_key().decode()]
    client.post("/sign-in", FORM)
    answer = client.post("/sign-in/code", {"code": now_of(secret)})
    assert (answer.status_code, "SEALING_KEYS" in answer.text) == (503, True)
    assert "10 recovery codes left" in window.get("/account/").text
    secondfactor.turn_off(user=engineer, actor=None)
    assert client.post("/sign-in", FORM).headers["Location"] == "/investigations/"
