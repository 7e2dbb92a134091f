"""Signing in and out, and what a page does with somebody it does not know."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import PASSWORD
from frontend.tests.conftest import Browse
from investigations.models import Investigation

pytestmark = pytest.mark.django_db


def sign_in(client: Client, next_page: str = "", password: str = PASSWORD) -> str:
    form = {"username": "engineer", "password": password, "next": next_page}
    return client.post(reverse("sign-in"), form).headers.get("Location", "")


def test_a_person_who_signs_in_comes_to_the_investigations(client: Client, engineer: User) -> None:
    assert sign_in(client) == "/investigations/"


def test_a_person_who_signs_in_goes_on_where_they_wanted_to_be(client: Client, engineer: User) -> None:
    assert client.get("/events/?q=pool").headers["Location"] == "/sign-in?next=/events/%3Fq%3Dpool"
    assert sign_in(client, "/events/?q=pool") == "/events/?q=pool"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example"]
)
def test_next_never_leads_to_another_site(client: Client, engineer: User, elsewhere: str) -> None:
    assert sign_in(client, elsewhere) == "/investigations/"


def test_a_wrong_password_is_told_and_nobody_is_signed_in(client: Client, engineer: User) -> None:
    answer = client.post(reverse("sign-in"), {"username": "engineer", "password": "wrong"})
    assert "do not belong together" in answer.text
    assert client.get("/investigations/").status_code == 302


def test_somebody_who_left_cannot_sign_in(client: Client, deactivated: User) -> None:
    answer = client.post(reverse("sign-in"), {"username": "deactivated", "password": PASSWORD})
    assert answer.status_code == 200
    assert client.get("/investigations/").status_code == 302


def test_signing_out_ends_the_session_and_takes_a_post(window: Client) -> None:
    assert window.get(reverse("sign-out")).status_code == 405
    assert window.post(reverse("sign-out")).headers["Location"] == "/sign-in"
    assert window.get("/investigations/").status_code == 302


def test_the_first_address_leads_to_the_investigations(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/investigations/"


@pytest.mark.parametrize("path", ["/investigations", "/events", "/connectors"])
def test_a_missing_slash_is_no_error(client: Client, path: str) -> None:
    assert client.get(f"{path}?q=x").headers["Location"] == f"{path}/?q=x"


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(client: Client, case: Investigation) -> None:
    page = reverse("investigation", args=[case.pk])
    answer = client.post(
        reverse("note-write", args=[case.pk]), {}, headers={"referer": f"http://testserver{page}?event=1"}
    )
    assert answer.headers["Location"] == f"/sign-in?next={page}%3Fevent%3D1"


def test_a_part_asked_for_after_the_session_ended_says_so_in_words(client: Client, case: Investigation) -> None:
    answer = client.get(reverse("investigation", args=[case.pk]), headers={"hx-request": "true"})
    assert (answer.status_code, "session has ended" in answer.text) == (401, True)


def test_what_one_person_sees_is_kept_by_no_cache_for_another(browse: Browse, engineer: User) -> None:
    answer = browse(engineer).get("/investigations/")
    assert "private" in answer.headers["Cache-Control"]
    assert {"HX-Request", "Cookie"} <= {name.strip() for name in answer.headers["Vary"].split(",")}


def test_pages_allow_no_script_but_their_own(window: Client, case: Investigation) -> None:
    answer = window.get(reverse("investigation", args=[case.pk]))
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert answer.text.count("<script") == answer.text.count("<script src=") + answer.text.count('nonce="')
    assert " style=" not in answer.text
