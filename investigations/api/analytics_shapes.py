"""Shapes of analytics at the API door: what one may ask, and the answers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone
from rest_framework import serializers

from events.api.serializers import MomentField
from events.choices import Severity, Source
from investigations.choices import ImpactSeverity
from rcaplatform.kit.buckets import Bucket, TooManyBuckets, edges
from rcaplatform.kit.rest import refuse
from rcaplatform.kit.views import Strict

USUAL_DAYS, MOST_DAYS = 30, 3_660
_ZONES = frozenset(available_timezones())


class Moment(MomentField):
    """A time in an address, where a ``+`` has become a space."""

    def to_internal_value(self, value: Any) -> datetime:
        """Return the time in UTC."""
        text = value.replace(" ", "+") if isinstance(value, str) and "T" in value else value
        return super().to_internal_value(text).astimezone(UTC)


class Span(Strict):
    """A span of time, and which part of everything to look at; every parameter narrows."""

    start = Moment(required=False, help_text=f"Then or later; {USUAL_DAYS} days before end unless told.")
    end = Moment(required=False, help_text="Then or earlier; now unless told.")
    service = serializers.CharField(required=False, max_length=200, help_text="Exactly this service.")
    component = serializers.CharField(required=False, max_length=200, help_text="Exactly this component.")

    def refused(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Let pass the parameter that chooses between JSON and a page."""
        wrong = super().refused(data)
        wrong.pop("format", None)
        return wrong


class Zoned(serializers.Serializer[Any]):
    """How a span is divided."""

    bucket = serializers.ChoiceField(
        choices=[(bucket.value, bucket.value) for bucket in Bucket],
        default=Bucket.DAY.value,
        help_text="How finely it is divided: at most 2,000 buckets.",
    )
    tz = serializers.CharField(
        default="UTC", max_length=64, help_text="Time zone in which days begin: Europe/Zurich (IANA)."
    )

    def validate_tz(self, name: str) -> str:
        """Refuse what is no time zone."""
        if name not in _ZONES:
            raise serializers.ValidationError("There is no such time zone; give one like Europe/Zurich.")
        return name


class EventSpan(Span):
    """Which events."""

    source = serializers.MultipleChoiceField(  # type: ignore[assignment]  # a parameter, not where a field comes from
        choices=Source.choices, required=False, help_text="Kind of system; given several times, one of them."
    )
    severity = serializers.MultipleChoiceField(
        choices=Severity.choices, required=False, help_text="How bad; given several times, one of them."
    )


class EventBuckets(Zoned, EventSpan):
    """Which events, and how their span is divided."""


class InvestigationSpan(Span):
    """Which investigations."""

    severity = serializers.MultipleChoiceField(
        choices=ImpactSeverity.choices, required=False, help_text="Impact; given several times, one of them."
    )


class InvestigationBuckets(Zoned, InvestigationSpan):
    """Which investigations, and how their span is divided."""


class Asked:
    """What was asked, with the span settled.

    Raises:
        ValidationError: the span is turned round, too long, or has too many buckets; names the parameter.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given: dict[str, Any] = {
            name: sorted(value) if isinstance(value, set) else value for name, value in given.items()
        }
        self.end: datetime = given.get("end") or timezone.now()
        self.start: datetime = given.get("start") or self.end - timedelta(days=USUAL_DAYS)
        if self.start > self.end:
            refuse("start", "This is after end.")
        if self.end - self.start > timedelta(days=MOST_DAYS):
            refuse("start", f"A span has at most {MOST_DAYS:,} days.")
        self.edges = self._edges() if "bucket" in given else []

    def _edges(self) -> list[datetime]:
        try:
            return edges(self.start, self.end, Bucket(self.given["bucket"]), ZoneInfo(self.given["tz"]))
        except TooManyBuckets as problem:
            refuse("bucket", str(problem))

    def narrowed(self, **columns: str) -> dict[str, Any]:
        """Return conditions for a queryset: those of ``columns``, parameter to column, that were given."""
        return {
            f"{column}__in" if isinstance(value, list) else column: value
            for name, column in columns.items()
            if (value := self.given.get(name))
        }

    def frame(self) -> dict[str, Any]:
        """Return the span, as every answer repeats it."""
        divided: dict[str, Any] = {name: self.given[name] for name in ("bucket", "tz") if name in self.given}
        return {"start": self.start, "end": self.end, **divided}


class Framed(serializers.Serializer[Any]):
    """The span an answer is about, both ends included."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class Divided(Framed):
    """A span in buckets; none is left out."""

    bucket = serializers.ChoiceField(choices=[(bucket.value, bucket.value) for bucket in Bucket])
    tz = serializers.CharField()


