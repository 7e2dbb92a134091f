"""Shapes of investigations, links and notes at the API door."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.api.fields import PersonField
from events.api.serializers import EventRow, MomentField, ObjectField, TagsField
from events.models import Event
from investigations import services
from investigations.choices import CauseCategory, ImpactSeverity, LinkState, Priority, Status
from investigations.models import Comment, Investigation, Link, Note, NoteRevision
from rcaplatform.kit.errors import Invalid
from rcaplatform.kit.search import marked
from rcaplatform.kit.views import Rows, Strict, StrictSerializer

_EXAMPLE = {
    "title": "Checkout answers 500 to one request in three",
    "description": "Began a few minutes after the deployment of 09:02.",
    "impact_severity": "critical",
    "priority": "p0",
    "detected_at": "2026-03-01T09:14:00Z",
    "started_at": "2026-03-01T09:05:00Z",
    "service_affected": "checkout",
    "tags": ["payments"],
    "assigned_to": "engineer",
}


@extend_schema_serializer(examples=[OpenApiExample("An incident", value=_EXAMPLE, request_only=True)])
class InvestigationSerializer(StrictSerializer):
    """One investigation. Only the title is required to open one; a new `status` must be one that may follow."""

    status = serializers.ChoiceField(Status.choices, required=False)
    detected_at = MomentField(help_text="When somebody or something noticed; now unless told.")
    started_at = MomentField(allow_null=True, required=False, help_text="Onset: when things began to go wrong.")
    resolved_at = MomentField(allow_null=True, required=False)
    tags = TagsField()
    metadata = ObjectField(default=dict)
    assigned_to = PersonField(allow_null=True, required=False)
    assigned_to_name = serializers.CharField(
        source="assigned_to.username", read_only=True, default=None, allow_null=True
    )
    created_by_name = serializers.CharField(source="created_by.username", read_only=True)
    updated_by_name = serializers.CharField(source="updated_by.username", read_only=True, default=None, allow_null=True)
    kept = frozenset({"status"})

    class Meta:
        model = Investigation
        fields = [
            "id", "title", "description", "status", "impact_severity", "priority", "detected_at", "started_at",
            "resolved_at", "root_cause", "remediation", "lessons_learned", "cause_category", "component_affected",
            "service_affected", "tags", "impact_domain", "estimated_mttr", "automation_potential", "business_impact",
            "metadata", "assigned_to", "assigned_to_name", "created_by", "created_by_name", "updated_by",
            "updated_by_name", "created_at", "updated_at", "deleted_at", "version",
        ]  # fmt: skip
        read_only_fields = ["created_by", "updated_by", "created_at", "updated_at", "deleted_at", "version"]

    @transaction.atomic
    def update(self, instance: Investigation, validated_data: dict[str, Any]) -> Investigation:
        """Change it, then move it where its status says."""
        by = {name: validated_data.pop(name) for name in ("actor", "now")}
        status = validated_data.pop("status", instance.status)
        changed = services.edit(investigation=instance, changes=validated_data, **by)
        return changed if status == changed.status else services.move(investigation=changed, to=status, **by)


class NewInvestigationSerializer(InvestigationSerializer):
    """What opens an investigation."""

    detected_at = MomentField(required=False, help_text="When somebody or something noticed; now unless told.")

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Investigation:
        """Open it, then move it where its status says."""
        by = {name: validated_data.pop(name) for name in ("actor", "now")}
        status = validated_data.pop("status", Status.OPEN)
        opened = services.create(values=validated_data, **by)
        return opened if status == opened.status else services.move(investigation=opened, to=status, **by)


class InvestigationRow(Rows):
    """One investigation in a list."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    impact_severity = serializers.ChoiceField(ImpactSeverity.choices)
    priority = serializers.ChoiceField(Priority.choices)
    detected_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    service_affected = serializers.CharField()
    component_affected = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    assigned_to = serializers.UUIDField(allow_null=True)
    assigned_to_name = serializers.CharField(source="assigned_to.username", allow_null=True)
    created_by = serializers.UUIDField()
    created_by_name = serializers.CharField(source="created_by.username")
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class InvestigationHit(InvestigationRow):
    """One investigation that a search found."""

    excerpt = serializers.CharField(help_text="HTML: where it speaks of the words searched for, those in <mark>.")

    @classmethod
    def shown(cls, row: dict[str, Any]) -> dict[str, Any]:
        """Make the excerpt fit for a page."""
        return {**row, "excerpt": marked(row["excerpt"])}


class StatusRequest(Strict):
    """Where to move an investigation."""

    status = serializers.ChoiceField(Status.choices)


class StatusAnswer(serializers.Serializer[Any]):
    """Where an investigation stands, and where it may go."""

    status = serializers.ChoiceField(Status.choices)
    may_become = serializers.ListField(child=serializers.ChoiceField(Status.choices))
    resolved_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()


class FactorSerializer(serializers.Serializer[Any]):
    """One reason for a link's score."""

    strategy = serializers.CharField(help_text="time, service, text, …")
    score = serializers.FloatField(allow_null=True, help_text="0 to 1; null when there was nothing to compare.")
    weight = serializers.FloatField()
    reason = serializers.CharField()


class LinkedEventRow(EventRow):
    """One event of an investigation, with what ties it there."""

    link_id = serializers.UUIDField(source="link.id")
    score = serializers.FloatField(help_text="How sure the rules are, 0 to 1.")
    factors = FactorSerializer(source="link.factors", many=True)
    state = serializers.ChoiceField(LinkState.choices, source="link.state")
    is_cause = serializers.BooleanField(source="link.is_cause")
    decided_by = serializers.UUIDField(source="link.decided_by", allow_null=True)
    decided_by_name = serializers.CharField(source="link.decided_by.username", allow_null=True)
    decided_at = serializers.DateTimeField(source="link.decided_at", allow_null=True)


