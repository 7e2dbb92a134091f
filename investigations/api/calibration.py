"""Doors: how often suggestions are right, over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from investigations.calibration import report
from investigations.filters import CalibrationFilters
from investigations.models import Link
from rcaplatform.kit.views import ScopedViewSet


class BandSerializer(serializers.Serializer[Any]):
    """Links suggested with a confidence from one bound up to another; the last band includes 1."""

    suggested = serializers.IntegerField(help_text="By the rules, in all.")
    confirmed = serializers.IntegerField()
    rejected = serializers.IntegerField()
    undecided = serializers.IntegerField()
    share_confirmed = serializers.FloatField(allow_null=True, help_text="Of those decided; null when there are none.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add the bounds, one of which is named by a word of Python's."""
        bounds = {"from": serializers.FloatField(), "to": serializers.FloatField()}
        return {**bounds, **super().get_fields()}


class FactorMeanSerializer(serializers.Serializer[Any]):
    """What one strategy scored on average."""

    strategy = serializers.CharField(help_text="time, service, text, reference")
    confirmed = serializers.FloatField(allow_null=True, help_text="Mean score among links that people confirmed.")
    rejected = serializers.FloatField(allow_null=True, help_text="Mean score among links that people rejected.")
    of_confirmed = serializers.IntegerField(help_text="How many confirmed links name it.")
    of_rejected = serializers.IntegerField(help_text="How many rejected links name it.")


class CalibrationSerializer(serializers.Serializer[Any]):
    """What people made of what the rules suggested."""

    bands = BandSerializer(many=True)
    factors = FactorMeanSerializer(many=True)


class CalibrationViewSet(ScopedViewSet):
    """How far a confidence can be trusted."""

    queryset = Link.objects.filter(event__deleted_at__isnull=True, investigation__deleted_at__isnull=True)
    serializer_class, filterset_class, pagination_class = CalibrationSerializer, CalibrationFilters, None

    @extend_schema(filters=True, responses={200: CalibrationSerializer})
    def show(self, request: Request) -> Response:
        """Show, for each band of confidence, how many suggestions people confirmed and rejected."""
        return Response(report(self.filter_queryset(self.scope())))
