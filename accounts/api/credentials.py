"""Doors: API keys, and what administrators revoke."""

from typing import Any, cast

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from accounts import credentials, privacy
from accounts.api.privacy import dossier_of
from accounts.api.serializers import (
    ApiKeySerializer,
    Erasure,
    NewApiKey,
    Revocation,
    RevocationOfAll,
    RevokedTokenSerializer,
    SecretApiKey,
)
from accounts.filters import RevokedTokenFilters
from accounts.models import ApiKey, RevokedToken, User
from rcaplatform.kit.rest import refuse


def body(view: GenericViewSet[Any], request: Request) -> BaseSerializer[Any]:
    """Return what a request says, checked."""
    serializer = view.get_serializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer


@extend_schema_view(list=extend_schema(description="List the keys that act for you; for an administrator, all keys."))
class ApiKeyViewSet(mixins.ListModelMixin, GenericViewSet[ApiKey]):
    """Long-lived credentials of programs."""

    queryset = ApiKey.objects.all()
    serializer_class = ApiKeySerializer

    def get_queryset(self) -> Any:
        """Return what the person may see."""
        return ApiKey.objects.visible_to(self.request.user)

    @extend_schema(request=NewApiKey, responses={201: SecretApiKey})
    def create(self, request: Request, **_: str) -> Response:
        """Make an API key and show its secret, this once."""
        serializer = NewApiKey(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        key, secret = serializer.save(actor=request.user, now=timezone.now())
        key.key = secret
        return Response(SecretApiKey(key).data, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(responses={204: OpenApiResponse(description="It opens nothing any more.")})
    def destroy(self, request: Request, **_: str) -> Response:
        """Revoke an API key, at once and for good; it stays on the list."""
        credentials.revoke_key(key=self.get_object(), actor=cast("User", request.user), now=timezone.now())
        return Response(status=204)


class RevokedTokenViewSet(GenericViewSet[RevokedToken]):
    """Tokens that are worthless before their time."""

    queryset = RevokedToken.objects.all()
    serializer_class = RevokedTokenSerializer
    filterset_class = RevokedTokenFilters

    @extend_schema(operation_id="admin_tokens_revoked", responses={200: RevokedTokenSerializer(many=True)})
    @action(detail=False)
    def revoked(self, request: Request) -> Response:
        """List revoked tokens, newest first: revoked by hand, signed out, or exchanged for a new pair ("rotated")."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(responses={201: RevokedTokenSerializer})
    @action(detail=False, methods=["post"], serializer_class=Revocation)
    def revoke(self, request: Request) -> Response:
        """Revoke a token: by its text with its whole sign-in, by an id just what has this id."""
        said = body(self, request).validated_data
        deed = credentials.revoke_token if "token" in said else credentials.revoke_id
        row = deed(**said, actor=cast("User", request.user), now=timezone.now())
        return Response(RevokedTokenSerializer(row).data, status=201)


class UserViewSet(GenericViewSet[User]):
    """People, as administrators see them."""

    queryset = User.objects.all()
    verbs = {"revoke_tokens": "edit", "erase": "delete"}

    @extend_schema(responses={204: OpenApiResponse(description="They are worthless now.")})
    @action(detail=True, methods=["post"], url_path="revoke-tokens", serializer_class=RevocationOfAll)
    def revoke_tokens(self, request: Request, **_: str) -> Response:
        """Revoke every token of one, whoever holds it; with `api_keys`, their API keys too."""
        said = body(self, request).validated_data
        actor = cast("User", request.user)
        credentials.revoke_all(user=self.get_object(), actor=actor, now=timezone.now(), **said)
        return Response(status=204)

    @extend_schema(operation_id="admin_users_export", responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    @action(detail=True)
    def export(self, request: Request, **_: str) -> StreamingHttpResponse:
        """Give everything that is kept about one, one JSON object a line; recorded, and not by an API key."""
        return dossier_of(self.get_object(), cast("User", request.user))

    @extend_schema(responses={204: OpenApiResponse(description="They are erased.")})
    @action(detail=True, methods=["post"], serializer_class=Erasure)
    def erase(self, request: Request, **_: str) -> Response:
        """Erase one: their account becomes a pseudonym, what was theirs alone is deleted; it cannot be undone.

        What they wrote for a case stays, under the pseudonym. `username` must be theirs, so that nobody errs. Erasing
        again who was erased changes nothing.
        """
        person = self.get_object()
        said = body(self, request).validated_data
        if said["username"] != person.username:
            refuse("username", "This is not the username of this person.")
        privacy.erase(user=person, actor=cast("User", request.user))
        return Response(status=204)
