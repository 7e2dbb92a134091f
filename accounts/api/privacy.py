"""Doors: everything that is kept about a person, as a file."""

from typing import cast

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import dossier, privacy
from accounts.models import User
from rcaplatform.kit.lines import download


def dossier_of(person: User, actor: User) -> StreamingHttpResponse:
    """Answer with everything that is kept about a person, and have it recorded who took it.

    Raises:
        PermissionDenied: who asks came with an API key; a person's whole life here is not for a program.
    """
    if actor.scope:
        raise PermissionDenied("An API key is not for this: sign in yourself.")
    lines = privacy.hand_over(person=person, actor=actor, now=timezone.now())
    return download(lines, dossier.file_name(person))


class OwnDossier(APIView):
    """Everything that is kept about who asks."""

    @extend_schema(operation_id="me_export", responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    def get(self, request: Request) -> StreamingHttpResponse:
        """Give everything that is kept about you, one JSON object a line; an API key does not open this."""
        person = cast("User", request.user)
        return dossier_of(person, person)
