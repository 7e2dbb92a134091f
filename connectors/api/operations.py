"""Doors for operators: all dead letters, circuit breakers, and the switch for everything."""

from collections.abc import Iterator
from typing import Any, cast

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts.models import Switch, User
from connectors import breakers, deadletters, health, services
from connectors.api.serializers import (
    BreakerReport,
    Chosen,
    ChosenToDiscard,
    DeadLetterRow,
    DeadLetterShown,
    Discarded,
    Edit,
    Handed,
    Reason,
    RehearsalReport,
    RehearsalRequest,
)
from connectors.api.views import retried, shown
from connectors.choices import DeadLetterState
from connectors.filters import AllDeadLetterFilters
from connectors.models import Breaker, Connector, DeadLetter, Transition

HISTORY = 10


class DeadLetterViewSet(GenericViewSet[DeadLetter]):
    """What could not be processed, of every connector."""

    queryset = DeadLetter.objects.select_related("connector", "delivery")
    serializer_class = DeadLetterRow
    filterset_class = AllDeadLetterFilters
    conflicting = frozenset({"retry"})
    verbs = dict.fromkeys(("retry", "retry_many", "discard_many", "rehearse", "partial_update"), "delete")

    def get_queryset(self) -> QuerySet[DeadLetter]:
        """Leave out of a list what came: it may be large."""
        everything = super().get_queryset()
        return everything.defer("raw", "original", "delivery__body") if self.action == "list" else everything

    def list(self, request: Request, **_: str) -> Response:
        """List dead letters, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(responses=DeadLetterShown)
    def retrieve(self, request: Request, **_: str) -> Response:
        """Show one, with what came."""
        return Response(shown(self.get_object()))

    @extend_schema(request=Edit, responses=DeadLetterShown)
    def partial_update(self, request: Request, **_: str) -> Response:
        """Put something else in the place of what came, before it is tried again. What came is kept."""
        raw = _said(self, Edit, request)["raw"].encode()
        letter = deadletters.edit(dead_letter=self.get_object(), raw=raw, actor=cast("User", request.user))
        return Response(shown(letter))

    @extend_schema(responses={204: OpenApiResponse(description="It stays on record until retention removes it.")})
    def destroy(self, request: Request, **_: str) -> Response:
        """Give one up."""
        by: dict[str, Any] = {"actor": request.user, "now": timezone.now()}
        deadletters.discard(dead_letter=self.get_object(), **by)
        return Response(status=204)

    @extend_schema(request=None, responses=DeadLetterRow)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **_: str) -> Response:
        """Try one again: it becomes events, or stays open with its newest error."""
        return Response(DeadLetterRow(retried(self.get_object(), request)).data)

    @extend_schema(request=RehearsalRequest, responses=RehearsalReport)
    @action(detail=True, methods=["post"])
    def rehearse(self, request: Request, **_: str) -> Response:
        """Decode one, or `raw` in its place, and store nothing."""
        raw = _said(self, RehearsalRequest, request).get("raw")
        letter, now = self.get_object(), timezone.now()
        rehearsal = deadletters.rehearse(dead_letter=letter, now=now, raw=None if raw is None else raw.encode())
        return Response(RehearsalReport(rehearsal).data)

    @extend_schema(request=Chosen, responses={202: Handed}, operation_id="admin_dlq_retry_many")
    @action(detail=False, methods=["post"], url_path="retry")
    def retry_many(self, request: Request) -> Response:
        """Try all open ones again, or those chosen, in the background; what fails again stays open."""
        letters = _chosen(_said(self, Chosen, request))
        queued = deadletters.retry_soon(letters=letters, actor=cast("User", request.user))
        return Response(Handed({"queued": queued}).data, status=202)

    @extend_schema(request=ChosenToDiscard, responses=Discarded, operation_id="admin_dlq_discard_many")
    @action(detail=False, methods=["post"], url_path="discard")
    def discard_many(self, request: Request) -> Response:
        """Give up all open ones of a connector, a stage or a class of error: 10,000 a call, the oldest first."""
        letters = _chosen(_said(self, ChosenToDiscard, request))
        by: dict[str, Any] = {"actor": request.user, "now": timezone.now()}
        return Response(Discarded(deadletters.discard_many(letters=letters, **by)).data)

    @extend_schema(responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    @action(detail=False, pagination_class=None)
    def export(self, request: Request) -> HttpResponseBase:
        """Export dead letters, with what came, as a line of JSON each."""
        lines: Iterator[bytes] = deadletters.exported(self.filter_queryset(self.get_queryset()))
        return StreamingHttpResponse(lines, content_type="application/x-ndjson")


class BreakerStatus(APIView):
    """Circuit breakers."""

    queryset = Breaker.objects.all()

    @extend_schema(responses=BreakerReport, operation_id="admin_circuit_breaker_status")
    def get(self, request: Request) -> Response:
        """Show every circuit breaker with its newest changes, by the connector's name."""
        now = timezone.now()
        return Response(BreakerReport({"checked_at": now, "breakers": _report(health.report(now))}).data)


