"""Shapes of hypotheses and their evidence at the API door."""

from typing import Any

from rest_framework import serializers

from events.models import Event
from investigations import hypotheses
from investigations.choices import Stance, Verdict
from investigations.models import Evidence, Hypothesis
from rcaplatform.kit.views import Rows, StrictSerializer


class HypothesisSerializer(StrictSerializer):
    """What might have caused it, and what became of that thought."""

    author_name = serializers.CharField(source="author.username", read_only=True)

    class Meta:
        model = Hypothesis
        fields = [
            "id", "investigation", "statement", "verdict", "author", "author_name", "created_at", "updated_at",
            "version",
        ]  # fmt: skip
        read_only_fields = ["investigation", "author", "created_at", "updated_at", "version"]

    def create(self, validated_data: dict[str, Any]) -> Hypothesis:
        """Put it down by its deed."""
        return hypotheses.suppose(investigation=self.context["view"].investigation, **validated_data)

    def update(self, instance: Hypothesis, validated_data: dict[str, Any]) -> Hypothesis:
        """Change it by its deed."""
        by = {name: validated_data.pop(name) for name in ("actor", "now")}
        return hypotheses.edit(hypothesis=instance, changes=validated_data, **by)


class HypothesisRow(Rows):
    """One hypothesis in a list."""

    id = serializers.UUIDField()
    investigation = serializers.UUIDField()
    statement = serializers.CharField()
    verdict = serializers.ChoiceField(Verdict.choices)
    author = serializers.UUIDField()
    author_name = serializers.CharField(source="author.username")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class EvidenceSerializer(StrictSerializer):
    """What an event says about a hypothesis. Which event it is stays as it was."""

    author_name = serializers.CharField(source="author.username", read_only=True)

    class Meta:
        model = Evidence
        fields = [
            "id", "hypothesis", "event", "stance", "why", "author", "author_name", "created_at", "updated_at",
            "version",
        ]  # fmt: skip
        read_only_fields = ["hypothesis", "event", "author", "created_at", "updated_at", "version"]

    def update(self, instance: Evidence, validated_data: dict[str, Any]) -> Evidence:
        """Change it by its deed."""
        by = {name: validated_data.pop(name) for name in ("actor", "now")}
        return hypotheses.weigh_anew(evidence=instance, changes=validated_data, **by)


class NewEvidenceSerializer(EvidenceSerializer):
    """What makes an event evidence."""

    event = serializers.PrimaryKeyRelatedField(
        queryset=Event.objects.alive().only("pk"),
        pk_field=serializers.UUIDField(),
        error_messages={"does_not_exist": "There is none with this id."},
    )

    def create(self, validated_data: dict[str, Any]) -> Evidence:
        """Weigh it by its deed."""
        return hypotheses.weigh(hypothesis=self.context["view"].hypothesis, **validated_data)


class EvidenceRow(Rows):
    """One piece of evidence in a list."""

    id = serializers.UUIDField()
    hypothesis = serializers.UUIDField()
    event = serializers.UUIDField()
    event_title = serializers.CharField(source="event.title")
    event_timestamp = serializers.DateTimeField(source="event.timestamp")
    stance = serializers.ChoiceField(Stance.choices)
    why = serializers.CharField()
    author = serializers.UUIDField()
    author_name = serializers.CharField(source="author.username")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField()
