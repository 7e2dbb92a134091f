"""Doors: what happened, counted, over the API. Answers are kept for five minutes or until something changes."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from events import analytics as events
from events.choices import Severity, Source
from events.models import Event
from investigations import analytics as investigations
from investigations.api import analytics_shapes as shapes
from investigations.api.analytics_shapes import Asked
from investigations.models import Investigation
from rcaplatform.kit.answers import kept
from rcaplatform.kit.replica import may_lag

EVENTS = {"source": "source", "severity": "severity", "service": "service", "component": "component"}
INVESTIGATIONS = {"severity": "impact_severity", "service": "service_affected", "component": "component_affected"}


class AnalyticsViewSet(GenericViewSet[Any]):
    """Questions about what the person may see. A subclass names ``queryset`` and the topics that end an answer."""

    about: ClassVar[tuple[str, ...]]
    settles: ClassVar[float] = 0.0
    filter_backends, pagination_class = (), None

    def answer(self, shape: type[Serializer[Any]], make: Callable[[Asked], Mapping[str, Any]]) -> Response:
        """Answer what the parameters ask, from what is kept where that is still true.

        Raises:
            ValidationError: a parameter is unknown or wrong; names it.
        """
        may_lag(self.request)
        query = shape(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        asked = Asked(query.validated_data)
        question = (self.action, getattr(self.request.user, "role", ""), sorted(asked.given.items()))
        return Response(kept(question, about=self.about, settles=self.settles, make=lambda: make(asked)))

    def visible(self) -> Any:
        """Return what the person may see."""
        return self.get_queryset().visible_to(self.request.user)  # type: ignore[attr-defined]


class EventAnalytics(AnalyticsViewSet):
    """Events, counted. Where they come in all the time, an answer is made at most once a second."""

    queryset = Event.objects.all()
    about, settles = ("events",), 1.0

    @extend_schema(parameters=[shapes.EventBuckets], responses=shapes.EventsBySource)
    def by_source(self, request: Request) -> Response:
        """Count the events of each source in each bucket."""
        return self.answer(shapes.EventBuckets, lambda asked: self._divided(asked, "source", Source.values))

    @extend_schema(parameters=[shapes.EventBuckets], responses=shapes.EventsBySeverity)
    def by_severity(self, request: Request) -> Response:
        """Count the events of each severity in each bucket."""
        return self.answer(shapes.EventBuckets, lambda asked: self._divided(asked, "severity", Severity.values))

    @extend_schema(parameters=[shapes.EventSpan], responses=shapes.Sources)
    def sources(self, request: Request) -> Response:
        """Count the events of each source, with its first and its last."""
        return self.answer(shapes.EventSpan, self._sources)

    def _within(self, asked: Asked) -> Any:
        return self.visible().between(asked.start, asked.end).filter(**asked.narrowed(**EVENTS))

    def _divided(self, asked: Asked, by: str, values: list[str]) -> dict[str, Any]:
        found = events.per_bucket(self._within(asked), by=by, edges=asked.edges)
        buckets = [
            {"start": edge, **{value: count.get(value, 0) for value in values}}
            for edge, count in zip(asked.edges, found, strict=True)
        ]
        totals = {value: sum(count.get(value, 0) for count in found) for value in values}
        return {**asked.frame(), "total": sum(totals.values()), "totals": totals, "buckets": buckets}

    def _sources(self, asked: Asked) -> dict[str, Any]:
        told = events.by_source(self._within(asked))
        return {**asked.frame(), "total": sum(row["events"] for row in told), "sources": told}


class InvestigationAnalytics(AnalyticsViewSet):
    """Investigations, counted and timed."""

    queryset = Investigation.objects.all()
    about = ("investigations", "investigation")

    @extend_schema(parameters=[shapes.InvestigationBuckets], responses=shapes.Timeline)
    def timeline(self, request: Request) -> Response:
        """Count the investigations opened and resolved in each bucket."""
        return self.answer(shapes.InvestigationBuckets, self._timeline)

    @extend_schema(parameters=[shapes.InvestigationSpan], responses=shapes.SeverityDistribution)
    def severities(self, request: Request) -> Response:
        """Count the investigations detected in the span by impact severity."""
        return self.answer(shapes.InvestigationSpan, self._severities)

    @extend_schema(parameters=[shapes.InvestigationSpan], responses=shapes.MeanTimeToResolve)
    def mttr(self, request: Request) -> Response:
        """Say how many minutes the investigations resolved in the span took, by impact severity."""
        return self.answer(shapes.InvestigationSpan, self._mttr)

    @extend_schema(parameters=[shapes.InvestigationSpan], responses=shapes.Components)
    def components(self, request: Request) -> Response:
        """Count and time the investigations detected in the span by component, those with the most first."""
        return self.answer(shapes.InvestigationSpan, self._components)

    def _those(self, asked: Asked, column: str = "") -> Any:
        within = {f"{column}__range": (asked.start, asked.end)} if column else {}
        return self.visible().filter(**within, **asked.narrowed(**INVESTIGATIONS))

    def _timeline(self, asked: Asked) -> dict[str, Any]:
        found = investigations.timeline(self._those(asked), start=asked.start, end=asked.end, edges=asked.edges)
        buckets = [{"start": edge, **count} for edge, count in zip(asked.edges, found, strict=True)]
        totals = {name: sum(count[name] for count in found) for name in ("opened", "resolved")}
        return {**asked.frame(), **totals, "buckets": buckets}

    def _severities(self, asked: Asked) -> dict[str, Any]:
        found = investigations.by_severity(self._those(asked, "detected_at"))
        return {**asked.frame(), "total": sum(row["investigations"] for row in found), "severities": found}

    def _mttr(self, asked: Asked) -> dict[str, Any]:
        return {**asked.frame(), **investigations.time_to_resolve(self._those(asked, "resolved_at"))}

    def _components(self, asked: Asked) -> dict[str, Any]:
        found, more = investigations.by_component(self._those(asked, "detected_at"))
        return {**asked.frame(), "components": found, "more": more}
