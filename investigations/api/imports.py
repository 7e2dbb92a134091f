"""Door: an investigation made from a document, over the API."""

from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import PermissionDenied
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import may
from events.models import Event
from investigations.imports import bringing
from investigations.imports.reading import MOST_BYTES, Document, read
from investigations.imports.shapes import DocumentShape
from investigations.models import Investigation, Link
from rcaplatform.kit.rest import JSONParser, body_of
from rcaplatform.kit.views import ScopedViewSet


class DocumentParser(JSONParser):
    """Reads a document whole, compressed or not, and checks every field of it."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the document.

        Raises:
            TooLarge: it passes 64 MiB.
            Invalid: something in it is wrong; names each by its path.
        """
        return {"document": read(body_of(stream, parser_context, MOST_BYTES))}


class EventsImported(serializers.Serializer[Any]):
    """What became of the events."""

    stored = serializers.IntegerField(help_text="New here, under an origin of the kind import.")
    known = serializers.IntegerField(help_text="Here already: they stand as they are.")


class ImportAnswer(serializers.Serializer[Any]):
    """What became of a document."""

    id = serializers.UUIDField(help_text="Of the investigation.")
    created = serializers.BooleanField(help_text="False: it was made when the same document was imported before.")
    events = EventsImported()
    standins = serializers.ListField(
        child=serializers.CharField(), help_text="People kept as names alone, as `name@imported`."
    )
    unrelated = serializers.ListField(
        child=serializers.UUIDField(), help_text="Related investigations that are not here."
    )


class ImportViewSet(ScopedViewSet):
    """Investigations from elsewhere."""

    queryset = Investigation.objects.all()
    serializer_class = ImportAnswer
    parser_classes = [DocumentParser]
    conflicting = frozenset({"bring"})

    @extend_schema(request=DocumentShape, responses=dict.fromkeys((201, 200), ImportAnswer))
    def bring(self, request: Request) -> Response:
        """Make one from a document that `GET …/export?format=json` wrote, here or in another installation.

        All of it or nothing; 200 instead of 201 when the same document was imported before. Ids stay where nothing here
        has them. Events that are known here stay as they are, others are stored under an origin of the kind `import`.
        What you wrote yourself is put down to you, and what others wrote to their accounts only if you are an
        administrator; every other author stays a name, `name@imported`. An error names the field by its path, such as
        `events.3.score`.
        """
        if not all(may(request.user, "create", model) for model in (Event, Link)):
            raise PermissionDenied("Who imports an investigation must be permitted to create events and links.")
        body: Any = request.data
        if "document" not in body:
            raise ParseError("Send the document as the body.")
        document: Document = body["document"]
        outcome = bringing.bring(document=document, **self.by())
        content = {
            "id": outcome.investigation.pk,
            "created": outcome.created,
            "events": {"stored": outcome.stored, "known": outcome.known},
            "standins": outcome.standins,
            "unrelated": outcome.unrelated,
        }
        where = request.build_absolute_uri(f"/api/v1/investigations/{outcome.investigation.pk}")
        return Response(content, status=201 if outcome.created else 200, headers={"Location": where})
