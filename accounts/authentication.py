"""Door: who a request comes from, by the token or the API key it carries."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from accounts import apikeys, credentials, standing, tokens
from accounts.apikeys import KeyFacts
from accounts.models import ApiKey, User
from accounts.tokens import BadToken, Claims
from rcaplatform.kit.memory import Recent
from rcaplatform.kit.ratelimit import QUOTA

CHALLENGE = 'Bearer realm="api"'
_known: Recent[str, KeyFacts] = Recent(10_000)


class CredentialAuthentication(BaseAuthentication):
    """Takes ``Authorization: Bearer`` with an access token or an API key, or an API key as ``X-API-Key``.

    A genuine credential is looked up in one round trip, which counts the request against its limit as well.
    """

    def authenticate(self, request: Request) -> tuple[User, Claims | KeyFacts] | None:
        """Return the person and the credential; None for a request that carries neither.

        Raises:
            BadToken: the credential opens nothing.
            Throttled: it was used too often this minute.
        """
        given = carried(request)
        if given is None:
            return None
        credential = recognised(given)
        found = standing.admitted(credential)
        if found.asked and isinstance(credential, KeyFacts):
            credentials.mark_used(key=credential, now=timezone.now())
        if found.quota is not None:
            request.META[QUOTA] = found.quota
            if not found.quota.granted:
                raise Throttled(found.quota.wait, f"{found.quota.limit} requests a minute are allowed.")
        return found.user, credential

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a refusal is 401."""
        return CHALLENGE


def carried(request: HttpRequest | Request) -> str | None:
    """Return the credential in the headers of a request; None when there is none.

    Raises:
        BadToken: ``Authorization: Bearer`` is followed by none, or by more than one.
    """
    scheme, _, rest = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer":
        key: str | None = request.META.get("HTTP_X_API_KEY")
        return key
    if len(rest.split()) != 1:
        raise BadToken("Send Authorization: Bearer, a space, and one token.")
    return str(rest.strip())


def recognised(given: str) -> Claims | KeyFacts:
    """Return what a credential says, once it is known to be genuine and its time not to be over.

    Raises:
        BadToken: it is no access token and no API key of ours, or has expired.
    """
    if not given.startswith(apikeys.BEGINS):
        return tokens.read(given, tokens.ACCESS)
    digest = apikeys.digest(given)
    key = _known.get(digest)
    if key is None:
        found = ApiKey.objects.filter(digest=digest).values_list("id", "user_id", "expires_at").first()
        if found is None:
            raise BadToken("There is no such API key.")
        identity, person, expires = found
        key = KeyFacts(identity, person, expires and expires.timestamp())
        _known.put(digest, key)
    if key.expired:
        raise BadToken("This API key has expired.")
    return key


class CredentialScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes both in the OpenAPI document."""

    target_class = CredentialAuthentication
    name = ["jwtAuth", "apiKeyAuth"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Return the ways in, any of which will do."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Return what each of them looks like."""
        bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An API key will do too."}
        return [bearer, {"type": "apiKey", "in": "header", "name": "X-API-Key"}]