class BreakerViewSet(GenericViewSet[Connector]):
    """What an operator does to a circuit breaker."""

    queryset = Connector.objects.all()
    serializer_class = Reason
    lookup_field, lookup_value_regex = "name", "[-a-zA-Z0-9_]+"
    verbs = {"reset": "edit", "open": "edit"}

    @extend_schema(request=None, responses=BreakerReport)
    @action(detail=True, methods=["post"])
    def reset(self, request: Request, name: str) -> Response:
        """Close it: the source is asked at once."""
        breakers.reset(connector=self.get_object(), actor=cast("User", request.user), now=timezone.now())
        return self._now(name)

    @extend_schema(request=Reason, responses=BreakerReport)
    @action(detail=True, methods=["post"])
    def open(self, request: Request, name: str) -> Response:
        """Open it: the source is not asked until somebody resets it."""
        said = _said(self, Reason, request)
        by: dict[str, Any] = {"actor": request.user, "now": timezone.now()}
        breakers.force_open(connector=self.get_object(), reason=said["reason"], **by)
        return self._now(name)

    def _now(self, name: str) -> Response:
        now = timezone.now()
        return Response(BreakerReport({"checked_at": now, "breakers": _report(health.report(now, name=name))}).data)


class HaltView(APIView):
    """The switch for every connector at once."""

    queryset = Switch.objects.all()
    conflicting = frozenset({"post", "delete"})

    @extend_schema(request=Reason, responses={204: OpenApiResponse(description="None is polled, no webhook taken.")})
    def post(self, request: Request) -> Response:
        """Stop every connector."""
        body = Reason(data=request.data)
        body.is_valid(raise_exception=True)
        services.halt(actor=cast("User", request.user), now=timezone.now(), **body.validated_data)
        return Response(status=204)

    @extend_schema(responses={204: OpenApiResponse(description="Those that are on are due at once.")})
    def delete(self, request: Request) -> Response:
        """Let them go on."""
        services.resume(actor=cast("User", request.user), now=timezone.now())
        return Response(status=204)


def _chosen(said: dict[str, Any]) -> QuerySet[DeadLetter]:
    """Return the open letters that a body chooses."""
    chosen = {"connector__name" if name == "connector" else name: value for name, value in said.items()}
    return DeadLetter.objects.filter(state=DeadLetterState.OPEN, **chosen)


def _said(view: Any, shape: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """Return what the body says, checked."""
    serializer = shape(data=request.data, context=view.get_serializer_context())
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


def _report(healths: list[health.Health]) -> list[dict[str, Any]]:
    """Return breakers with their newest changes, in one question for all."""
    moves: dict[Any, list[Transition]] = {one.connector.pk: [] for one in healths}
    for move in Transition.objects.filter(connector__in=moves).order_by("-id")[: HISTORY * max(len(moves), 1)]:
        moves[move.connector_id].append(move)
    return [
        {"connector": one.connector, "breaker": one.breaker, "history": moves[one.connector.pk][:HISTORY]}
        for one in healths
    ]
