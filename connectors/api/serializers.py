"""Shapes of connectors at the API door."""

from typing import Any

from rest_framework import serializers

from connectors.choices import BreakerState, Stage
from connectors.deadletters import MAX_EDITED
from connectors.health import STATES
from connectors.models import DeadLetter
from rcaplatform.kit.views import Strict


class HealthRow(serializers.Serializer[Any]):
    """How one connector fares. Its settings and secrets are not shown."""

    name = serializers.CharField(source="connector.name")
    kind = serializers.CharField(source="connector.kind")
    state = serializers.ChoiceField(
        choices=STATES,
        help_text=(
            "failing: its last poll failed; resting: its circuit breaker is open; stopped: it is not tried again until "
            "its setting is mended; waiting: it has yet to succeed; late: no worker polls it; halted: all are stopped."
        ),
    )
    enabled = serializers.BooleanField(source="connector.enabled")
    last_success_at = serializers.DateTimeField(source="connector.last_success_at", allow_null=True)
    next_poll_at = serializers.DateTimeField(
        source="connector.next_poll_at", allow_null=True, help_text="Null for one that is never polled."
    )
    lag_seconds = serializers.FloatField(help_text="How long a poll that is due, or the oldest delivery, has waited.")
    failures = serializers.IntegerField(source="connector.failures", help_text="Failed polls in a row.")
    last_error = serializers.CharField(source="connector.last_error", allow_blank=True)
    breaker = serializers.ChoiceField(source="breaker.state", choices=BreakerState.choices)
    dead_letters = serializers.IntegerField(help_text="Items that nobody has dealt with yet.")
    gaps = serializers.IntegerField(help_text="Windows of the last day of which the source did not tell everything.")
    deliveries_pending = serializers.IntegerField(source="pending", help_text="Webhook calls not digested yet.")


class HealthReport(serializers.Serializer[Any]):
    """How every connector fares."""

    checked_at = serializers.DateTimeField()
    connectors = HealthRow(many=True)


_LETTER = (
    *("id", "connector", "stage", "reference", "kind", "error", "message", "attempts", "state"),
    *("created_at", "resolved_at"),
)


class DeadLetterRow(serializers.ModelSerializer[DeadLetter]):
    """An item that could not be processed, without its content."""

    connector = serializers.CharField(source="connector.name")

    class Meta:
        model = DeadLetter
        fields: tuple[str, ...] = _LETTER


class DeadLetterShown(DeadLetterRow):
    """An item that could not be processed, with what came: as text, with what is no text replaced."""

    raw = serializers.SerializerMethodField(help_text="What came, or what somebody put in its place.")
    edited = serializers.SerializerMethodField(help_text="Whether somebody did.")

    class Meta(DeadLetterRow.Meta):
        fields = (*_LETTER, "raw", "edited")

    def get_raw(self, letter: DeadLetter) -> str:
        """Return it as text."""
        return bytes(letter.raw).decode(errors="replace").replace("\x00", "\ufffd")

    def get_edited(self, letter: DeadLetter) -> bool:
        """Return whether it was edited."""
        return letter.original is not None


class Edit(Strict):
    """What is put in the place of an item before it is tried again."""

    raw = serializers.CharField(trim_whitespace=False, max_length=MAX_EDITED)


class RehearsalRequest(Strict):
    """What to decode instead of the item; without it the item itself."""

    raw = serializers.CharField(trim_whitespace=False, max_length=MAX_EDITED, required=False)


class RehearsedEvent(serializers.Serializer[Any]):
    """An event that would be stored."""

    source = serializers.CharField()  # type: ignore[assignment] # the name of a column, not of DRF's
    source_id = serializers.CharField()
    timestamp = serializers.DateTimeField()
    event_type = serializers.CharField()
    title = serializers.CharField()
    severity = serializers.CharField()
    service = serializers.CharField(allow_blank=True)


