"""Door: how often the suspects were right, over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from events.api.serializers import MomentField
from investigations import verdicts
from investigations.choices import SuspectKind
from investigations.models import Investigation
from investigations.reliability import FEWEST
from investigations.verdicts import MOST
from rcaplatform.kit.rest import refuse
from rcaplatform.kit.views import Strict, asked

_NULL = f"Null where fewer than {FEWEST} are decided."


class ReliabilityAsked(Strict):
    """Which investigations."""

    start = MomentField(required=False, help_text="Detected then or later.")
    end = MomentField(required=False, help_text="Detected then or earlier.")


class ScoreBand(serializers.Serializer[Any]):
    """Suspects with a score from one bound up to another; the last band includes 1."""

    named = serializers.IntegerField(help_text="In all.")
    confirmed = serializers.IntegerField()
    dismissed = serializers.IntegerField()
    share_confirmed = serializers.FloatField(allow_null=True, help_text=f"Of those decided. {_NULL}")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add the bounds, one of which is named by a word of Python's."""
        bounds = {"from": serializers.FloatField(), "to": serializers.FloatField()}
        return {**bounds, **super().get_fields()}


class Reliability(serializers.Serializer[Any]):
    """How often one version of the engine was right about one kind of suspect."""

    engine_version = serializers.IntegerField()
    kind = serializers.ChoiceField(SuspectKind.choices)
    decided = serializers.IntegerField(help_text="Investigations of which people said what the cause is, or is not.")
    first = serializers.IntegerField(help_text="In how many of them the cause came first.")
    third = serializers.IntegerField(help_text="In how many of them it was among the first three.")
    share_first = serializers.FloatField(allow_null=True, help_text=f"hit@1. {_NULL}")
    share_third = serializers.FloatField(allow_null=True, help_text=f"hit@3. {_NULL}")
    interval = serializers.ListField(
        child=serializers.FloatField(), allow_null=True, help_text=f"Bounds of hit@1 with 95 % confidence. {_NULL}"
    )
    mean_reciprocal_rank = serializers.FloatField(
        allow_null=True, help_text=f"Mean of one over the place of the cause; 0 where it was not named. {_NULL}"
    )
    bands = ScoreBand(many=True)


class ReliabilityAnswer(serializers.Serializer[Any]):
    """How far suspects can be trusted."""

    results = Reliability(many=True, help_text="The newest version of the engine first.")
    complete = serializers.BooleanField(help_text=f"Whether all were counted, or the {MOST:,} detected last.")


class ReliabilityViewSet(GenericViewSet[Any]):
    """What people made of the suspects."""

    queryset = Investigation.objects.all()
    filter_backends, pagination_class = (), None

    @extend_schema(parameters=[ReliabilityAsked], responses=ReliabilityAnswer)
    def show(self, request: Request) -> Response:
        """Show how often the cause came first, by version of the engine and kind of suspect.

        Counted is what each version answered by itself, before anybody asked it to rank again. An investigation is
        decided once somebody confirmed a suspect, dismissed the first one, or named a change as a cause; what is not
        confirmed counts as not found.
        """
        given = asked(ReliabilityAsked, request)
        found = Investigation.objects.visible_to(request.user)
        if "start" in given and "end" in given and given["end"] < given["start"]:
            refuse("end", "This is before start.")
        if "start" in given:
            found = found.filter(detected_at__gte=given["start"])
        if "end" in given:
            found = found.filter(detected_at__lte=given["end"])
        return Response(ReliabilityAnswer(verdicts.report(found)).data)
