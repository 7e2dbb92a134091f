"""Doors: exports that a worker makes, over the API: ask for one, see how far it is, fetch it, cancel it."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from investigations.api.export import BLANKED, ByParameter
from investigations.api.views import PartViewSet
from investigations.choices import ExportFormat, ExportState
from investigations.exports import making
from investigations.exports.document import as_file, name_of
from investigations.filters import ExportFilters
from investigations.models import Export
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.rest import JSONRenderer
from rcaplatform.kit.views import Rows, Strict

_ASK_AGAIN = "2"  # seconds


class NotReady(Conflict):
    """The export is not ready yet, or could not be made: its state says which."""

    code = "not_ready"


class NewExport(Strict):
    """In which format, and for whom."""

    format = serializers.ChoiceField(ExportFormat.choices, source="written_in", help_text="What to write it in.")
    redact = serializers.BooleanField(default=False, help_text=BLANKED)


class ExportSerializer(serializers.ModelSerializer[Export]):
    """An export that a worker makes."""

    investigation = serializers.UUIDField(source="investigation_id", read_only=True)
    format = serializers.ChoiceField(ExportFormat.choices, source="written_in", read_only=True)
    redact = serializers.BooleanField(help_text="Whether it is redacted.", read_only=True)
    created_by = serializers.UUIDField(source="created_by_id", read_only=True)
    created_by_name = serializers.CharField(source="created_by.username", read_only=True)
    name = serializers.SerializerMethodField(help_text="Of the file.")
    expires_at = serializers.DateTimeField(help_text="When it is forgotten.", read_only=True)

    class Meta:
        model = Export
        fields = [
            *("id", "investigation", "format", "redact", "name", "state", "progress", "events", "size", "error"),
            *("created_by", "created_by_name", "created_at", "finished_at", "expires_at"),
        ]
        read_only_fields = fields

    def get_name(self, export: Export) -> str:
        """Return the name of the file."""
        return name_of(export.investigation_id, export.written_in, redacted=export.redact)


class ExportRow(Rows):
    """One export in a list."""

    id = serializers.UUIDField()
    format = serializers.ChoiceField(ExportFormat.choices, source="written_in")
    redact = serializers.BooleanField()
    state = serializers.ChoiceField(ExportState.choices)
    progress = serializers.IntegerField()
    events = serializers.IntegerField()
    size = serializers.IntegerField()
    error = serializers.CharField()
    created_by = serializers.UUIDField()
    created_by_name = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class ExportsViewSet(PartViewSet):
    """Exports that a worker makes, newest first; each is kept for a day. Deleting one that is not ready cancels it."""

    queryset = Export.objects.select_related("investigation", "created_by").order_by("-id")
    serializer_class, row_class, filterset_class = ExportSerializer, ExportRow, ExportFilters
    deeds = {"delete": making.delete}
    restore = None  # type: ignore[assignment]
    conflicting = frozenset({"file"})
    http_method_names = ["get", "post", "delete", "head", "options"]

    def scope(self) -> QuerySet[Any]:
        return super().scope().filter(investigation=self.parent)

    @extend_schema(request=NewExport, responses={202: ExportSerializer})
    def create(self, request: Request, **_: str) -> Response:
        """Have one made in the background: `Location` says where to ask how far it is.

        While one that you asked for is not ready, asking for the same again answers with that one.
        """
        body = NewExport(data=request.data)
        body.is_valid(raise_exception=True)
        made = making.ask(investigation=self.investigation, **body.validated_data, **self.by())
        where = request.build_absolute_uri(f"{request.path.rstrip('/')}/{made.pk}")
        return Response(ExportSerializer(made).data, status=202, headers={"Location": where, "Retry-After": _ASK_AGAIN})

    @extend_schema(responses=ExportSerializer)
    def retrieve(self, request: Request, **_: str) -> Response:
        """Show how far one is."""
        export = self.get_object()
        waiting = {} if export.finished_at else {"Retry-After": _ASK_AGAIN}
        return Response(ExportSerializer(export).data, headers=waiting)

    @extend_schema(
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/markdown"): OpenApiTypes.STR,
            (200, "application/pdf"): OpenApiTypes.BINARY,
        },
    )
    @action(detail=True, renderer_classes=[JSONRenderer], content_negotiation_class=ByParameter)
    def file(self, request: Request, **_: str) -> HttpResponse:
        """Fetch the file; 409 with the code `not_ready` before there is one."""
        export = self.get_object()
        if export.state != ExportState.DONE:
            raise NotReady(export.error or f"This export is {export.state}, at {export.progress} %.")
        content = Export.objects.file(export.pk)
        if content is None:
            raise Http404("This export was forgotten in this moment.")
        document = as_file(export.investigation_id, export.written_in, content, redacted=export.redact)
        return document.as_download()
