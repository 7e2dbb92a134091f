"""Single sign-on, against a real provider on loopback; and what of a provider's answers is not believed."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings as configured
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import audit, identities, services
from accounts.claims import Provider
from accounts.models import AuditEntry, Role, User
from accounts.tests.factories import PASSWORD, UserFactory, give_second_factor
from connectors.tests.peers import Asked, Peer, Reply
from frontend import oidc
from frontend.tests.conftest import Browse
from rcaplatform.kit.errors import Conflict

pytestmark = pytest.mark.django_db
BEGIN, BACK = "/sign-in/oidc", "/sign-in/oidc/callback"
ADA: dict[str, Any] = {
    "email": "ada@example.org",
    "email_verified": True,
    "given_name": "Ada",
    "family_name": "Lovelace",
}


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """An OpenID Connect provider in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while not listens(port):
                assert time.monotonic() < deadline, "The provider does not start."
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture
def named(issuer: str, settings: Settings) -> Provider:
    """The provider as this installation knows it."""
    settings.OIDC = Provider(issuer=issuer, client_id="rca:web", client_secret="s/ecret", name="Example ID")
    oidc._documents.clear()
    provider: Provider = settings.OIDC
    return provider


def begin(client: Client, onward: str = "") -> str:
    """Click on the button and return where that leads."""
    answer = client.get(BEGIN, {"next": onward})
    assert answer.status_code == 302, answer.content
    return str(answer.headers["Location"])


def there(address: str, subject: str, **claims: Any) -> str:
    """Sign in at the provider and return where it sends one back to."""
    place = urlsplit(address)
    httpx.put(f"{place.scheme}://{place.netloc}/users/{subject}", json=claims).raise_for_status()
    answer = httpx.post(address, data={"sub": subject})
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def sign_in(client: Client, subject: str = "ada-1", onward: str = "", **claims: Any) -> HttpResponseBase:
    return client.get(there(begin(client, onward), subject, **(claims or ADA)))


def is_in(client: Client) -> bool:
    return client.get("/investigations/").status_code == 200


@pytest.mark.usefixtures("named")
def test_who_comes_for_the_first_time_is_let_in_as_a_user_without_a_password(client: Client) -> None:
    answer = sign_in(client, preferred_username="ada", onward="/events/?q=x", **ADA)
    assert answer.headers["Location"] == "/events/?q=x"
    assert is_in(client)
    person = User.objects.get(username="ada")
    assert (person.role, person.email, person.get_full_name()) == (Role.USER, "ada@example.org", "Ada Lovelace")
    assert not person.has_usable_password()
    told = AuditEntry.objects.filter(target_id=str(person.pk)).order_by("id").values_list("verb", flat=True)
    assert list(told) == ["create", "link identity", "sign in"]
    assert AuditEntry.objects.get(verb="sign in").change == {"by": [None, "single sign-on"]}


