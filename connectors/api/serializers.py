"""Shapes of connectors at the API door."""

from typing import Any

from rest_framework import serializers

from connectors.health import STATES


class HealthRow(serializers.Serializer[Any]):
    """How one connector fares. Its settings and secrets are not shown."""

    name = serializers.CharField(source="connector.name")
    kind = serializers.CharField(source="connector.kind")
    state = serializers.ChoiceField(
        choices=STATES,
        help_text=(
            "failing: its last poll failed; stopped: it never worked and is not tried again until its setting is "
            "mended; waiting: it has yet to succeed; late: no worker polls it."
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
    dead_letters = serializers.IntegerField(help_text="Items that nobody has dealt with yet.")
    deliveries_pending = serializers.IntegerField(source="pending", help_text="Webhook calls not digested yet.")


class HealthReport(serializers.Serializer[Any]):
    """How every connector fares."""

    checked_at = serializers.DateTimeField()
    connectors = HealthRow(many=True)
