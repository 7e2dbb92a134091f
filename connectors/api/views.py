"""Doors: how the connectors fare, and what of theirs could not be processed."""

from typing import Any, cast

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts.models import User
from connectors import deadletters, health, services
from connectors.api.serializers import (
    DeadLetterRow,
    DeadLetterShown,
    HealthReport,
    HealthRow,
    KindShown,
    PreviewReport,
    PreviewRequest,
)
from connectors.base import Pull, Push
from connectors.filters import DeadLetterFilters
from connectors.models import Connector, DeadLetter
from connectors.preview import preview
from connectors.registry import SOURCES


class ConnectorHealth(APIView):
    """How the connectors fare. Asked afresh every time: whoever looks wants to know how it is now."""

    queryset = Connector.objects.all()

    @extend_schema(responses=HealthReport)
    def get(self, request: Request) -> Response:
        """Show state, circuit breaker, lag and what waits of every connector, by name."""
        now = timezone.now()
        return Response(HealthReport({"checked_at": now, "connectors": health.report(now)}).data)


class ConnectorViewSet(GenericViewSet[Connector]):
    """Connectors by name."""

    queryset = Connector.objects.all()
    serializer_class = HealthRow
    lookup_field, lookup_value_regex = "name", "[-a-zA-Z0-9_]+"
    pagination_class = None
    conflicting = frozenset({"poll"})

    @extend_schema(responses=KindShown(many=True))
    @action(detail=False)
    def kinds(self, request: Request) -> Response:
        """Show what can be connected, and what each kind must be told."""
        kinds = [
            {
                "kind": kind,
                "label": source.label,
                "polled": issubclass(source, Pull),
                "pushed": issubclass(source, Push),
                "settings": source.Config.settings(),
            }
            for kind, source in sorted(SOURCES.items())
        ]
        return Response(KindShown(kinds, many=True).data)

    @extend_schema(request=PreviewRequest, responses=PreviewReport)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Show what a connector with these settings would make of a delivery, before it is made."""
        body = PreviewRequest(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        shown = preview(said["kind"], said["settings"], said["sample"], now=timezone.now(), event=said["event"])
        return Response(PreviewReport(shown).data)

    @extend_schema(responses=HealthRow, operation_id="connector_status")
    @action(detail=True)
    def status(self, request: Request, name: str) -> Response:
        """Show how one connector fares."""
        found = health.report(timezone.now(), name=name)
        if not found:
            raise NotFound
        return Response(HealthRow(found[0]).data)

    @extend_schema(request=None, responses={202: HealthRow})
    @action(detail=True, methods=["post"])
    def poll(self, request: Request, name: str) -> Response:
        """Have one polled soon, without waiting for its interval or back-off."""
        now = timezone.now()
        services.poll_soon(connector=self.get_object(), actor=cast("User", request.user), now=now)
        return Response(HealthRow(health.report(now, name=name)[0]).data, status=202)


class DeadLettersOfConnector(GenericViewSet[DeadLetter]):
    """What of one connector could not be processed."""

    queryset = DeadLetter.objects.select_related("connector").defer("raw", "original")
    serializer_class = DeadLetterRow
    filterset_class = DeadLetterFilters
    verbs = {"retry": "edit"}
    conflicting = frozenset({"retry"})

    def get_queryset(self) -> QuerySet[DeadLetter]:
        """Return those of the connector in the address."""
        connector = get_object_or_404(Connector, name=self.kwargs["name"])
        return super().get_queryset().filter(connector=connector)

    def list(self, request: Request, **_: str) -> Response:
        """List dead letters, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=None, responses=DeadLetterRow)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **_: str) -> Response:
        """Try one again: it becomes events, or stays open with its newest error."""
        return Response(DeadLetterRow(retried(self.get_object(), request)).data)


def retried(letter: DeadLetter, request: Request) -> DeadLetter:
    """Try a letter again on behalf of whoever asks."""
    return deadletters.retry(dead_letter=letter, actor=cast("User", request.user), now=timezone.now())


def shown(letter: DeadLetter) -> Any:
    """Return a letter with what came."""
    return DeadLetterShown(letter).data
