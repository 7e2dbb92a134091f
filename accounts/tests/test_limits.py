"""How often one may ask: by token, by key, by address, and when signing in."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import credentials
from accounts.models import User
from accounts.tests.factories import PASSWORD
from accounts.tokens import RefreshToken

ME = "/api/v1/me"
SIGN_IN = "/api/v1/auth/token"
Api = Callable[..., APIClient]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limits(settings: Settings) -> Any:
    """Small ones, at a moment that stands still in the middle of a minute."""
    settings.RATE_LIMITS = {"user": 2, "engineer": 3, "admin": 0, "ingest": 4, "anonymous": 5, "sign_in": 2}
    with time_machine.travel(timezone.now().replace(second=30, microsecond=0), tick=False):
        yield


def statuses(client: Any, times: int, address: str = ME) -> list[int]:
    return [client.get(address).status_code for _ in range(times)]


def test_each_role_has_its_limit(api: Api, user: User, engineer: User, admin: User) -> None:
    assert statuses(api(user), 3) == [200, 200, 429]
    assert statuses(api(engineer), 4) == [200, 200, 200, 429]
    assert statuses(api(admin), 9) == [200] * 9


def test_each_token_is_counted_for_itself(api: Api, user: User) -> None:
    assert statuses(api(user), 3)[-1] == 429
    assert statuses(api(user), 1) == [200]


def test_a_refreshed_token_goes_on_where_the_one_before_stood(user: User) -> None:
    first = RefreshToken.for_user(user)
    second = credentials.rotate(refresh=str(first), now=timezone.now())
    client = APIClient()
    for token, expected in ((first, [200, 200]), (second, [429])):
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.access_token}")
        assert statuses(client, len(expected)) == expected


def test_a_refusal_is_a_problem_that_says_when_to_try_again(api: Api, user: User) -> None:
    client = api(user)
    first = client.get(ME)
    assert (first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"], first["X-RateLimit-Reset"]) == ("2", "1", "30")
    client.get(ME)
    refused = client.get(ME)
    assert refused.status_code == 429
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "throttled"
    assert refused.json()["detail"].startswith("2 requests a minute are allowed.")
    assert (refused["Retry-After"], refused["X-RateLimit-Remaining"]) == ("31", "0")


@pytest.mark.parametrize(("scope", "own", "limit"), [("ingest", None, 4), ("full", None, 3), ("ingest", 1, 1)])
def test_a_key_has_the_limit_of_its_scope_or_its_own(engineer: User, scope: str, own: int | None, limit: int) -> None:
    made = {"name": "x", "user": engineer, "scope": scope, "rate_limit": own}
    _, secret = credentials.create_key(**made, actor=None, now=timezone.now())  # type: ignore[arg-type]
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=secret)
    answers = [client.post("/api/v1/events", {"title": "x"}).status_code for _ in range(limit + 1)]
    assert answers == [201] * limit + [429]


def test_a_session_of_the_pages_is_not_counted(user: User) -> None:
    client = Client()
    client.force_login(user)
    assert statuses(client, 9) == [200] * 9
    assert "X-RateLimit-Limit" not in client.get(ME)


def test_who_is_not_known_is_counted_by_address() -> None:
    client = APIClient()
    answers = [client.post("/api/v1/auth/token/verify", {"token": "x"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[0]["X-RateLimit-Remaining"] == "4"
    other = client.post("/api/v1/auth/token/verify", {"token": "x"}, REMOTE_ADDR="192.0.2.1")
    assert other.status_code == 401


@pytest.mark.parametrize(("proxies", "last"), [(0, 429), (1, 401), (2, 429)])
def test_an_address_is_believed_of_our_own_proxies_alone(settings: Settings, proxies: int, last: int) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    for number in range(6):
        seen = f"198.51.100.7, 192.0.2.{number}"
        answer = APIClient().post("/api/v1/auth/token/verify", {"token": "x"}, headers={"X-Forwarded-For": seen})
    assert answer.status_code == last


def test_passwords_cannot_be_guessed_fast(engineer: User) -> None:
    def attempt(name: str, password: str) -> int:
        return int(APIClient().post(SIGN_IN, {"username": name, "password": password}).status_code)

    assert [attempt("engineer", "wrong"), attempt("Engineer", "wrong")] == [401, 401]
    assert attempt("engineer", PASSWORD) == 429  # right or wrong
    assert attempt("somebody", "wrong") == 401


@pytest.mark.parametrize("door", ["/sign-in", SIGN_IN])
def test_a_password_cannot_be_tried_on_many_names_fast(engineer: User, door: str) -> None:
    names = [*(f"somebody-{number}" for number in range(5)), "engineer"]
    said = [{"username": name, "password": PASSWORD} for name in names]
    answers = [APIClient().post(door, one, format="json" if door == SIGN_IN else "multipart") for one in said]
    assert answers[-1].status_code == 429
    assert 429 not in [answer.status_code for answer in answers[:-1]]
    elsewhere = Client(REMOTE_ADDR="192.0.2.1").post("/sign-in", said[-1])
    assert elsewhere.status_code == 302


def test_the_page_to_sign_in_counts_attempts_too(engineer: User) -> None:
    client = Client()
    for _ in range(2):
        assert client.post("/sign-in", {"username": "engineer", "password": "wrong"}).status_code == 200
    refused = client.post("/sign-in", {"username": "engineer", "password": PASSWORD})
    assert (refused.status_code, refused["Retry-After"]) == (429, "31")
    assert "try again in 31 seconds" in refused.content.decode()


def test_the_admin_is_no_way_around_the_count_of_attempts(admin: User) -> None:
    client = Client()
    answer = client.post("/admin/login/?next=/admin/", {"username": admin.username, "password": PASSWORD})
    assert answer.headers["Location"] == "/sign-in?next=/admin/"
    assert client.get("/admin/").status_code == 302


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_nobody_is_held_up(api: Api, user: User) -> None:
    assert statuses(api(user), 5) == [200] * 5
    answers = [APIClient().post(SIGN_IN, {"username": "user", "password": PASSWORD}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