@pytest.mark.usefixtures("named")
def test_the_provider_answers_for_a_second_factor_that_a_role_must_have(client: Client, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = frozenset({Role.USER})
    sign_in(client)
    assert is_in(client)


@pytest.mark.usefixtures("named")
def test_who_comes_again_is_the_same_person_whatever_they_are_called_by_then(client: Client) -> None:
    sign_in(client)
    sign_in(Client(), preferred_username="somebody-else", email="new@example.org")
    assert User.objects.get().last_login is not None
    assert SocialAccount.objects.get().extra_data == {}
    assert not SocialToken.objects.exists()


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("verified", [True, False, None])
def test_neither_a_name_nor_an_address_leads_to_somebody_elses_account(client: Client, verified: bool | None) -> None:
    victim = UserFactory(username="admin", email="admin@example.org", role=Role.ADMIN)
    claims: dict[str, Any] = {"preferred_username": "Admin", "email": victim.email} | (
        {} if verified is None else {"email_verified": verified}
    )
    sign_in(client, "mallory", **claims)
    newcomer = User.objects.exclude(pk=victim.pk).get()
    assert (newcomer.username, newcomer.role) == ("Admin-2", Role.USER)
    assert client.session["_auth_user_id"] == str(newcomer.pk)
    assert newcomer.email == ("" if verified is False else victim.email)


def test_the_same_subject_of_another_issuer_is_somebody_else(client: Client, named: Provider) -> None:
    stranger = UserFactory()
    SocialAccount.objects.create(user=stranger, provider="https://other.example.org", uid="ada-1")
    sign_in(client)
    assert client.session["_auth_user_id"] != str(stranger.pk)


@pytest.mark.usefixtures("named")
def test_who_was_deactivated_is_refused(client: Client) -> None:
    sign_in(client)
    services.deactivate(user=User.objects.get())
    again = Client()
    refused = sign_in(again)
    assert (refused.status_code, "switched off" in str(getattr(refused, "text", ""))) == (403, True)
    assert not is_in(again)
    assert not is_in(client)


def test_a_claim_gives_the_role_each_time_one_signs_in(named: Provider, settings: Settings) -> None:
    settings.OIDC = replace(named, role_claim="groups", admins=("ops",), engineers=("dev",))
    for groups, role in ((["ops", "dev"], Role.ADMIN), (["dev"], Role.ENGINEER), ([], Role.USER)):
        UserFactory(role=Role.ADMIN)  # so that it is not the last who is demoted
        client = Client()
        sign_in(client, groups=groups)
        person = User.objects.get(username="ada-1")
        assert (person.role, person.is_superuser) == (role, role == Role.ADMIN)
        assert is_in(client)


def test_the_last_administrator_stays_one(named: Provider, settings: Settings) -> None:
    settings.OIDC = replace(named, role_claim="groups", admins=("ops",))
    sign_in(Client(), groups=["ops"])
    sign_in(Client(), groups=[])
    assert User.objects.get().role == Role.ADMIN


def test_who_gets_no_role_or_has_no_address_that_is_let_in_is_not_made(
    client: Client, named: Provider, settings: Settings
) -> None:
    for provider in (replace(named, default_role=""), replace(named, domains=("example.com",))):
        settings.OIDC = provider
        assert sign_in(client).status_code == 403
    assert not User.objects.exists()


@pytest.mark.usefixtures("named")
def test_who_has_a_second_factor_is_asked_for_it_here_too(client: Client) -> None:
    sign_in(client)
    give_second_factor(User.objects.get(), timezone.now())
    again = Client()
    assert sign_in(again, onward="/events/").headers["Location"] == "/sign-in/code?next=%2Fevents%2F"
    assert not is_in(again)


def test_the_way_there_carries_state_nonce_and_a_pkce_challenge(client: Client, named: Provider) -> None:
    asked = parse_qs(urlsplit(begin(client)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert all(len(asked[name][0]) >= 16 for name in ("state", "nonce", "code_challenge"))
    assert asked["redirect_uri"] == [f"http://127.0.0.1:8000{BACK}"]
    assert set(asked["scope"][0].split()) == {"openid", "profile", "email"}


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("where", ["another browser", "a made-up state", "no state", "the same twice"])
def test_who_did_not_begin_here_is_refused(client: Client, where: str) -> None:
    back = there(begin(client), "ada-1", **ADA)
    if where == "another browser":
        client = Client()
    elif where == "a made-up state":
        back = back.replace("state=", "state=x")
    elif where == "no state":
        back = back.partition("&state")[0]
    else:
        assert client.get(back).status_code == 302
        client.post("/sign-out")
    refused = client.get(back)
    assert (refused.status_code, "Start again" in refused.text) == (401, True)
    assert not is_in(client)


@pytest.mark.usefixtures("named")
def test_a_provider_that_says_no_is_told_in_words(client: Client) -> None:
    address = begin(client)
    back = urlsplit(httpx.post(address, data={"action": "deny"}).headers["Location"])
    state = parse_qs(urlsplit(address).query)["state"][0]
    answer = client.get(f"{back.path}?error=access_denied&state={state}")
    assert (answer.status_code, "cancelled there" in answer.text) == (401, True)
    state = parse_qs(urlsplit(begin(client)).query)["state"][0]
    answer = client.get(BACK, {"error": "<b>server_error", "state": state})
    assert (answer.status_code, "&lt;b&gt;server_error" in answer.text) == (401, True)


@pytest.mark.usefixtures("named")
def test_a_code_that_the_provider_does_not_know_is_refused(client: Client) -> None:
    state = parse_qs(urlsplit(begin(client)).query)["state"][0]
    answer = client.get(BACK, {"code": "made-up", "state": state})
    assert (answer.status_code, "refused what we asked" in answer.text) == (401, True)


@pytest.mark.usefixtures("named")
def test_a_session_of_nobody_lasts_no_longer_than_the_way_there_and_back(client: Client) -> None:
    begin(client)
    assert client.session.get_expiry_age() <= oidc.AWAY
    sign_in(client)
    assert client.session.get_expiry_age() > configured.SESSION_AGE.total_seconds() - 60


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_single_sign_on_leads_to_no_other_site(client: Client, elsewhere: str) -> None:
    assert sign_in(client, onward=elsewhere).headers["Location"] == "/investigations/"


@pytest.mark.usefixtures("named")
def test_the_button_is_there_and_passwords_still_work(client: Client, engineer: User) -> None:
    page = client.get("/sign-in?next=/events/").text
    assert 'href="/sign-in/oidc?next=%2Fevents%2F">Sign in with Example ID' in page.replace("\n", "")
    assert client.post("/sign-in", {"username": "engineer", "password": PASSWORD}).status_code == 302


@pytest.mark.usefixtures("named")
def test_passwords_can_be_switched_off(client: Client, engineer: User, settings: Settings) -> None:
    settings.PASSWORD_SIGN_IN = False
    assert "Password" not in client.get("/sign-in").text
    assert client.post("/sign-in", {"username": "engineer", "password": PASSWORD}).status_code == 403
    assert not is_in(client)


def test_without_a_provider_there_is_nothing_of_it(client: Client) -> None:
    assert "Sign in with" not in client.get("/sign-in").text
    assert [client.get(address).status_code for address in (BEGIN, BACK)] == [404, 404]


@pytest.mark.usefixtures("named")
def test_an_account_is_linked_by_who_holds_both(browse: Browse, engineer: User) -> None:
    window = browse(engineer)
    assert window.post("/account/identity").status_code == 422
    assert window.post("/account/identity", {"password": "wrong"}).status_code == 422
    page = window.post("/account/identity", {"password": PASSWORD}).text
    address = page.split('<a class="button button-primary" href="')[1].split('"')[0].replace("&amp;", "&")
    assert window.get(there(address, "ada-1", **ADA)).headers["Location"] == "/account/"
    again = Client()
    sign_in(again)
    assert again.session["_auth_user_id"] == str(engineer.pk)
    assert User.objects.count() == 1


@pytest.mark.usefixtures("named")
def test_an_identity_of_somebody_is_not_linked_to_another(client: Client, browse: Browse, engineer: User) -> None:
    sign_in(client)
    window = browse(engineer)
    page = window.post("/account/identity", {"password": PASSWORD}).text
    address = page.split('<a class="button button-primary" href="')[1].split('"')[0].replace("&amp;", "&")
    refused = window.get(there(address, "ada-1", **ADA))
    assert (refused.status_code, "belongs to another account" in refused.text) == (409, True)


@pytest.mark.django_db(transaction=True)
def test_of_two_identities_that_are_linked_at_once_one_is_refused(
    engineer: User, named: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[Conflict] = []

    def link_another() -> None:
        try:
            identities.link(user=engineer, subject="ada-2", provider=named)
        except Conflict as problem:
            refused.append(problem)
        finally:
            connection.close()

    other = threading.Thread(target=link_another)

    def meanwhile(**_: Any) -> None:
        monkeypatch.undo()
        other.start()
        other.join(1)  # who need not wait is through by then

    monkeypatch.setattr(audit, "record", meanwhile)
    identities.link(user=engineer, subject="ada-1", provider=named)
    other.join()
    assert [problem.message for problem in refused] == ["You sign in with another identity of Example ID already."]
    assert SocialAccount.objects.get(user=engineer).uid == "ada-1"


@pytest.mark.usefixtures("named")
def test_an_identity_is_unlinked_by_who_knows_the_password(browse: Browse, engineer: User) -> None:
    identities.link(user=engineer, subject="ada-1", provider=configured.OIDC)
    window = browse(engineer)
    assert window.post("/account/identity/unlink", {"password": "wrong"}).status_code == 422
    assert identities.is_linked(engineer, configured.OIDC)
    assert window.post("/account/identity/unlink", {"password": PASSWORD}).status_code == 302
    assert not identities.is_linked(engineer, configured.OIDC)
    assert AuditEntry.objects.get(verb="unlink identity").actor == engineer


@pytest.mark.usefixtures("named")
def test_the_only_way_in_is_unlinked_by_an_administrator(client: Client, browse: Browse, admin: User) -> None:
    sign_in(client)
    ada = User.objects.get(pk=client.session["_auth_user_id"])
    assert client.post("/account/identity/unlink").status_code == 409
    chosen = {"action": "take_identities", "_selected_action": [str(ada.pk)]}
    assert browse(admin).post("/admin/accounts/user/", chosen).status_code == 302
    assert not identities.is_linked(ada, configured.OIDC)


# --- A provider that cannot be trusted
KEY, STRANGER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
Forge = Callable[[dict[str, Any]], str]


def signed(claims: dict[str, Any], key: Any = KEY, kid: str = "k") -> str:
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})


FORGED: dict[str, tuple[Forge, str]] = {
    "good": (signed, ""),
    "without a signature": (lambda said: jwt.encode(said, "", algorithm="none", headers={"kid": "k"}), "believed"),
    "signed by a stranger": (lambda said: signed(said, STRANGER), "believed"),
    "signed by a key that is not published": (lambda said: signed(said, kid="other"), "does not publish"),
    "signed with the secret": (lambda said: jwt.encode(said, "s" * 32, headers={"kid": "k"}), "believed"),
    "of another issuer": (lambda said: signed(said | {"iss": "https://evil.example"}), "believed"),
    "for another program": (lambda said: signed(said | {"aud": "another"}), "believed"),
    "for two programs, not us first": (
        lambda said: signed(said | {"aud": ["rca", "b"], "azp": "b"}),
        "another program",
    ),
    "that has expired": (lambda said: signed(said | {"exp": 1}), "believed"),
    "without a subject": (lambda said: signed({k: v for k, v in said.items() if k != "sub"}), "believed"),
    "with a subject that no column holds": (lambda said: signed(said | {"sub": "x" * 192}), "know again"),
    "with a subject that is no line": (lambda said: signed(said | {"sub": "a\0b"}), "know again"),
    "of another sign-in": (lambda said: signed(said | {"nonce": "x"}), "another sign-in"),
    "without a nonce": (lambda said: signed({k: v for k, v in said.items() if k != "nonce"}), "another sign-in"),
    "that is none": (lambda _: "x", "believed"),
}


@pytest.fixture
def liar(settings: Settings) -> Iterator[dict[str, Any]]:
    """A provider whose answers a test decides on; ``token`` makes them of what is right."""
    asked: dict[str, Any] = {"token": signed, "userinfo": lambda said: {"sub": said.get("sub")}, "about": {}}
    public = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {"kid": "k", "use": "sig"}
    asked["keys"] = {"keys": [public]}

    def about(_: Asked) -> Any:
        base = f"http://127.0.0.1:{peer.port}"
        places = {"token_endpoint": "token", "userinfo_endpoint": "userinfo", "jwks_uri": "keys"}
        return (
            {"issuer": base, "authorization_endpoint": f"{base}/authorize"}
            | {name: f"{base}/{path}" for name, path in places.items()}
            | asked["about"]
        )

    def token(request: Asked) -> Any:
        asked["form"], asked["headers"] = request.form, request.headers
        return {"access_token": "a", "token_type": "Bearer", "id_token": asked["token"](asked["claims"])}

    routes = {
        "/.well-known/openid-configuration": about,
        "/keys": lambda _: asked["keys"],
        "/token": token,
        "/userinfo": lambda _: asked["userinfo"](asked["claims"]),
    }
    with Peer(routes) as peer:
        settings.OIDC = Provider(issuer=f"http://127.0.0.1:{peer.port}", client_id="rca", client_secret="s" * 32)
        oidc._documents.clear()
        yield asked


def come_back(client: Client, liar: dict[str, Any]) -> Any:
    sent = parse_qs(urlsplit(begin(client)).query)
    now = int(time.time())
    liar["claims"] = {"iss": configured.OIDC.issuer, "sub": "7", "aud": "rca", "iat": now, "exp": now + 60}
    liar["claims"]["nonce"] = sent["nonce"][0]
    liar["challenge"] = sent["code_challenge"][0]
    return client.get(BACK, {"code": "c", "state": sent["state"][0]})


@pytest.mark.parametrize("kind", FORGED)
def test_a_token_is_believed_when_all_of_it_is_right(client: Client, liar: dict[str, Any], kind: str) -> None:
    liar["token"], said = FORGED[kind]
    answer = come_back(client, liar)
    if said:
        assert (answer.status_code, said in answer.text) == (401, True), answer.text
    assert (answer.status_code == 302, is_in(client), User.objects.exists()) == ((not said,) * 3)


def test_an_unknown_key_while_the_provider_is_away_shuts_out_nobody_else(client: Client, liar: dict[str, Any]) -> None:
    assert come_back(client, liar).status_code == 302
    liar["keys"] = Reply(status=500)
    liar["token"] = lambda said: signed(said, STRANGER, kid="other")
    assert come_back(Client(), liar).status_code == 503
    liar["token"] = signed
    assert come_back(Client(), liar).status_code == 302


def test_the_code_is_exchanged_with_the_verifier_and_the_secret_in_the_header(
    client: Client, liar: dict[str, Any]
) -> None:
    come_back(client, liar)
    form = liar["form"]
    digest = jwt.utils.base64url_encode(sha256(form["code_verifier"].encode()).digest()).decode()
    assert digest == liar["challenge"]
    assert "client_secret" not in form
    assert liar["headers"]["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("about", "userinfo"),
    [
        ({"issuer": "https://evil.example"}, None),
        ({"jwks_uri": None}, None),
        ({"token_endpoint": ["x"]}, None),
        ({"authorization_endpoint": "javascript:alert(1)"}, None),
        ({"userinfo_endpoint": 7}, None),
        ({}, {"sub": "somebody else"}),
        ({}, {}),
        ({}, [1]),
        ({}, Reply(b"<html>")),
        ({}, Reply(status=500)),
    ],
)
def test_answers_of_another_shape_are_refused_in_words(
    client: Client, liar: dict[str, Any], about: dict[str, Any], userinfo: Any
) -> None:
    liar["about"] = about
    if userinfo is not None:
        liar["userinfo"] = lambda _: userinfo
    answer = client.get(BEGIN)
    if answer.status_code == 302:
        answer = come_back(client, liar)
    assert answer.status_code in {401, 503}
    assert "did not work" in answer.text
    assert not User.objects.exists()


def test_a_provider_is_asked_for_at_no_address_that_is_not_reached(
    client: Client, liar: dict[str, Any], settings: Settings
) -> None:
    settings.OUTBOUND_NETWORKS = []
    assert (client.get(BEGIN).status_code, "form" in liar) == (503, False)


def test_a_provider_that_is_away_is_left_alone_for_a_moment(client: Client, settings: Settings) -> None:
    with Peer({"*": Reply(status=500)}) as peer:
        settings.OIDC = Provider(issuer=f"http://127.0.0.1:{peer.port}", client_id="rca")
        oidc._documents.clear()
        assert [client.get(BEGIN).status_code for _ in range(3)] == [503] * 3
        assert len(peer.asked) == 1
