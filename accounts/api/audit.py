"""Doors: what was done, by whom, to what. Administrators read it; nobody writes it here."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from accounts import trail
from accounts.api.serializers import AuditEntrySerializer
from accounts.filters import AuditFilters
from accounts.models import AuditEntry


class AuditViewSet(mixins.ListModelMixin, GenericViewSet[AuditEntry]):
    """The audit trail, newest first."""

    queryset = AuditEntry.objects.select_related("actor", "seal").order_by("-id")
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilters

    @extend_schema(responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    @action(detail=False)
    def export(self, request: Request, **_: Any) -> StreamingHttpResponse:
        """Give every entry the filters leave, one JSON object a line, each with its place in the chain of seals."""
        lines = trail.exported(self.filter_queryset(self.get_queryset()))
        return StreamingHttpResponse(lines, content_type="application/x-ndjson")
