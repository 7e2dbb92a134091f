"""Doors: the hypotheses of an investigation, and the evidence about each, over the API."""

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from rest_framework.generics import get_object_or_404

from investigations import hypotheses
from investigations.api import hypothesis_shapes as shapes
from investigations.api.views import PartViewSet
from investigations.filters import EvidenceFilters, HypothesisFilters
from investigations.models import Evidence, Hypothesis


class HypothesisViewSet(PartViewSet):
    """What might have caused it, oldest first. One that was ruled out stays, so that nobody tries it twice."""

    queryset = Hypothesis.objects.select_related("author", "investigation").order_by("id")
    serializer_class, row_class, filterset_class = shapes.HypothesisSerializer, shapes.HypothesisRow, HypothesisFilters
    deeds = {"delete": hypotheses.delete, "restore": hypotheses.restore}

    def scope(self) -> QuerySet[Any]:
        return super().scope().filter(investigation=self.parent)

    def get_queryset(self) -> QuerySet[Any]:
        return self.scope().alive()  # type: ignore[attr-defined, no-any-return]


class EvidenceViewSet(PartViewSet):
    """What events say about one hypothesis, oldest first; each event once."""

    queryset = Evidence.objects.select_related("author", "hypothesis__investigation").order_by("id")
    serializer_class, new_class = shapes.EvidenceSerializer, shapes.NewEvidenceSerializer
    row_class, filterset_class = shapes.EvidenceRow, EvidenceFilters
    deeds = {"delete": hypotheses.delete_evidence, "restore": hypotheses.restore_evidence}
    conflicting = frozenset({"create", "restore"})

    @cached_property
    def hypothesis(self) -> Hypothesis:
        """Return the hypothesis that the address names."""
        alive = self.investigation.hypotheses.alive()
        found: Hypothesis = get_object_or_404(alive, pk=self.kwargs["hypothesis_id"])
        found.investigation = self.investigation
        return found

    def scope(self) -> QuerySet[Any]:
        return super().scope().filter(hypothesis=self.hypothesis)

    def get_queryset(self) -> QuerySet[Any]:
        return self.scope().standing()  # type: ignore[attr-defined, no-any-return]
