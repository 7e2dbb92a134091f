"""Door to the identity provider: django-allauth carries people there and back, and we judge what they bring.

allauth keeps the state and the PKCE verifier in the session and tells apart the ways a sign-in can fail. Ours are: the
guarded way out for every request (docs/adr/0011-outbound-http.md), a nonce, and an ID token that is verified in full.
"""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import quote, urlsplit

import jwt
import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare, get_random_string

from accounts.claims import subject_fits
from connectors.errors import Refused
from connectors.http import Answer, Client, Endpoint
from rcaplatform.kit.errors import DomainError, Unavailable
from rcaplatform.kit.memory import Recent

log = structlog.get_logger(__name__)
SECONDS, PER_SECOND = 5.0, 100
KEPT, SHUNNED = 600, 10  # seconds for which a document is remembered, and that there was none
AWAY = 600  # seconds that somebody may be there: as long as allauth keeps the state
LEEWAY = 60  # seconds that clocks may differ
# Those whose key can be published; with one of the others whoever can verify a token can make one.
ALGORITHMS = [f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)] + ["EdDSA"]
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_documents: Recent[str, tuple[float, dict[str, Any]]] = Recent(8)


class SignInFailed(DomainError):
    """The identity provider did not tell us, in a way that can be believed, who this is: start again."""

    status, code = 401, "sign_in_failed"

    def __init__(self, why: str) -> None:
        super().__init__(f"Signing in with {settings.OIDC.name} did not work: {why}")


def begin(request: HttpRequest, *, onward: str, linking: bool = False) -> HttpResponse:
    """Send somebody to the identity provider.

    Args:
        onward: path of the page they come back to in the end.
        linking: they are signed in, and want to sign in there from now on.

    Raises:
        DomainError: the provider does not answer, or not as it should.
    """
    nonce = get_random_string(32)
    state = {"nonce": nonce, "linking": str(request.user.pk) if linking else ""}
    if not request.user.is_authenticated:  # anybody can have rows of sessions made, so they shall not last
        request.session.set_expiry(AWAY)
    provider = _Adapter(request).get_provider()
    answer = provider.redirect(request, "login", onward, auth_params={"nonce": nonce}, **state)
    return cast("HttpResponse", answer)


