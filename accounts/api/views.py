"""Doors: signing in and out over the API, and who one is."""

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import credentials, factors, keys, secondfactor, switches, throttling
from accounts.api.serializers import Credentials, Me, RefreshRequest, SignOutRequest, TokenPair, VerifyRequest
from accounts.authentication import CHALLENGE, carried
from accounts.models import Feature
from accounts.secondfactor import CodeNeeded
from accounts.tokens import RefreshToken
from rcaplatform.kit.errors import NotAllowed
from rcaplatform.kit.rest import refuse


class TokenDoor(GenericAPIView):  # type: ignore[type-arg]
    """A door whose body alone says who is asking; it looks at no session and no header."""

    authentication_classes = ()
    permission_classes = ()

    def given(self, request: Request) -> dict[str, Any]:
        """Return the fields of the body."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    def get_authenticate_header(self, _request: Request) -> str:
        """Name the scheme, so that a refusal is 401."""
        return CHALLENGE


def pair(token: RefreshToken) -> Response:
    """Answer with a pair of tokens."""
    content = {"access": str(token.access_token), "refresh": str(token)}
    return Response(TokenPair(content).data, headers={"Cache-Control": "no-store"})


class ObtainToken(TokenDoor):
    """Sign in."""

    serializer_class = Credentials
    refusing = True

    @extend_schema(responses={200: TokenPair})
    def post(self, request: Request) -> Response:
        """Give a pair of tokens for a username and a password, and a code where there is a second factor.

        403 with the code `second_factor_missing` is for whose role must have one and who has none: they turn it on at
        the pages.
        """
        said = self.given(request)
        code = said.pop("code", "")
        if not settings.PASSWORD_SIGN_IN:
            raise NotAllowed("Passwords are switched off here: programs use an API key.")
        switches.require(Feature.PASSWORDS)
        throttling.sign_in(request, said["username"])
        person = authenticate(**said)
        if person is None:
            raise AuthenticationFailed("No active account has this username and password.")
        person.refresh_from_db(fields=["token_generation"])  # a password hashed anew has raised it
        by = "password"
        if factors.is_on(person):
            if not code:
                raise CodeNeeded
            secondfactor.prove(user=person, code=code, now=timezone.now())
            by = "password and code"
        return pair(credentials.issue(user=person, by=by))


class RefreshTokens(TokenDoor):
    """Stay signed in."""

    serializer_class = RefreshRequest
    refusing = True

    @extend_schema(responses={200: TokenPair})
    def post(self, request: Request) -> Response:
        """Give a new pair of tokens for a refresh token, which is worthless from then on."""
        return pair(credentials.rotate(**self.given(request), now=timezone.now()))


class VerifyToken(TokenDoor):
    """Ask whether a token is good."""

    serializer_class = VerifyRequest

    @extend_schema(responses={200: OpenApiResponse(description="It is good.")})
    def post(self, request: Request) -> Response:
        """Answer 200 for a token that is good now, 401 for any other."""
        credentials.verify(**self.given(request))
        return Response({})


class SignOut(TokenDoor):
    """Sign out."""

    serializer_class = SignOutRequest

    @extend_schema(responses={204: OpenApiResponse(description="They are worthless now.")})
    def post(self, request: Request) -> Response:
        """Make every token of a sign-in worthless: of that the refresh token is of, and the access token, if any."""
        refresh, access = self.given(request).get("refresh", ""), carried(request) or ""
        if not (refresh or access):
            refuse("refresh", "Give the refresh token, or send the access token along.")
        credentials.sign_out(refresh=refresh, access=access, now=timezone.now())
        return Response(status=204)


class MeView(APIView):
    """Who is asking."""

    @extend_schema(responses=Me)
    def get(self, request: Request) -> Response:
        """Show the person the request comes from."""
        return Response(Me(request.user).data)


@require_safe
@cache_control(public=True, max_age=300)
def key_set(_request: HttpRequest) -> JsonResponse:
    """Publish the key that verifies tokens (RFC 7517)."""
    return JsonResponse(keys.published())
