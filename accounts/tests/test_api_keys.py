"""API keys: long-lived credentials of programs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts import apikeys, credentials, services
from accounts.models import ApiKey, AuditEntry, Role, User
from accounts.tests.factories import ApiKeyFactory, UserFactory

KEYS = "/api/v1/api-keys"
ME = "/api/v1/me"
NEW_EVENT = {"title": "x"}
Api = Callable[..., APIClient]
pytestmark = pytest.mark.django_db


def made(person: User, scope: str = "full", **options: Any) -> tuple[ApiKey, str]:
    return credentials.create_key(name="a program", user=person, scope=scope, actor=None, now=timezone.now(), **options)


def with_key(secret: str, header: str = "Authorization") -> APIClient:
    client = APIClient()
    client.credentials(
        **{"HTTP_X_API_KEY": secret} if header == "X-API-Key" else {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    )
    return client


def test_a_key_is_shown_once_and_kept_as_its_digest(api: Api, engineer: User) -> None:
    answer = api(engineer).post(KEYS, {"name": "build server", "scope": "ingest"})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    secret = answer.json()["key"]
    assert secret.startswith("rca_")
    assert len(secret) == 47  # 256 bits
    key = ApiKey.objects.get()
    assert (key.digest, key.prefix) == (apikeys.digest(secret), secret[:12])
    assert secret not in str(api(engineer).get(KEYS).json())
    assert secret not in str(list(AuditEntry.objects.values()))
    assert AuditEntry.objects.get(target_type="apikey").change["scope"] == [None, "ingest"]


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_opens_the_api_for_the_person_it_acts_for(engineer: User, header: str) -> None:
    _, secret = made(engineer)
    for _ in range(2):
        assert with_key(secret, header).get(ME).json()["username"] == "engineer"


def test_an_ingest_key_tells_of_events_and_nothing_else(engineer: User) -> None:
    client = with_key(made(engineer, "ingest")[1])
    told = client.post("/api/v1/events", NEW_EVENT)
    assert told.status_code == 201
    refused = client.get(f"/api/v1/events/{told.json()['id']}")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert refused.json()["detail"] == "An API key with the scope ingest is not for this."
    assert client.get(ME).status_code == 403


def test_a_key_never_widens_what_the_person_may(user: User) -> None:
    refused = with_key(made(user)[1]).post("/api/v1/events", NEW_EVENT)
    assert (refused.status_code, refused.json()["detail"]) == (403, "The role user may not create event.")


def test_a_key_makes_no_key(engineer: User) -> None:
    refused = with_key(made(engineer)[1]).post(KEYS, {"name": "x", "scope": "full"})
    assert (refused.status_code, ApiKey.objects.count()) == (403, 1)


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
@pytest.mark.parametrize("wrong", ["rca_", "rca_\xff", "rca_" + "A" * 43, "x"])
def test_what_is_no_key_is_refused(header: str, wrong: str) -> None:
    answer = with_key(wrong, header).get(ME)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "deed",
    [
        lambda key: credentials.revoke_key(key=key, actor=None, now=timezone.now()),
        lambda key: services.deactivate(user=key.user),
    ],
    ids=["revocation", "deactivation of its person"],
)
def test_a_key_in_use_is_shut_out_at_once(deed: Callable[[ApiKey], None]) -> None:
    key, secret = made(UserFactory())
    assert with_key(secret).get(ME).status_code == 200
    deed(key)
    assert with_key(secret).get(ME).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_a_key_may_at_once_what_the_role_of_its_person_now_permits() -> None:
    person = UserFactory(role=Role.ENGINEER)
    client = with_key(made(person)[1])
    assert client.post("/api/v1/events", NEW_EVENT).status_code == 201
    services.set_role(user=person, role=Role.USER)
    assert client.post("/api/v1/events", NEW_EVENT).status_code == 403
    assert client.get(ME).json()["role"] == "user"


def test_a_key_expires_to_the_second_though_it_was_just_in_use(engineer: User) -> None:
    now = timezone.now()
    _, secret = made(engineer, expires_at=now + timedelta(hours=1))
    with time_machine.travel(now + timedelta(minutes=59, seconds=58)):
        assert with_key(secret).get(ME).status_code == 200
    with time_machine.travel(now + timedelta(hours=1)):
        assert with_key(secret).get(ME).status_code == 401


def test_a_key_in_use_costs_no_query_and_its_use_is_noted_once_a_minute(
    engineer: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key, secret = made(engineer)
    client = with_key(secret)
    with django_assert_num_queries(3):  # the key, whether it stands, that it is in use
        client.get(ME)
    with django_assert_num_queries(0):
        client.get(ME)
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    for seconds, noted in ((30, False), (61, True)):
        with time_machine.travel(first + timedelta(seconds=seconds)):
            credentials.mark_used(key=apikeys.KeyFacts(key.pk, key.user_id, None), now=timezone.now())
        key.refresh_from_db()
        assert (key.last_used_at != first) == noted


def test_people_see_and_revoke_their_own_keys_and_an_administrator_all(api: Api, admin: User, engineer: User) -> None:
    mine, foreign = ApiKeyFactory(user=engineer), ApiKeyFactory()
    assert [key["id"] for key in api(engineer).get(KEYS).json()["results"]] == [str(mine.pk)]
    assert api(engineer).delete(f"{KEYS}/{foreign.pk}").status_code == 404
    assert api(admin).get(KEYS).json()["count"] == 2
    for _ in range(2):
        assert api(admin).delete(f"{KEYS}/{foreign.pk}").status_code == 204
    foreign.refresh_from_db()
    assert foreign.revoked_at is not None
    assert AuditEntry.objects.get(verb="revoke").actor == admin


def test_an_administrator_makes_keys_for_others(api: Api, admin: User, engineer: User) -> None:
    body = {"name": "x", "scope": "ingest", "user": "engineer", "rate_limit": 5}
    answer = api(admin).post(KEYS, body)
    assert (answer.json()["user"], answer.json()["rate_limit"]) == (str(engineer.pk), 5)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "full"}, "name"),
        ({"name": "x" * 101, "scope": "full"}, "name"),
        ({"name": "x", "scope": "all"}, "scope"),
        ({"name": "x", "scope": "ingest"}, "scope"),  # the role user tells of no events
        ({"name": "x", "scope": "full", "user": "admin"}, "user"),
        ({"name": "x", "scope": "full", "rate_limit": 9}, "rate_limit"),
        ({"name": "x", "scope": "full", "rate_limit": -1}, "rate_limit"),
        ({"name": "x", "scope": "full", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "scope": "full", "expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
        ({"name": "x", "scope": "full", "digest": "x"}, "digest"),
    ],
)
def test_a_key_that_cannot_be_made_says_why(
    api: Api, admin: User, user: User, body: dict[str, Any], field: str
) -> None:
    answer = api(user).post(KEYS, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not ApiKey.objects.exists()


def test_the_list_of_keys_costs_the_same_queries_whatever_its_length(
    api: Api, admin: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ApiKeyFactory.create_batch(3)
    with django_assert_num_queries(2):  # who asks, and the page
        assert api(admin).get(KEYS).json()["count"] == 3


def test_a_key_is_made_and_revoked_on_the_command_line(engineer: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("api_key", "create", "build server", "--user", "engineer", "--days", "30")
    secret = capsys.readouterr().out.strip()
    assert with_key(secret).post("/api/v1/events", NEW_EVENT).status_code == 201
    call_command("api_key", "revoke", secret[:12])
    assert ApiKey.objects.get().revoked_at is not None


@pytest.mark.parametrize(
    "line",
    [
        ("create", "x", "--user", "nobody"),
        ("create", "x", "--user", "user"),
        ("revoke", "rca_xxxxxxxx"),
        ("create", "x", "--user", "user", "--scope", "read", "--days", "999999999"),
        ("create", "x", "--user", "user", "--scope", "read", "--days", "0"),
        ("create", "x", "--user", "user", "--scope", "read", "--rate", "-5"),
        ("create", "x", "--user", "user", "--scope", "read", "--rate", "99999999999"),
        ("create", "x" * 101, "--user", "user", "--scope", "read"),
    ],
    ids=[
        "nobody",
        "of no use",
        "no such key",
        "past the calendar",
        "over at once",
        "below none",
        "too often",
        "too long",
    ],
)
def test_the_command_line_says_what_is_wrong(user: User, line: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("api_key", *line)


def test_the_admin_makes_a_key_shows_it_once_and_revokes_it(admin: User, engineer: User) -> None:
    desk = Client()
    desk.force_login(admin)
    address = "/admin/accounts/apikey/"
    form = {"name": "build server", "user": str(engineer.pk), "scope": "ingest"}
    page = desk.post(f"{address}add/", form, follow=True).content.decode()
    key = ApiKey.objects.get()
    assert f"The key is {key.prefix}" in page
    assert key.user == engineer
    desk.post(address, {"action": "revoke", "_selected_action": [str(key.pk)]})
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert set(AuditEntry.objects.filter(actor=admin).values_list("verb", flat=True)) == {"create", "revoke"}


def test_the_admin_says_why_a_key_cannot_be_made(admin: User, user: User) -> None:
    desk = Client()
    desk.force_login(admin)
    form = {"name": "x", "user": str(user.pk), "scope": "ingest"}
    page = desk.post("/admin/accounts/apikey/add/", form, follow=True).content.decode()
    assert "may not create events" in page
    assert not ApiKey.objects.exists()
