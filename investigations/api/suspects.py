"""Doors: who or what the engine suspects, over the API, and what people make of it."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from investigations import suspicion
from investigations.api.views import PARENT, PartViewSet, given
from investigations.choices import SuspectKind, SuspectState
from investigations.models import Suspect, SuspectReport
from rcaplatform.kit.views import Shown, Strict

ONE = OpenApiParameter("suspect_id", OpenApiTypes.UUID, OpenApiParameter.PATH)


class SuspectEvidence(Shown):
    """One sentence, and the events it rests on."""

    text = serializers.CharField()
    events = serializers.ListField(child=serializers.UUIDField())


class SuspectShown(Shown):
    """A probable cause, and why."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(SuspectKind.choices)
    name = serializers.CharField(help_text="A commit, a service, or a service and its metric.")
    place = serializers.IntegerField(help_text="1 for the first of its kind.")
    score = serializers.FloatField(help_text="0 to 1; comparable within a kind.")
    evidence = SuspectEvidence(many=True)
    event = serializers.UUIDField(source="event_id", allow_null=True)
    state = serializers.ChoiceField(SuspectState.choices)
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class SourceAsked(Shown):
    """What a source said when it was asked about the time of the incident."""

    source = serializers.CharField()  # type: ignore[assignment]
    said = serializers.CharField(help_text="What it told, or why it did not.")
    failed = serializers.BooleanField(help_text="It did not answer.")


class SuspectReportShown(Shown):
    """What the engine answered, from what was known when it was asked. Without suspects nothing stood out."""

    id = serializers.UUIDField()
    engine_version = serializers.IntegerField()
    computed_at = serializers.DateTimeField()
    computed_by = serializers.CharField(source="computed_by.username", default=None, allow_null=True)
    events = serializers.IntegerField(help_text="How many events it was read from.")
    sources = SourceAsked(many=True)
    onset = serializers.DateTimeField(allow_null=True)
    no_change_cause = serializers.BooleanField(help_text="No change explains it.")
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Why no change does.")
    first_failing_service = serializers.CharField()
    blast_radius = serializers.ListField(child=serializers.CharField())
    remediation = serializers.CharField()
    problem = serializers.CharField(help_text="Why there is no answer; empty: there is one.")
    suspects = SuspectShown(many=True)


class Judgement(Strict):
    """What a person makes of a suspect."""

    state = serializers.ChoiceField(SuspectState.choices)


@extend_schema(parameters=[PARENT])
class SuspectReportViewSet(PartViewSet):
    """The suspects of an investigation: the newest answer of the engine."""

    queryset = SuspectReport.objects.all()
    serializer_class = SuspectReportShown
    filterset_class = None
    verbs = {"compute": "edit"}

    @extend_schema(responses=SuspectReportShown)
    def show(self, request: Request, **_: str) -> Response:
        """Show the newest ranking; 404 while the first one is being made, seconds after the investigation opened."""
        report = suspicion.newest(self.parent)
        if report is None:
            raise Http404("The suspects have not been ranked yet.")
        return Response(SuspectReportShown(report).data)

    @extend_schema(request=None, responses={201: SuspectReportShown})
    def compute(self, request: Request, **_: str) -> Response:
        """Rank anew, from what is known now; what people said about a suspect stays."""
        suspicion.compute(investigation=self.investigation, **self.by())
        return Response(SuspectReportShown(suspicion.newest(self.parent)).data, status=201)


@extend_schema(parameters=[PARENT, ONE])
class SuspectViewSet(PartViewSet):
    """One suspect."""

    queryset = Suspect.objects.select_related("report__investigation", "event", "decided_by")
    serializer_class, lookup_field, lookup_url_kwarg = SuspectShown, "pk", "suspect_id"
    filterset_class = None
    verbs = {"judge": "edit"}

    def get_queryset(self) -> QuerySet[Any]:
        return self.scope().filter(report__investigation=self.parent)

    @extend_schema(request=Judgement, responses=SuspectShown)
    def judge(self, request: Request, **_: str) -> Response:
        """Confirm a suspect, dismiss it, or take that back. The event of a confirmed change is named a cause."""
        state = given(Judgement, request, "state")
        suspect = suspicion.decide(suspect=self.get_object(), state=state, **self.by())
        return Response(SuspectShown(suspect).data)