class Begun(serializers.Serializer[Any]):
    """A bucket."""

    start = serializers.DateTimeField(help_text="When it begins, with the offset of the time zone.")


def counts(name: str, choices: type[Any]) -> type[serializers.Serializer[Any]]:
    """Return the shape of a number for each of some choices."""
    fields = {value: serializers.IntegerField() for value in choices.values}
    return type(name, (serializers.Serializer,), fields)


SourceCounts, SeverityCounts = counts("SourceCounts", Source), counts("SeverityCounts", Severity)


class SourceBucket(Begun, SourceCounts):  # type: ignore[misc, valid-type]
    """Events of each source in one bucket."""


class SeverityBucket(Begun, SeverityCounts):  # type: ignore[misc, valid-type]
    """Events of each severity in one bucket."""


class EventsBySource(Divided):
    """Events of each source over time."""

    total = serializers.IntegerField()
    totals = SourceCounts()
    buckets = SourceBucket(many=True)


class EventsBySeverity(Divided):
    """Events of each severity over time."""

    total = serializers.IntegerField()
    totals = SeverityCounts()
    buckets = SeverityBucket(many=True)


class SourceRow(serializers.Serializer[Any]):
    """What one source told."""

    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]  # as above
    events = serializers.IntegerField()
    first = serializers.DateTimeField(allow_null=True)
    last = serializers.DateTimeField(allow_null=True)


class Sources(Framed):
    """What each source told."""

    total = serializers.IntegerField()
    sources = SourceRow(many=True)


class TimelineBucket(Begun):
    """Investigations of one bucket."""

    opened = serializers.IntegerField(help_text="Detected in it.")
    resolved = serializers.IntegerField(help_text="Resolved in it.")


class Timeline(Divided):
    """Investigations over time."""

    opened = serializers.IntegerField()
    resolved = serializers.IntegerField()
    buckets = TimelineBucket(many=True)


class Numbered(serializers.Serializer[Any]):
    """How many investigations."""

    investigations = serializers.IntegerField(help_text="Detected in the span.")
    active = serializers.IntegerField(help_text="Of these, still open or in progress.")


class SeverityRow(Numbered):
    """Investigations of one impact severity."""

    severity = serializers.ChoiceField(choices=ImpactSeverity.choices)


class SeverityDistribution(Framed):
    """Investigations by impact severity."""

    total = serializers.IntegerField()
    severities = SeverityRow(many=True)


class TimeToResolve(serializers.Serializer[Any]):
    """Minutes from detection to the end; null when nothing ended."""

    resolved = serializers.IntegerField(help_text="How many this is measured by.")
    mean_minutes = serializers.FloatField(allow_null=True)
    median_minutes = serializers.FloatField(allow_null=True)
    p90_minutes = serializers.FloatField(allow_null=True, help_text="Nine in ten took no longer.")


class SeverityTimeToResolve(TimeToResolve):
    """The same for one impact severity."""

    severity = serializers.ChoiceField(choices=ImpactSeverity.choices)


class MeanTimeToResolve(Framed):
    """How long investigations that ended in the span took."""

    overall = TimeToResolve()
    severities = SeverityTimeToResolve(many=True)


class ComponentRow(Numbered, TimeToResolve):
    """Investigations of one component of one service."""

    service = serializers.CharField(allow_blank=True)
    component = serializers.CharField(allow_blank=True)


class Components(Framed):
    """Investigations by component, those with the most first."""

    components = ComponentRow(many=True)
    more = serializers.BooleanField(help_text="There are more than these 100: narrow the question.")
