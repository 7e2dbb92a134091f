"""Signing in, staying signed in and signing out over the API."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts import keys, services
from accounts.models import AuditEntry, User
from accounts.tests.factories import PASSWORD
from accounts.tokens import AccessToken

pytestmark = pytest.mark.django_db
ME = "/api/v1/me"
Api = Callable[..., APIClient]


@pytest.fixture
def outsider() -> APIClient:
    return APIClient()


def sign_in(client: APIClient, person: User) -> dict[str, str]:
    response = client.post("/api/v1/auth/token", {"username": person.username, "password": PASSWORD})
    assert response.status_code == 200, response.json()
    pair: dict[str, str] = response.json()
    return pair


def me(client: APIClient, token: str) -> Any:
    return client.get(ME, headers={"Authorization": f"Bearer {token}"})


def test_a_password_gives_a_pair_of_tokens_that_open_the_api(outsider: APIClient, engineer: User) -> None:
    response = outsider.post("/api/v1/auth/token", {"username": "engineer", "password": PASSWORD})
    assert set(response.json()) == {"access", "refresh"}
    assert response["Cache-Control"] == "no-store"
    answer = me(outsider, response.json()["access"])
    assert answer.json() == {
        "id": str(engineer.pk),
        "username": "engineer",
        "name": "",
        "email": "engineer@example.org",
        "role": "engineer",
    }
    engineer.refresh_from_db()
    assert engineer.last_login is not None


def test_signing_in_stands_in_the_audit_trail(outsider: APIClient, engineer: User) -> None:
    sign_in(outsider, engineer)
    entry = AuditEntry.objects.get(verb="sign in")
    assert (entry.actor, entry.change) == (engineer, {"by": [None, "password, over the API"]})


@pytest.mark.parametrize(
    ("username", "password"), [("engineer", "wrong"), ("nobody", PASSWORD), ("deactivated", PASSWORD)]
)
def test_a_wrong_password_and_a_person_who_left_are_refused_alike(
    outsider: APIClient, engineer: User, deactivated: User, username: str, password: str
) -> None:
    response = outsider.post("/api/v1/auth/token", {"username": username, "password": password})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert response.json()["detail"] == "No active account has this username and password."


@pytest.mark.parametrize("door", ["token", "token/refresh", "token/verify", "logout"])
def test_a_body_without_its_field_is_refused_by_name(outsider: APIClient, door: str) -> None:
    response = outsider.post(f"/api/v1/auth/{door}", {"tokn": "x"})
    assert response.status_code == 400
    assert "tokn" in response.json()["errors"]


@pytest.mark.parametrize("door", ["token/refresh", "token/verify", "logout"])
@pytest.mark.parametrize("token", ["x", "a.b.c", "\N{SNOWMAN}", "e30.e30."])
def test_what_is_no_token_is_refused(outsider: APIClient, door: str, token: str) -> None:
    field = "token" if door == "token/verify" else "refresh"
    response = outsider.post(f"/api/v1/auth/{door}", {field: token})
    assert (response.status_code, response.json()["code"]) == (401, "bad_token")
    assert response["WWW-Authenticate"]


def test_a_refresh_token_gives_a_new_pair_once(outsider: APIClient, engineer: User) -> None:
    first = sign_in(outsider, engineer)
    second = outsider.post("/api/v1/auth/token/refresh", {"refresh": first["refresh"]})
    assert second.status_code == 200
    assert me(outsider, second.json()["access"]).status_code == 200
    again = outsider.post("/api/v1/auth/token/refresh", {"refresh": first["refresh"]})
    assert (again.status_code, again.json()["code"]) == (401, "bad_token")


def test_a_new_role_asks_for_a_new_sign_in_whose_tokens_carry_it(outsider: APIClient, engineer: User) -> None:
    first = sign_in(outsider, engineer)
    services.set_role(user=engineer, role="user")
    assert me(outsider, first["access"]).status_code == 401
    assert outsider.post("/api/v1/auth/token/refresh", {"refresh": first["refresh"]}).status_code == 401
    second = sign_in(outsider, engineer)
    assert jwt.decode(second["access"], options={"verify_signature": False})["role"] == "user"


def test_signing_out_makes_the_refresh_token_worthless_and_may_be_repeated(outsider: APIClient, engineer: User) -> None:
    pair = sign_in(outsider, engineer)
    for _ in range(2):
        assert outsider.post("/api/v1/auth/logout", {"refresh": pair["refresh"]}).status_code == 204
    assert outsider.post("/api/v1/auth/token/refresh", {"refresh": pair["refresh"]}).status_code == 401
    assert outsider.post("/api/v1/auth/token/verify", {"token": pair["refresh"]}).status_code == 401


def test_verify_tells_good_tokens_from_bad(outsider: APIClient, engineer: User) -> None:
    pair = sign_in(outsider, engineer)
    for token in pair.values():
        assert outsider.post("/api/v1/auth/token/verify", {"token": token}).status_code == 200
    services.deactivate(user=engineer)
    for token in pair.values():
        assert outsider.post("/api/v1/auth/token/verify", {"token": token}).status_code == 401


def test_a_person_who_leaves_is_shut_out_at_once(outsider: APIClient, engineer: User) -> None:
    pair = sign_in(outsider, engineer)
    services.deactivate(user=engineer)
    assert me(outsider, pair["access"]).status_code == 401
    assert outsider.post("/api/v1/auth/token/refresh", {"refresh": pair["refresh"]}).status_code == 401


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(outsider: APIClient, engineer: User) -> None:
    pair = sign_in(outsider, engineer)
    assert me(outsider, pair["refresh"]).status_code == 401
    assert outsider.post("/api/v1/auth/token/refresh", {"refresh": pair["access"]}).status_code == 401
    assert outsider.post("/api/v1/auth/logout", {"refresh": pair["access"]}).status_code == 401


def test_an_access_token_is_good_for_a_day(outsider: APIClient, engineer: User) -> None:
    access = sign_in(outsider, engineer)["access"]
    with time_machine.travel(timezone.now() + timedelta(hours=23, minutes=59)):
        assert me(outsider, access).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1)):
        expired = me(outsider, access)
    assert (expired.status_code, expired["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


def test_a_token_says_who_and_which_key(engineer: User) -> None:
    token = str(AccessToken.for_user(engineer))
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["kid"]) == ("RS256", keys.key_id())
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["role"], claims["token_type"]) == (str(engineer.pk), "engineer", "access")


def test_the_published_key_verifies_our_tokens(outsider: APIClient, engineer: User) -> None:
    response = outsider.get("/.well-known/jwks.json")
    assert "max-age" in response["Cache-Control"]
    (key,) = response.json()["keys"]
    assert set(key) == {"kty", "n", "e", "use", "alg", "kid"}  # nothing of the private half
    token = str(AccessToken.for_user(engineer))
    verified = jwt.decode(token, jwt.PyJWK(key), algorithms=["RS256"])
    assert verified["sub"] == str(engineer.pk)


def test_the_keys_id_is_its_thumbprint(outsider: APIClient) -> None:
    (key,) = outsider.get("/.well-known/jwks.json").json()["keys"]
    canonical = json.dumps({name: key[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
    assert key["kid"] == segment(hashlib.sha256(canonical.encode()).digest())


def forged(kind: str, engineer: User) -> str:
    """Return a token that is right in everything but its signature."""
    claims = AccessToken.for_user(engineer).payload
    kid = {"kid": keys.key_id()}
    if kind == "another key":
        stranger = generate_private_key(public_exponent=65537, key_size=2048)
        return jwt.encode(claims, stranger, algorithm="RS256", headers=kid)
    header, body, signature = jwt.encode(claims, keys.private_key(), algorithm="RS256", headers=kid).split(".")
    if kind == "changed claims":
        return f"{header}.{segment(json.dumps(claims | {'role': 'admin'}).encode())}.{signature}"
    if kind == "no signature":
        return f"{segment(json.dumps(kid | {'alg': 'none', 'typ': 'JWT'}).encode())}.{body}."
    # The public key, which everybody knows, used as the secret of a symmetric algorithm.
    said = f"{segment(json.dumps(kid | {'alg': 'HS256', 'typ': 'JWT'}).encode())}.{body}"
    public = keys.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{said}.{segment(hmac.digest(public, said.encode(), 'sha256'))}"


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@pytest.mark.parametrize("kind", ["another key", "no signature", "public key as a secret", "changed claims"])
def test_a_forged_token_opens_nothing(outsider: APIClient, engineer: User, kind: str) -> None:
    token = forged(kind, engineer)
    assert me(outsider, token).status_code == 401
    assert outsider.post("/api/v1/auth/token/verify", {"token": token}).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "Bearer \xff", "Basic YTpi", "bearer x"])
def test_a_header_that_is_no_bearer_token_is_401(outsider: APIClient, header: str) -> None:
    assert outsider.get(ME, headers={"Authorization": header}).status_code == 401


def test_a_session_of_the_pages_opens_the_api_and_a_change_needs_its_token(engineer: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(engineer)
    assert client.get(ME).status_code == 200
    refused = client.post("/api/v1/events", {"title": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


def test_knowing_who_asks_costs_one_query(
    api: Api, engineer: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = api(engineer)
    with django_assert_num_queries(1):
        client.get(ME)


@pytest.fixture
def _forgotten_keys() -> Any:
    yield
    for remembered in (keys.private_key, keys.public_key, keys.key_id, keys.verifying):
        remembered.cache_clear()


@pytest.mark.usefixtures("_forgotten_keys")
def test_the_key_of_the_environment_comes_before_the_one_on_disk(settings: Settings) -> None:
    mine = generate_private_key(public_exponent=65537, key_size=2048)
    pem = mine.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    settings.JWT_PRIVATE_KEY = pem
    keys.private_key.cache_clear()
    assert keys.private_key().public_key() == mine.public_key()


@pytest.mark.usefixtures("_forgotten_keys")
def test_a_key_is_made_once_for_its_owner_alone(settings: Settings, tmp_path: Any) -> None:
    settings.DATA_DIR, settings.JWT_PRIVATE_KEY = tmp_path, ""
    keys.private_key.cache_clear()
    first = keys.private_key()
    keys.private_key.cache_clear()
    assert keys.private_key().public_key() == first.public_key()
    assert (tmp_path / "keys" / "jwt-private.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("_forgotten_keys")
@pytest.mark.parametrize("wrong", ["nonsense", "small"])
def test_a_key_that_will_not_do_names_its_variable(settings: Settings, wrong: str) -> None:
    if wrong == "small":
        small = generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is the point
        wrong = small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    settings.JWT_PRIVATE_KEY = wrong
    keys.private_key.cache_clear()
    with pytest.raises(ImproperlyConfigured, match="JWT_PRIVATE_KEY"):
        keys.private_key()
