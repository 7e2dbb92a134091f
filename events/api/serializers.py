"""Shapes of events at the API door."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from events import services
from events.choices import Severity, Source
from events.drafts import EARLIEST, LATEST, MAX_TAG, MAX_TAGS
from events.models import Event
from rcaplatform.kit.search import marked
from rcaplatform.kit.views import Rows, Strict, StrictSerializer

_EXAMPLE = {
    "timestamp": "2026-03-01T09:14:00Z",
    "source": "manual",
    "source_id": "change-4711",
    "event_type": "config_change",
    "title": "Raised the connection pool of checkout to 200",
    "severity": "low",
    "service": "checkout",
    "environment": "production",
    "tags": ["database", "pool"],
    "url": "https://changes.example.org/4711",
    "data": {"before": 50, "after": 200},
}


@extend_schema_field({"type": "object", "additionalProperties": {}})
class ObjectField(serializers.JSONField):
    """A JSON object."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse whatever is not an object."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("Give a JSON object.")
        return super().to_internal_value(data)


class MomentField(serializers.DateTimeField):
    """A time within the years an event or an incident can have."""

    def to_internal_value(self, value: Any) -> datetime:
        """Refuse a time outside 1970 to 2199."""
        moment: datetime = super().to_internal_value(value)
        if not EARLIEST <= moment < LATEST:
            raise serializers.ValidationError("Give a time from 1970 to 2199.")
        return moment


class TagsField(serializers.ListField):
    """Words to find a thing by: each once, in the order given."""

    def __init__(self, **options: Any) -> None:
        if not options.get("required"):
            options.setdefault("default", list)
        super().__init__(child=serializers.CharField(max_length=MAX_TAG), max_length=MAX_TAGS, **options)

    def to_internal_value(self, data: Any) -> list[str]:
        """Leave out repetitions."""
        return list(dict.fromkeys(super().to_internal_value(data)))


def web_address(value: str) -> None:
    """Refuse what a page could not safely link to; internal host names are welcome."""
    if value and not value.startswith(("https://", "http://")):
        raise serializers.ValidationError("Give an http or https address.")


class EventSerializer(StrictSerializer):
    """One event with everything known of it. What identifies it, and what was received, cannot be changed."""

    timestamp = MomentField(help_text="When it occurred.")
    tags = TagsField()
    url = serializers.CharField(max_length=2000, allow_blank=True, default="", validators=[web_address])
    data = ObjectField(default=dict, help_text="What this kind of event has to say.")  # type: ignore[assignment]
    metadata = ObjectField(default=dict)
    origin_name = serializers.CharField(source="origin.name", read_only=True)

    class Meta:
        model = Event
        fields = [
            "id", "timestamp", "source", "source_id", "event_type", "title", "severity", "service", "component",
            "environment", "tags", "url", "data", "raw_data", "metadata", "origin", "origin_name", "received_at",
            "parsed_at", "linked_at", "first_seen_at", "updated_at", "deleted_at", "version",
        ]  # fmt: skip
        read_only_fields = [
            "source", "source_id", "raw_data", "origin", "received_at", "parsed_at", "linked_at", "first_seen_at",
            "updated_at", "deleted_at", "version",
        ]  # fmt: skip

    def update(self, instance: Event, validated_data: dict[str, Any]) -> Event:
        """Change it by its deed."""
        actor, now = validated_data.pop("actor"), validated_data.pop("now")
        return services.edit(event=instance, changes=validated_data, actor=actor, now=now)


@extend_schema_serializer(examples=[OpenApiExample("A change made by hand", value=_EXAMPLE, request_only=True)])
class NewEventSerializer(EventSerializer):
    """An event told by an API client: only the title is required."""

    timestamp = MomentField(required=False, help_text="When it occurred; now unless told.")
    source = serializers.ChoiceField(Source.choices, default=Source.MANUAL)  # type: ignore[assignment]
    source_id = serializers.CharField(
        max_length=300, required=False, help_text="The external id. Told twice, an event is stored once."
    )
    event_type = serializers.CharField(max_length=50, default="observation")
    severity = serializers.ChoiceField(Severity.choices, default=Severity.INFO)
    raw_data = serializers.JSONField(default=None, allow_null=True, help_text="As received.")


def shown(event: Event) -> dict[str, Any]:
    """Return what `EventSerializer` shows of an event, at a twentieth of its price."""
    told_by = {"origin": event.origin_id, "origin_name": event.origin.name}
    fields = EventSerializer.Meta.fields
    return {name: told_by[name] if name in told_by else getattr(event, name) for name in fields}


class RefusedItem(serializers.Serializer[Any]):
    """One item of a bulk call that was refused."""

    index = serializers.IntegerField(help_text="Its place in the array, or its line, from 0.")
    source_id = serializers.CharField(required=False)
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), help_text="Messages by field, as of one event."
    )


class BulkReport(serializers.Serializer[Any]):
    """What became of the items of a bulk call; `received` is the sum of the next three."""

    received = serializers.IntegerField()
    stored = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Known already, or told twice by the call itself.")
    refused = serializers.IntegerField()
    errors = serializers.ListField(child=RefusedItem(), help_text="Why, for the first 100 refused.")  # type: ignore[assignment]


class TagsRequest(Strict):
    """Tags to give or to add."""

    tags = TagsField(required=True)


class EventTags(serializers.Serializer[Any]):
    """The tags of an event."""

    tags = serializers.ListField(child=serializers.CharField())
    version = serializers.IntegerField()


class EventRow(Rows):
    """One event in a list: without its data, which may be large."""

    id = serializers.UUIDField()
    timestamp = serializers.DateTimeField()
    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]
    source_id = serializers.CharField()
    event_type = serializers.CharField()
    title = serializers.CharField()
    severity = serializers.ChoiceField(Severity.choices)
    service = serializers.CharField()
    component = serializers.CharField()
    environment = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    url = serializers.CharField()
    origin_name = serializers.CharField(source="origin.name")
    received_at = serializers.DateTimeField()
    linked_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()


class EventHit(EventRow):
    """One event that a search found."""

    excerpt = serializers.CharField(help_text="HTML: where it speaks of the words searched for, those in <mark>.")

    @classmethod
    def shown(cls, row: dict[str, Any]) -> dict[str, Any]:
        """Make the excerpt fit for a page."""
        return {**row, "excerpt": marked(row["excerpt"])}
