"""Tokens that are worthless before their time: at once, after every restart, and whatever becomes of Redis."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts import credentials, factors, keys, secondfactor, services, standing, tasks, tokens
from accounts.api import views
from accounts.models import AuditEntry, RevokedToken, Role, User
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tokens import AccessToken, RefreshToken
from rcaplatform.kit.redisclient import client

ME = "/api/v1/me"
PUBLIC = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
LIST_OF_BEFORE = """
CREATE TABLE token_blacklist_outstandingtoken (id bigserial, user_id uuid, jti text, expires_at timestamptz);
CREATE TABLE token_blacklist_blacklistedtoken (id bigserial, token_id bigint, blacklisted_at timestamptz);
INSERT INTO token_blacklist_outstandingtoken (user_id, jti, expires_at) VALUES (%(user)s, %(jti)s, now() + '1 day');
INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at)
    SELECT id, now() FROM token_blacklist_outstandingtoken;
"""
Api = Callable[..., APIClient]
pytestmark = pytest.mark.django_db


@pytest.fixture
def outsider() -> APIClient:
    return APIClient()


def pair_of(person: User) -> dict[str, str]:
    refresh = RefreshToken.for_user(person)
    return {"refresh": str(refresh), "access": str(refresh.access_token)}


def opens(token: str, header: str = "Authorization") -> bool:
    """Return whether a token opens the API."""
    said = f"Bearer {token}" if header == "Authorization" else token
    status = APIClient().get(ME, headers={header: said}).status_code
    assert status in {200, 401}
    return status == 200


def forget_keys() -> None:
    for remembered in (keys.private_key, keys.public_key, keys.key_id, keys.verifying):
        remembered.cache_clear()


def said(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


# Committed for real, so that what happens after a commit happens.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "deed",
    [
        lambda user: services.deactivate(user=user),
        lambda user: services.set_role(user=user, role=Role.USER),
        lambda user: services.set_password(user=user, password="another long password"),
        lambda user: credentials.revoke_all(user=user, reason="", api_keys=False, actor=user, now=timezone.now()),
    ],
    ids=["deactivation", "another role", "another password", "revocation of all"],
)
def test_a_token_in_use_is_shut_out_at_once(deed: Callable[[User], None]) -> None:
    person = UserFactory(role=Role.ENGINEER)
    pair = pair_of(person)
    assert opens(pair["access"])
    assert opens(pair["access"])  # by the verdict that is remembered now
    deed(person)
    assert not opens(pair["access"])
    with pytest.raises(tokens.BadToken):
        credentials.rotate(refresh=pair["refresh"], now=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_a_person_who_comes_back_signs_in_anew() -> None:
    person = UserFactory()
    token = pair_of(person)["access"]
    services.deactivate(user=person)
    services.reactivate(user=person)
    assert not opens(token)
    assert opens(pair_of(person)["access"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("carrying", ["refresh", "access", "both"])
def test_signing_out_ends_the_sign_in_and_no_other(carrying: str) -> None:
    person = UserFactory()
    first, other = pair_of(person), pair_of(person)
    rotated = credentials.rotate(refresh=first["refresh"], now=timezone.now())
    later = {"refresh": str(rotated), "access": str(rotated.access_token)}
    assert all(opens(pair["access"]) for pair in (first, later, other))
    body = {} if carrying == "access" else {"refresh": later["refresh"]}
    headers = {} if carrying == "refresh" else {"Authorization": f"Bearer {first['access']}"}
    for _ in range(2):
        assert APIClient().post("/api/v1/auth/logout", body, headers=headers).status_code == 204
    assert [opens(pair["access"]) for pair in (first, later, other)] == [False, False, True]
    with pytest.raises(tokens.BadToken):
        credentials.rotate(refresh=later["refresh"], now=timezone.now())
    assert AuditEntry.objects.get(verb="sign out").actor == person


@pytest.mark.django_db(transaction=True)
def test_a_refresh_token_that_comes_again_ends_its_sign_in_and_no_other() -> None:
    person = UserFactory()
    first, other = pair_of(person), pair_of(person)
    later = credentials.rotate(refresh=first["refresh"], now=timezone.now())
    with pytest.raises(tokens.BadToken):
        credentials.rotate(refresh=first["refresh"], now=timezone.now() + timedelta(minutes=1))
    assert [opens(str(later.access_token)), opens(other["access"])] == [False, True]
    assert AuditEntry.objects.get(verb="end sign-in").target_id == str(person.pk)


@pytest.mark.django_db(transaction=True)
def test_a_refresh_token_sent_twice_in_a_moment_is_refused_and_harms_nobody() -> None:
    first = pair_of(UserFactory())
    later = credentials.rotate(refresh=first["refresh"], now=timezone.now())
    with pytest.raises(tokens.BadToken):
        credentials.rotate(refresh=first["refresh"], now=timezone.now())
    assert opens(str(later.access_token))


def test_signing_out_with_nothing_says_what_is_missing(outsider: APIClient) -> None:
    answer = outsider.post("/api/v1/auth/logout", {})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["refresh"])


def test_a_revoked_access_token_does_not_pass_for_good(outsider: APIClient, engineer: User) -> None:
    access = pair_of(engineer)["access"]
    assert outsider.post("/api/v1/auth/token/verify", {"token": access}).status_code == 200
    credentials.sign_out(access=access, now=timezone.now())
    answer = outsider.post("/api/v1/auth/token/verify", {"token": access})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")


@pytest.mark.parametrize("lost", ["the cache", "the scripts", "what a process knew"])
def test_a_revocation_survives_loss(engineer: User, lost: str) -> None:
    access = pair_of(engineer)["access"]
    credentials.sign_out(access=access, now=timezone.now())
    assert not opens(access)
    if lost == "the cache":
        cache.clear()
    elif lost == "the scripts":
        client().script_flush()
    else:
        tokens._verified.clear()
    assert not opens(access)


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_the_database_is_asked(engineer: User) -> None:
    good, bad = pair_of(engineer)["access"], pair_of(engineer)["access"]
    credentials.sign_out(access=bad, now=timezone.now())
    for _ in range(2):
        assert opens(good)
        assert not opens(bad)


@pytest.mark.django_db(transaction=True)
def test_an_answer_older_than_a_revocation_is_not_remembered_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    person = UserFactory()
    access = pair_of(person)["access"]
    read, go_on = threading.Event(), threading.Event()
    ask_database = standing.looked_up

    def slowly(credential: Any) -> standing.Verdict:
        verdict = ask_database(credential)
        read.set()
        assert go_on.wait(10)
        return verdict

    def ask() -> None:
        standing.admitted(tokens.read(access))
        connection.close()

    monkeypatch.setattr(standing, "looked_up", slowly)
    reader = threading.Thread(target=ask)
    reader.start()
    assert read.wait(10)
    credentials.sign_out(access=access, now=timezone.now())
    go_on.set()
    reader.join()
    assert not opens(access)


def test_an_answer_that_took_long_is_not_remembered(
    engineer: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(standing, "SLOW", -1)
    access = pair_of(engineer)["access"]
    for _ in range(2):
        with django_assert_num_queries(1):
            assert opens(access)


@pytest.mark.django_db(transaction=True)
def test_what_is_known_of_a_person_follows_them(outsider: APIClient) -> None:
    person = UserFactory()
    headers = {"Authorization": f"Bearer {pair_of(person)['access']}"}
    assert outsider.get(ME, headers=headers).json()["name"] == ""
    services.edit_profile(user=person, first_name="Ada")
    assert outsider.get(ME, headers=headers).json()["name"] == "Ada"


def test_a_token_seen_before_costs_no_query_and_its_signature_is_checked_once(
    engineer: User, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = pair_of(engineer)["access"]
    with django_assert_num_queries(1):
        assert opens(access)
    monkeypatch.setattr(keys, "verifying", lambda: pytest.fail("checked again"))
    with django_assert_num_queries(0):
        assert opens(access)


def test_what_a_process_remembers_of_a_token_ends_with_it(engineer: User) -> None:
    access = pair_of(engineer)["access"]
    assert opens(access)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert not opens(access)


@pytest.mark.parametrize("way", ["the command line", "SQL by hand"])
def test_the_database_itself_shuts_tokens_out(engineer: User, way: str) -> None:
    access = pair_of(engineer)["access"]
    if way == "SQL by hand":
        User.objects.filter(pk=engineer.pk).update(password="!")
    else:
        person = User.objects.get(pk=engineer.pk)
        person.set_password("x")
        person.save()
    assert not opens(access)


def test_a_stale_row_written_back_revives_nothing(engineer: User) -> None:
    stale = User.objects.get(pk=engineer.pk)
    access = pair_of(engineer)["access"]
    credentials.revoke_all(user=engineer, reason="", api_keys=False, actor=engineer, now=timezone.now())
    stale.first_name = "Ada"
    stale.save()
    assert not opens(access)


def test_a_password_hashed_anew_at_sign_in_does_not_spoil_the_pair(
    outsider: APIClient, engineer: User, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", *settings.PASSWORD_HASHERS]
    answer = outsider.post("/api/v1/auth/token", {"username": "engineer", "password": PASSWORD})
    assert opens(answer.json()["access"])


@pytest.mark.parametrize("change", ["password", "second factor"])
def test_what_was_proved_before_the_account_changed_gives_no_token(
    outsider: APIClient, engineer: User, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    mine = User.objects.get(pk=engineer.pk)

    def meanwhile(**said: Any) -> Any:
        found = authenticate(**said)
        services.set_password(user=mine, password="another long password")
        return found

    def is_on(person: User) -> bool:
        now = timezone.now()
        secret = secondfactor.new_secret()
        step = int(now.timestamp()) // secondfactor.PERIOD
        secondfactor.turn_on(user=mine, secret=secret, code=format_hotp_value(hotp_value(secret, step)), now=now)
        return False

    if change == "password":
        monkeypatch.setattr(views, "authenticate", meanwhile)
    else:
        monkeypatch.setattr(factors, "is_on", is_on)
    answer = outsider.post("/api/v1/auth/token", {"username": "engineer", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")


def test_a_token_of_somebody_whom_a_restored_backup_does_not_know_is_refused_in_words(
    outsider: APIClient, api: Api, admin: User
) -> None:
    stranger = User(username="newer", role=Role.USER)
    pair = pair_of(stranger)
    assert outsider.post("/api/v1/auth/logout", {"refresh": pair["refresh"]}).status_code == 401
    refused = api(admin).post("/api/v1/admin/tokens/revoke", {"token": pair["access"]})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["token"])


def test_a_token_of_the_release_before_is_good(engineer: User) -> None:
    token = AccessToken.for_user(engineer)
    del token["sid"], token["gen"]
    assert opens(str(token))
    credentials.sign_out(access=str(token), now=timezone.now())
    cache.clear()
    assert not opens(str(token))


def test_an_administrator_revokes_a_token_and_sees_it_listed(api: Api, admin: User, engineer: User) -> None:
    pair = pair_of(engineer)
    desk = api(admin)
    for _ in range(2):
        answer = desk.post("/api/v1/admin/tokens/revoke", {"token": pair["access"], "reason": "lost laptop"})
        assert answer.status_code == 201
    row = answer.json()
    assert (row["jti"], row["user"]) == (said(pair["access"])["jti"], str(engineer.pk))
    assert (row["reason"], row["revoked_by"]) == ("lost laptop", str(admin.pk))
    assert not opens(pair["access"])
    with pytest.raises(tokens.BadToken):
        credentials.rotate(refresh=pair["refresh"], now=timezone.now())
    listed = desk.get("/api/v1/admin/tokens/revoked").json()["results"]
    assert {entry["jti"] for entry in listed} == {said(pair["access"])["jti"], said(pair["access"])["sid"]}
    assert desk.get("/api/v1/admin/tokens/revoked?user=engineer").json()["count"] == 2
    assert desk.get("/api/v1/admin/tokens/revoked?user=admin").json()["count"] == 0
    assert AuditEntry.objects.filter(verb="revoke", actor=admin, target_type="revokedtoken").count() == 2


@pytest.mark.parametrize("named", ["jti", "sid"])
def test_an_administrator_revokes_by_id(api: Api, admin: User, engineer: User, named: str) -> None:
    access = pair_of(engineer)["access"]
    answer = api(admin).post("/api/v1/admin/tokens/revoke", {"jti": said(access)[named]})
    assert answer.status_code == 201
    assert not opens(access)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "token"),
        ({"token": "x", "jti": "0123456789"}, "token"),
        ({"token": "x"}, "token"),
        ({"jti": "x y"}, "jti"),
        ({"jti": "0123456789", "reason": "x" * 201}, "reason"),
        ({"jti": "0123456789", "why": "x"}, "why"),
    ],
)
def test_what_cannot_be_revoked_is_named(api: Api, admin: User, body: dict[str, str], field: str) -> None:
    answer = api(admin).post("/api/v1/admin/tokens/revoke", body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not RevokedToken.objects.exists()


@pytest.mark.parametrize("api_keys", [True, False])
def test_an_administrator_shuts_a_person_out(api: Api, admin: User, engineer: User, api_keys: bool) -> None:
    access = pair_of(engineer)["access"]
    _, secret = credentials.create_key(name="x", user=engineer, scope="full", actor=None, now=timezone.now())
    address = f"/api/v1/admin/users/{engineer.pk}/revoke-tokens"
    assert api(admin).post(address, {"reason": "left", "api_keys": api_keys}).status_code == 204
    assert (opens(access), opens(secret)) == (False, not api_keys)
    assert AuditEntry.objects.get(verb="revoke tokens").change == {"reason": [None, "left"]}


@pytest.mark.parametrize("unknown", ["x", "01234567-89ab-7def-8123-456789abcdef"])
def test_nobody_with_this_id_is_404(api: Api, admin: User, unknown: str) -> None:
    assert api(admin).post(f"/api/v1/admin/users/{unknown}/revoke-tokens", {}).status_code == 404


def test_the_list_of_revoked_tokens_costs_the_same_queries_whatever_its_length(
    api: Api, admin: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        credentials.sign_out(access=pair_of(UserFactory())["access"], now=timezone.now())
    with django_assert_num_queries(2):  # who asks, and the page
        assert api(admin).get("/api/v1/admin/tokens/revoked").json()["count"] == 3


def test_what_has_expired_is_forgotten_and_the_rest_is_not(engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "BATCH", 2)
    now = timezone.now()
    for number in range(5):
        RevokedToken.objects.create(jti=f"old-{number}", expires_at=now - timedelta(seconds=1))
    RevokedToken.objects.create(jti="new", expires_at=now + timedelta(days=1))
    tasks.flush_tokens()
    assert [row.jti for row in RevokedToken.objects.all()] == ["new"]


def test_a_retired_key_is_good_until_its_tokens_are_over(engineer: User, settings: Any) -> None:
    access = pair_of(engineer)["access"]
    tokens._verified.clear()
    pem = keys.public_key().public_bytes(*PUBLIC)
    settings.JWT_RETIRED_KEYS = pem.decode()
    settings.JWT_PRIVATE_KEY = keys._generate()
    forget_keys()
    try:
        assert opens(access)
        assert opens(pair_of(engineer)["access"])
        assert len(APIClient().get("/.well-known/jwks.json").json()["keys"]) == 2
    finally:
        forget_keys()
        tokens._verified.clear()


@pytest.mark.django_db(transaction=True)
def test_what_the_release_before_revoked_stays_revoked() -> None:
    person = UserFactory()
    token = RefreshToken.for_user(person)
    with connection.cursor() as cursor:
        try:
            call_command("migrate", "accounts", "0003", verbosity=0)
            cursor.execute(LIST_OF_BEFORE, {"user": person.pk, "jti": token["jti"]})
            call_command("migrate", "accounts", verbosity=0)
        finally:
            call_command("migrate", "accounts", verbosity=0)
            cursor.execute("DROP TABLE IF EXISTS token_blacklist_blacklistedtoken, token_blacklist_outstandingtoken")
    with pytest.raises(tokens.BadToken):
        credentials.rotate(refresh=str(token), now=timezone.now())