class RehearsalReport(serializers.Serializer[Any]):
    """What an item would become; nothing was stored."""

    events = RehearsedEvent(source="drafts", many=True)
    stage = serializers.CharField(source="failure.stage", default=None, allow_null=True, help_text="Where it fails.")
    error = serializers.CharField(source="failure.error", default=None, allow_null=True)
    message = serializers.CharField(source="failure.message", default=None, allow_null=True)


class Chosen(Strict):
    """Which dead letters; those that are settled are left out."""

    connector = serializers.CharField(required=False, help_text="Of this connector.")
    stage = serializers.ChoiceField(choices=Stage.choices, required=False)
    error = serializers.CharField(required=False, help_text="With this class of error.")


class ChosenToDiscard(Chosen):
    """Which dead letters are given up: all of a connector, of a stage, of a class of error, or of several of these."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse to give up everything because nothing was said."""
        if not attrs:
            raise serializers.ValidationError({"connector": "Say of which connector, stage or error."})
        return attrs


class Discarded(serializers.Serializer[Any]):
    """How many were given up."""

    discarded = serializers.IntegerField()
    left = serializers.IntegerField(help_text="How many of those chosen are still open: call again.")


class Handed(serializers.Serializer[Any]):
    """How many were handed to the workers."""

    queued = serializers.IntegerField()


class PreviewRequest(Strict):
    """Settings of a connector that calls us, and a delivery to try them on."""

    kind = serializers.CharField(help_text="As `connectors/kinds` names it.")
    settings = serializers.DictField(required=False, default=dict, help_text="Secrets may be left out.")
    sample = serializers.JSONField(help_text="The body of a delivery.")
    event = serializers.CharField(
        required=False, default="sample", max_length=100, help_text="What its sender calls it."
    )


class PreviewReport(serializers.Serializer[Any]):
    """What the sample would become; nothing was stored."""

    events = RehearsedEvent(source="drafts", many=True)
    problems = serializers.DictField(child=serializers.CharField(), help_text="What is wrong, by setting or field.")
    doubts = serializers.DictField(child=serializers.CharField(), help_text="Settings without effect on this sample.")
    ignored = serializers.IntegerField(help_text="Parts without an event.")
    parts = serializers.IntegerField()


class BreakerMove(serializers.Serializer[Any]):
    """One change of a circuit breaker."""

    before = serializers.CharField()
    after = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class BreakerRow(serializers.Serializer[Any]):
    """The circuit breaker of one connector, with its newest changes."""

    connector = serializers.CharField(source="connector.name")
    state = serializers.ChoiceField(source="breaker.state", choices=BreakerState.choices)
    held = serializers.BooleanField(source="breaker.held", help_text="Open until somebody resets it.")
    failures = serializers.IntegerField(source="breaker.failures", help_text="In a row.")
    opened_at = serializers.DateTimeField(source="breaker.opened_at", allow_null=True)
    reason = serializers.CharField(source="breaker.reason", allow_blank=True)
    history = BreakerMove(many=True)


class BreakerReport(serializers.Serializer[Any]):
    """Every circuit breaker."""

    checked_at = serializers.DateTimeField()
    breakers = BreakerRow(many=True)


class Reason(Strict):
    """Why, for those who find it later."""

    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)


class SettingShown(serializers.Serializer[Any]):
    """One setting of a kind."""

    name = serializers.CharField()
    type = serializers.SerializerMethodField()
    meaning = serializers.CharField(source="help")
    is_required = serializers.BooleanField(source="required")
    secret = serializers.BooleanField()
    default_value = serializers.JSONField(source="default", allow_null=True)
    choices = serializers.ListField(child=serializers.CharField())

    def get_type(self, setting: Any) -> str:
        """Return the JSON type."""
        return {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}[setting.type]


class KindShown(serializers.Serializer[Any]):
    """A kind of source that can be connected."""

    kind = serializers.CharField()
    name = serializers.CharField(source="label", help_text="What people call it.")
    polled = serializers.BooleanField()
    pushed = serializers.BooleanField(help_text="It calls a webhook.")
    settings = SettingShown(many=True)