class LinkRequest(Strict):
    """The event to link."""

    event_id = serializers.UUIDField()


class LinkSerializer(serializers.ModelSerializer[Link]):
    """What ties an event to an investigation."""

    factors = FactorSerializer(many=True)

    class Meta:
        model = Link
        fields = [
            "id", "investigation", "event", "score", "factors", "rule_version", "state", "is_cause", "decided_by",
            "decided_at", "created_at",
        ]  # fmt: skip


class NoteSerializer(StrictSerializer):
    """What somebody wrote down, in Markdown."""

    kept = frozenset({"id"})

    id = serializers.UUIDField(
        required=False,
        help_text="A version 7 UUID of your own makes writing safe to repeat: the note that you wrote under it is "
        "answered with as it stands. It cannot be changed.",
    )
    author_name = serializers.CharField(source="author.username", read_only=True)

    class Meta:
        model = Note
        fields = ["id", "investigation", "body", "author", "author_name", "created_at", "updated_at", "version"]
        read_only_fields = ["investigation", "author", "created_at", "updated_at", "version"]

    def create(self, validated_data: dict[str, Any]) -> Note:
        """Write it by its deed."""
        pk = validated_data.pop("id", None)
        note = services.write_note(investigation=self.context["view"].investigation, pk=pk, **validated_data)
        self.fresh = note.created_at >= validated_data["now"]
        return note

    def update(self, instance: Note, validated_data: dict[str, Any]) -> Note:
        """Write it anew by its deed."""
        if validated_data.pop("id", None) not in (None, instance.pk):
            raise Invalid("The id cannot be changed.", fields={"id": "It cannot be changed."})
        return services.edit_note(note=instance, **{"body": instance.body, **validated_data})


class NoteRow(Rows):
    """One note in a list."""

    id = serializers.UUIDField()
    investigation = serializers.UUIDField()
    body = serializers.CharField()
    author = serializers.UUIDField()
    author_name = serializers.CharField(source="author.username")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class NoteHit(Rows):
    """One note that a search found."""

    id = serializers.UUIDField()
    investigation = serializers.UUIDField()
    investigation_title = serializers.CharField(source="investigation.title")
    author = serializers.UUIDField()
    author_name = serializers.CharField(source="author.username")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    excerpt = serializers.CharField(help_text="HTML: where it speaks of the words searched for, those in <mark>.")

    @classmethod
    def shown(cls, row: dict[str, Any]) -> dict[str, Any]:
        """Make the excerpt fit for a page."""
        return {**row, "excerpt": marked(row["excerpt"])}


class RevisionRow(Rows):
    """A note as it stood after one save."""

    number = serializers.IntegerField()
    body = serializers.CharField()
    author = serializers.UUIDField()
    author_name = serializers.CharField(source="author.username")
    created_at = serializers.DateTimeField()
    id = serializers.UUIDField()

    class Meta:
        model = NoteRevision


class PartField(serializers.PrimaryKeyRelatedField[Any]):
    """The id of something that there may be none of."""

    default_error_messages = {"does_not_exist": "There is none with this id."}

    def __init__(self, **options: Any) -> None:
        super().__init__(pk_field=serializers.UUIDField(), allow_null=True, required=False, **options)


class CommentSerializer(StrictSerializer):
    """A remark on one event or one note of the investigation."""

    event = PartField(queryset=Event.objects.alive().only("pk"))
    note = PartField(queryset=Note.objects.alive().only("pk", "investigation"))
    author_name = serializers.CharField(source="author.username", read_only=True)

    class Meta:
        model = Comment
        fields = ["id", "investigation", "event", "note", "body", "author", "author_name", "created_at"]
        read_only_fields = ["investigation", "author", "created_at"]

    def create(self, validated_data: dict[str, Any]) -> Comment:
        """Make it by its deed."""
        return services.comment(investigation=self.context["view"].investigation, **validated_data)


class CommentRow(Rows):
    """One comment in a list."""

    id = serializers.UUIDField()
    investigation = serializers.UUIDField()
    event = serializers.UUIDField(allow_null=True)
    note = serializers.UUIDField(allow_null=True)
    body = serializers.CharField()
    author = serializers.UUIDField()
    author_name = serializers.CharField(source="author.username")
    created_at = serializers.DateTimeField()


class RelateRequest(Strict):
    """The investigation that has to do with this one."""

    investigation_id = serializers.UUIDField()


class SimilarRow(serializers.Serializer[Any]):
    """An investigation like another one, what caused it and what ended it."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    score = serializers.FloatField(help_text="How alike they are, 0 to 1.")
    reasons = serializers.ListField(child=serializers.CharField(), help_text="What speaks for it, in sentences.")
    root_cause = serializers.CharField()
    remediation = serializers.CharField()
    cause_category = serializers.ChoiceField(CauseCategory.choices, allow_blank=True)
    detected_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)


class SimilarAnswer(serializers.Serializer[Any]):
    """Those that ended with a known cause first, then the likest."""

    count = serializers.IntegerField()
    results = SimilarRow(many=True)


class Stats(serializers.Serializer[Any]):
    """How many investigations there are, and how long they took. Minutes are from detection to resolution."""

    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_priority = serializers.DictField(child=serializers.IntegerField())
    by_impact_severity = serializers.DictField(child=serializers.IntegerField())
    open_unassigned = serializers.IntegerField(help_text="Open or in progress, and given to nobody.")
    resolved_last_30_days = serializers.IntegerField()
    mean_minutes_to_resolve = serializers.FloatField(allow_null=True, help_text="Of the last 30 days.")
    median_minutes_to_resolve = serializers.FloatField(allow_null=True, help_text="Of the last 30 days.")
