"""Cross-site request forgery: nothing is changed for a browser that another site sends here."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import PASSWORD
from tests.security.routes import WRITES, Row, address_of, pages, patterns
from tests.test_api_roles import call

__all__ = ["call"]  # a fixture
pytestmark = pytest.mark.django_db
PAGES = sorted({(route, address_of(route, pattern)) for route, pattern in pages()})
# Doors that take no session: a token, a signature, or nothing at all proves who is there.
PROGRAMS = ("api/", "^api", "^hooks/", "^otlp/", "unsubscribe/")


def test_the_table_holds_every_page() -> None:
    assert len(PAGES) > 100  # the admin's among them
    assert {"/sign-in", "/sign-out", "/investigations/new", "/admin/login/"} <= {address for _, address in PAGES}


@pytest.mark.parametrize("address", [address for _, address in PAGES])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_page_refuses_what_brings_no_token(address: str, method: str, admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    answer = getattr(client, method)(address, {"title": "x"} if method == "post" else "")
    assert answer.status_code == 403


@pytest.mark.parametrize("row", WRITES, ids=lambda row: f"{row[1]} {row[0]}")
def test_the_api_refuses_a_session_that_brings_no_token(row: Row, call: Any, admin: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(admin)
    assert call(row, client, admin) == 403


def test_no_door_but_those_of_programs_is_exempt() -> None:
    exempt = {route for route, pattern in patterns() if getattr(pattern.callback, "csrf_exempt", False)}
    assert exempt  # else this looks at nothing
    assert {route for route in exempt if not route.startswith(PROGRAMS)} == set()


def test_a_token_from_another_site_is_refused_where_the_origin_is_told(admin: User, settings: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get("/sign-in")
    token = page.context["csrf_token"]
    form = {"username": admin.username, "password": PASSWORD, "csrfmiddlewaretoken": str(token)}
    assert client.post("/sign-in", form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/sign-in", form, headers={"Origin": "http://testserver"}).status_code == 302


def test_the_cookies_of_a_session_are_not_sent_along_by_other_sites(client: Client, admin: User) -> None:
    client.post("/sign-in", {"username": admin.username, "password": PASSWORD})
    session = client.cookies["sessionid"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")


def test_a_read_changes_nothing_that_a_picture_of_another_site_could_ask_for(client: Client, admin: User) -> None:
    client.force_login(admin)
    assert client.get("/sign-out").status_code == 405
    assert client.get("/investigations/").status_code == 200