def come_back(request: HttpRequest) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the claims about whoever comes back, verified, and what `begin` wanted kept.

    Raises:
        DomainError: they bring nothing that can be believed.
    """
    try:
        answer = OAuth2CallbackView.adapter_view(_Adapter(request))(request)
    except (KeyError, TypeError, ValueError) as problem:  # a document or an answer of another shape
        raise SignInFailed("its answer cannot be read.") from problem
    if not isinstance(answer, _Believed):
        raise SignInFailed("its answer cannot be read.")
    return answer.claims, answer.state


class _Believed(HttpResponse):
    """How the claims come out through allauth's view."""

    def __init__(self, claims: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        super().__init__()
        self.claims, self.state = claims, state


class Desk(DefaultSocialAccountAdapter):  # type: ignore[misc]  # has no types
    """What allauth asks its host for."""

    def get_requests_session(self) -> Any:
        """Refuse: `connectors.http` is the only way out."""
        raise NotImplementedError

    def authenticate_by_email(self, sociallogin: SocialLogin) -> None:
        """Lead nobody in by an e-mail address."""

    def on_authentication_error(self, request: HttpRequest, provider: Any, **told: Any) -> None:
        """Say why it failed, on a page of ours."""
        log.warning("oidc.failed", error=told.get("error"), exception=str(told.get("exception") or "")[:300])
        if told.get("error") == AuthError.CANCELLED:
            raise SignInFailed("it was cancelled there.")
        if "error" in request.GET:
            raise SignInFailed(f"it answered {request.GET['error'][:50]!r}.")
        raise SignInFailed("it was not begun in this browser, or too long ago. Start again.")

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Hand over who this is, when the token was made for this very sign-in."""
        claims, state = sociallogin.provider.claims, sociallogin.state
        if not constant_time_compare(str(claims.get("nonce", "")), state["nonce"]):
            raise SignInFailed("its answer belongs to another sign-in.")
        raise ImmediateHttpResponse(_Believed(claims, state))


class _Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # has no types
    """The protocol, with what the issuer publishes, over the guarded client."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, settings.OIDC.issuer)
        self._provider = _Provider(request, app=_app())

    def get_provider(self) -> "_Provider":
        """Return the one that the environment names; those in the database are of no account."""
        return self._provider

    @property
    def openid_config(self) -> dict[str, Any]:
        """What the issuer publishes about itself."""
        issuer = settings.OIDC.issuer
        found = _document(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise SignInFailed("it goes by another name than OIDC_ISSUER.")
        places = [found.get(name) for name in NEEDED]
        places += [found[name] for name in ("userinfo_endpoint",) if name in found]
        scheme = f"{urlsplit(issuer).scheme}://"  # whose issuer is encrypted, is so throughout
        if not all(isinstance(place, str) and place.startswith(scheme) for place in places):
            raise SignInFailed("what it publishes about itself is not whole.")
        return found

    def get_callback_url(self, _request: HttpRequest, _app: SocialApp) -> str:
        """Return where people come back to; no header of theirs has a say in it."""
        return f"{settings.SITE_URL.rstrip('/')}{reverse('single-sign-on-callback')}"

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, _client: Any, pkce_code_verifier: str | None = None
    ) -> dict[str, Any]:
        """Exchange the code for tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": request.GET["code"],
            "redirect_uri": self.get_callback_url(request, app),
            "code_verifier": pkce_code_verifier,
        }
        methods = self.openid_config.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        headers = {}
        if app.secret and "client_secret_basic" in methods:
            pair = f"{quote(app.client_id, safe='')}:{quote(app.secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": app.client_id} | ({"client_secret": app.secret} if app.secret else {})
        url = self.access_token_url
        return _asked(url, lambda client: client.post(url, form=form, headers=headers))

    def complete_login(self, request: HttpRequest, _app: SocialApp, token: Any, **given: Any) -> SocialLogin:
        """Verify who this is."""
        claims = _verified(given["response"]["id_token"], self.openid_config["jwks_uri"])
        if url := self.openid_config.get("userinfo_endpoint"):
            bearer = {"Authorization": f"Bearer {token.token}"}
            more = _asked(url, lambda client: client.get(url, headers=bearer))
            if more.get("sub") != claims["sub"]:
                raise SignInFailed("its answers are about different people.")
            claims = {**more, **claims}
        self._provider.claims = claims
        return self._provider.sociallogin_from_response(request, claims)


class _Provider(OpenIDConnectProvider):  # type: ignore[misc]  # has no types
    """The provider that the environment names; of its claims allauth keeps the subject alone."""

    pkce_enabled_default = True
    claims: Mapping[str, Any] = {}

    def get_oauth2_adapter(self, request: HttpRequest) -> _Adapter:
        """Return the protocol."""
        return _Adapter(request)

    def extract_uid(self, data: Mapping[str, Any]) -> str:
        """Return the subject."""
        return str(data["sub"])

    def extract_extra_data(self, _data: Any) -> dict[str, Any]:
        """Keep nothing."""
        return {}

    def extract_common_fields(self, _data: Any) -> dict[str, Any]:
        """Leave it to `accounts.claims`."""
        return {}

    def extract_email_addresses(self, _data: Any) -> list[Any]:
        """Leave it to `accounts.claims`."""
        return []


def _app() -> SocialApp:
    named = settings.OIDC
    own = {"server_url": named.issuer, "scope": list(named.scopes)}
    return SocialApp(
        provider=OpenIDConnectProvider.id,
        provider_id=named.issuer,
        name=named.name,
        client_id=named.client_id,
        secret=named.client_secret,
        settings=own,
    )


def _verified(token: str, keys: str) -> dict[str, Any]:
    """Return the claims of an ID token that the issuer signed for us and for now (OpenID Connect Core 1.0, 3.1.3.7)."""
    named = settings.OIDC
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(jwt.get_unverified_header(token).get("kid"), keys),
            algorithms=ALGORITHMS,
            audience=named.client_id,
            issuer=named.issuer,
            leeway=LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as problem:
        raise SignInFailed(f"its token is not to be believed: {problem}.") from problem
    if claims.get("azp", named.client_id) != named.client_id:
        raise SignInFailed("its token was made for another program.")
    if not subject_fits(claims):
        raise SignInFailed("its token names nobody whom we could know again.")
    return claims


def _key(name: str | None, url: str) -> jwt.PyJWK:
    """Return the key of this name; they are asked for anew when none has it, as issuers change them."""
    for anew in (False, True):
        for key in jwt.PyJWKSet.from_dict(_document(url, anew=anew)).keys:
            if name in (key.key_id, None) and key.public_key_use in (None, "sig"):
                return key
    raise SignInFailed("its token is signed by a key that it does not publish.")


def _document(url: str, *, anew: bool = False) -> dict[str, Any]:
    """Return what is published at ``url``, as it was in the last minutes; what failed is left alone for a moment.

    What was known before stays good for that moment: somebody who brings an unknown key shall not shut out the others.
    """
    now = time.monotonic()
    until, known = _documents.get(url) or (0.0, {})
    if now < until and not (anew and known):
        if known:
            return known
        raise Unavailable(f"{settings.OIDC.name} does not answer.")
    try:
        found = _asked(url, lambda client: client.get(url))
    except DomainError:
        _documents.put(url, (now + SHUNNED, known))
        raise
    _documents.put(url, (now + KEPT, found))
    return found


def _asked(url: str, ask: Callable[[Client], Answer]) -> dict[str, Any]:
    """Return the object that is answered at ``url``; what went wrong there is for the log, not for whoever signs in."""
    place = urlsplit(url)
    origin = f"{place.scheme}://{place.netloc}"
    try:
        found = ask(Client(Endpoint(url=origin, requests_per_second=PER_SECOND, seconds=SECONDS))).json()
    except DomainError as problem:
        log.warning("oidc.no_answer", place=origin, problem=problem.message[:300])
        if isinstance(problem, Refused):
            raise SignInFailed("it refused what we asked.") from problem
        raise Unavailable(f"{settings.OIDC.name} does not answer: try again in a moment.") from problem
    if not isinstance(found, dict) or not found:
        raise SignInFailed("its answer cannot be read.")
    return found
