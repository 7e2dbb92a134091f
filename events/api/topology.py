"""Door: who calls whom, over the API."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from events.api.serializers import MomentField
from events.calls import quantile
from events.models import Dependency
from rcaplatform.kit.rest import refuse
from rcaplatform.kit.views import Strict, asked

MOST = 5_000
USUAL, LONGEST = timedelta(days=1), timedelta(days=366)


class TopologyAsked(Strict):
    """Which calls."""

    service = serializers.CharField(required=False, max_length=200, help_text="Calls to and from this service.")
    start = MomentField(required=False, help_text="Hours from then on; a day before end unless told.")
    end = MomentField(required=False, help_text="Hours until then; now unless told.")


class TopologyEdge(serializers.Serializer[Any]):
    """One service calling another."""

    caller = serializers.CharField()
    callee = serializers.CharField()
    environment = serializers.CharField()
    calls = serializers.IntegerField()
    errors = serializers.IntegerField(help_text="Calls that failed.")  # type: ignore[assignment]
    p50_ms = serializers.FloatField(help_text="About how long half of the calls took at most.")
    p95_ms = serializers.FloatField(help_text="About how long 95 % of the calls took at most.")


class Topology(serializers.Serializer[Any]):
    """Who calls whom, the busiest first."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    edges = serializers.ListField(child=TopologyEdge(), help_text=f"At most {MOST:,}.")
    complete = serializers.BooleanField(help_text="Whether these are all.")


class TopologyViewSet(GenericViewSet[Any]):
    """Dependencies between services, as traces tell them."""

    queryset = Dependency.objects.all()
    filter_backends, pagination_class = (), None

    @extend_schema(parameters=[TopologyAsked], responses=Topology)
    def show(self, request: Request) -> Response:
        """Tell which services called which from `start` to `end`, in whole hours."""
        given = asked(TopologyAsked, request)
        start, end = _window(given)
        found = Dependency.objects.visible_to(request.user).within(start, end)
        if service := given.get("service"):
            found = found.around(service)
        edges = found.edges(limit=MOST + 1)
        shown = [
            {
                "caller": edge.caller,
                "callee": edge.callee,
                "environment": edge.environment,
                "calls": edge.calls,
                "errors": edge.errors,
                "p50_ms": quantile(edge.durations, 0.5),
                "p95_ms": quantile(edge.durations, 0.95),
            }
            for edge in edges[:MOST]
        ]
        return Response({"start": start, "end": end, "edges": shown, "complete": len(edges) <= MOST})


def _window(given: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """Return the time that is asked for, in UTC.

    Raises:
        ValidationError: it ends before it starts, or is too long.
    """
    end = given.get("end", timezone.now()).astimezone(UTC)
    start = given.get("start", end - USUAL).astimezone(UTC)
    if end < start:
        refuse("end", "This is before start.")
    if end - start > LONGEST:
        refuse("start", f"At most {LONGEST.days} days before end.")
    return start, end
