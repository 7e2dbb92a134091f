"""Doors: what an investigation has to do with others, by people's word and by likeness."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from investigations import precedents, services
from investigations.api import serializers as shapes
from investigations.api.views import PARENT, InvestigationViewSet, PartViewSet, given
from investigations.filters import InvestigationFilters
from investigations.models import Investigation
from investigations.precedents import Precedent

OTHER = OpenApiParameter("other_id", OpenApiTypes.UUID, OpenApiParameter.PATH)


@extend_schema(parameters=[PARENT])
class RelatedViewSet(PartViewSet):
    """The investigations that have to do with one, because a person said so. It holds both ways."""

    queryset = InvestigationViewSet.queryset
    serializer_class, row_class = shapes.InvestigationSerializer, shapes.InvestigationRow
    filterset_class, verbs = InvestigationFilters, dict.fromkeys(("relate", "unrelate"), "edit")

    def scope(self) -> QuerySet[Any]:
        return super().scope().filter(related=self.parent)

    @extend_schema(request=shapes.RelateRequest, responses=dict.fromkeys((201, 200), shapes.InvestigationRow))
    def relate(self, request: Request, **_: str) -> Response:
        """Say that another investigation has to do with this one; 200 when that was known."""
        self.check_object_permissions(request, self.investigation)
        visible = Investigation.objects.visible_to(request.user)
        other = get_object_or_404(visible, pk=given(shapes.RelateRequest, request, "investigation_id"))
        new = services.relate(investigation=self.investigation, other=other, **self.by())
        row = self.row_class.of(self.get_queryset()).get(pk=other.pk)
        return Response(row, status=201 if new else 200)

    @extend_schema(parameters=[OTHER], responses={204: None})
    def unrelate(self, request: Request, other_id: str, **_: str) -> Response:
        """Take that back."""
        self.check_object_permissions(request, self.investigation)
        other = get_object_or_404(self.get_queryset(), pk=other_id)
        services.unrelate(investigation=self.investigation, other=other, **self.by())
        return Response(status=204)


class SimilarViewSet(PartViewSet):
    """Past investigations like one."""

    queryset = Investigation.objects.all()
    serializer_class = shapes.SimilarAnswer

    @extend_schema(parameters=[PARENT], responses=shapes.SimilarAnswer)
    def show(self, request: Request, **_: str) -> Response:
        """Show at most 20 past investigations like this one, with what caused them and what ended them.

        They share words, service or tags; `reasons` says which. Those that ended with a known cause come first.
        """
        found = precedents.similar(investigation=self.investigation, among=self.get_queryset())  # type: ignore[arg-type]
        return Response({"count": len(found), "results": [_row(precedent) for precedent in found]})


def _row(precedent: Precedent) -> dict[str, Any]:
    shown = ("id", "title", "status", "root_cause", "remediation", "cause_category", "detected_at", "resolved_at")
    columns = {name: getattr(precedent.investigation, name) for name in shown}
    return {**columns, "score": precedent.likeness.score, "reasons": precedent.likeness.reasons}
