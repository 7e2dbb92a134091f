"""Door: what is different about the window of an incident, over the API."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from events.api.serializers import MomentField
from events.choices import Source
from investigations import comparing
from investigations.api.views import PARENT, PartViewSet
from investigations.comparing import LONGEST, MOST, Span
from investigations.differences import CLEAR, FEWEST, SHOWN
from investigations.models import Investigation
from rcaplatform.kit.rest import refuse
from rcaplatform.kit.views import Strict, asked

_NEXT = {"start": "end", "baseline_start": "baseline_end"}


class DifferenceAsked(Strict):
    """Which windows to compare."""

    start = MomentField(required=False, help_text="Where the window begins: the onset unless told.")
    end = MomentField(required=False, help_text="Where it ends: 30 minutes after its start unless told.")
    baseline_start = MomentField(required=False, help_text="Two hours before the end of the baseline unless told.")
    baseline_end = MomentField(required=False, help_text="Where the baseline ends: at start unless told.")


class SpanShown(serializers.Serializer[Any]):
    """From when to when."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField(help_text="No longer part of it.")


class PopulationShown(serializers.Serializer[Any]):
    """How many events of one source there were. A burst counts for the lines it folds, up to a hundred."""

    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]
    window = serializers.IntegerField()
    baseline = serializers.IntegerField()
    compared = serializers.BooleanField(help_text=f"Whether both have the {FEWEST} events it takes to say anything.")


class DifferenceShown(serializers.Serializer[Any]):
    """One value that is more, or less, frequent in the window than in the baseline."""

    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]
    attribute = serializers.CharField()
    value = serializers.CharField()
    window = serializers.IntegerField(help_text="Events that have it, in the window.")
    baseline = serializers.IntegerField(help_text="Events that have it, in the baseline.")
    window_share = serializers.FloatField(help_text="0 to 1, of the source's events in the window.")
    baseline_share = serializers.FloatField(help_text="0 to 1, of the source's events in the baseline.")
    log_odds = serializers.FloatField(help_text="Natural logarithm of the ratio of the odds, drawn towards 0.")
    score = serializers.FloatField(help_text=f"That in its standard errors; {CLEAR:.0f} or more away from 0.")


class Difference(serializers.Serializer[Any]):
    """What differs, the clearest first."""

    window = SpanShown()
    baseline = SpanShown()
    populations = PopulationShown(many=True)
    more = DifferenceShown(many=True, help_text=f"More frequent in the window: at most {SHOWN}.")
    less = DifferenceShown(many=True, help_text=f"Less frequent in the window: at most {SHOWN}.")
    complete = serializers.BooleanField(
        help_text=f"Whether all events were read; else the {MOST:,} of either window that are nearest to its start."
    )


class DifferenceViewSet(PartViewSet):
    """What is over- and under-represented when an incident began."""

    queryset: QuerySet[Any] = Investigation.objects.all()
    serializer_class, filterset_class = Difference, None

    @extend_schema(parameters=[PARENT, DifferenceAsked], responses=Difference)
    def show(self, request: Request, **_: str) -> Response:
        """Compare the attributes of the events in a window with those in its baseline.

        Logs, traces, metrics and alerts count, linked or not, each source compared with itself.
        """
        window, baseline = _spans(self.investigation, asked(DifferenceAsked, request))
        found = comparing.compared(self.investigation, window, baseline)
        told = found.differences
        answer = {
            "window": window,
            "baseline": baseline,
            "populations": told.populations,
            "more": told.more,
            "less": told.less,
            "complete": found.complete,
        }
        return Response(Difference(answer).data)


def _spans(investigation: Investigation, given: Mapping[str, Any]) -> tuple[Span, Span]:
    """Return the windows that are asked for.

    Raises:
        ValidationError: one ends before it starts, is too long, or they overlap.
    """
    start = given.get("start") or comparing.onset_of(investigation)
    window = Span(start, given.get("end") or start + comparing.WINDOW)
    end = given.get("baseline_end") or start
    baseline = Span(given.get("baseline_start") or end - comparing.BASELINE, end)
    for name, span in (("end", window), ("baseline_end", baseline)):
        if span.end <= span.start:
            refuse(name, "This is not after the start.")
        if span.end - span.start > LONGEST:
            refuse(name, f"At most {LONGEST.days} days after the start.")
    if baseline.start < window.end and window.start < baseline.end:
        refuse("baseline_end", "The baseline overlaps the window.")
    return window, baseline
