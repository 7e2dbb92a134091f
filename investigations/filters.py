"""Questions a list of investigations, of linked events or of notes can be asked."""
# mypy: disable-error-code="import-untyped, misc, no-any-return"

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from accounts.filters import PersonFilter
from events.choices import Source
from events.filters import EventFilters
from investigations.choices import (
    DraftKind,
    DraftState,
    ExportState,
    ImpactSeverity,
    LinkState,
    Priority,
    Stance,
    Status,
    Verdict,
)
from investigations.models import Comment, Draft, Evidence, Export, Hypothesis, Investigation, Link, Note, SavedView
from investigations.querysets import STANDING
from rcaplatform.kit.rest import refuse
from rcaplatform.kit.search import (
    RANK,
    Filters,
    ListFilters,
    MomentFilter,
    TagFilter,
    YesNoFilter,
    any_of,
    sorts,
    with_excerpt,
)


class InvestigationFilters(ListFilters):
    """Which investigations."""

    status = any_of(Status, "Given several times, one of them.")
    priority = any_of(Priority, "Given several times, one of them.")
    severity = any_of(ImpactSeverity, "Impact; given several times, one of them.", field_name="impact_severity")
    component = filters.CharFilter(field_name="component_affected", label="Exactly this component.")
    service = filters.CharFilter(field_name="service_affected", label="Exactly this service.")
    assigned_to = PersonFilter(label="Assigned to this person: id, username, or me.")
    created_by = PersonFilter(label="Opened by this person: id, username, or me.")
    tag = TagFilter(label="Has this tag; given several times, all of them.")
    start = MomentFilter(field_name="detected_at", lookup_expr="gte", label="Detected then or later.")
    end = MomentFilter(field_name="detected_at", lookup_expr="lte", label="Detected then or earlier.")
    sort = sorts("-detected_at", "detected_at", RANK)

    class Meta:
        model = Investigation
        fields: list[str] = []


class InvestigationWindow(InvestigationFilters):
    """Which investigations of a stretch of time."""

    start = MomentFilter(field_name="detected_at", lookup_expr="gte", required=True, label="Detected then or later.")
    end = MomentFilter(field_name="detected_at", lookup_expr="lte", required=True, label="Detected then or earlier.")


class InvestigationSearch(InvestigationFilters):
    """Which investigations speak of something: best matches first, each with an excerpt."""

    q = filters.CharFilter(method="later", required=True, max_length=500, label=ListFilters.base_filters["q"].label)
    sort = sorts(RANK, "-detected_at", "detected_at")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Add the excerpts."""
        told = ("title", "description", "root_cause", "remediation", "lessons_learned")
        return with_excerpt(super().filter_queryset(queryset), self.form.cleaned_data["q"], *told)


class LinkFilters(EventFilters):
    """Which of an investigation's events; the rejected ones only when asked for."""

    state = any_of(LinkState, "What people made of the link; all but rejected unless told.", field_name="link__state")
    min_score = filters.NumberFilter(
        field_name="link__score", lookup_expr="gte", min_value=0, max_value=1, label="At least this sure, 0 to 1."
    )
    is_cause = YesNoFilter(field_name="link__is_cause", label="Named a cause by a person, or not.")
    sort = sorts("-timestamp", "timestamp", "-score", RANK)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave out what was rejected, unless states are named."""
        if not self.form.cleaned_data.get("state"):
            queryset = queryset.filter(link__state__in=STANDING)
        return super().filter_queryset(queryset)


class BurstFilters(LinkFilters):
    """Which of an investigation's events are folded into bursts."""

    sort = sorts("-timestamp", "timestamp", "-score")


class CalibrationFilters(Filters):
    """Which links a calibration looks at."""

    source = any_of(
        Source, "Kind of system of the event; given several times, one of them.", field_name="event__source"
    )
    rule_version = filters.NumberFilter(min_value=0, max_value=32_767, decimal_places=0, label="Made by these rules.")
    start = MomentFilter(field_name="created_at", lookup_expr="gte", label="Suggested then or later.")
    end = MomentFilter(field_name="created_at", lookup_expr="lte", label="Suggested then or earlier.")

    class Meta:
        model = Link
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Apply every filter.

        Raises:
            ValidationError: the times contradict one another; names one of them.
        """
        chosen = self.form.cleaned_data
        if chosen.get("start") and chosen.get("end") and chosen["start"] > chosen["end"]:
            refuse("start", "This is after end.")
        return super().filter_queryset(queryset)


class NoteFilters(ListFilters):
    """Which notes."""

    sort = sorts("-created_at", "created_at", RANK)

    class Meta:
        model = Note
        fields: list[str] = []


class NoteSearch(NoteFilters):
    """Which notes speak of something: best matches first, each with an excerpt; newest first by their ordered keys."""

    q = filters.CharFilter(method="later", required=True, max_length=500, label=ListFilters.base_filters["q"].label)
    sort = sorts(RANK, "-id")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Add the excerpts."""
        return with_excerpt(super().filter_queryset(queryset), self.form.cleaned_data["q"], "body")


class CommentFilters(Filters):
    """Which comments."""

    event = filters.UUIDFilter(label="On this event.")
    note = filters.UUIDFilter(label="On this note.")

    class Meta:
        model = Comment
        fields: list[str] = []


class HypothesisFilters(Filters):
    """Which hypotheses."""

    verdict = filters.ChoiceFilter(choices=Verdict.choices, label="What became of them.")

    class Meta:
        model = Hypothesis
        fields: list[str] = []


class EvidenceFilters(Filters):
    """Which evidence."""

    stance = filters.ChoiceFilter(choices=Stance.choices, label="What it says about the hypothesis.")
    event = filters.UUIDFilter(label="This event.")

    class Meta:
        model = Evidence
        fields: list[str] = []


class SavedViewFilters(Filters):
    """Which saved views."""

    shared = YesNoFilter(label="Shown to everybody, or not.")
    owner = PersonFilter(label="Of this person: id, username, or me.")

    class Meta:
        model = SavedView
        fields: list[str] = []


class DraftFilters(Filters):
    """Which drafts."""

    kind = filters.ChoiceFilter(choices=DraftKind.choices, label="What was to be written.")
    state = filters.ChoiceFilter(choices=DraftState.choices, label="How far they are.")

    class Meta:
        model = Draft
        fields: list[str] = []


class ExportFilters(Filters):
    """Which exports."""

    state = filters.ChoiceFilter(choices=ExportState.choices, label="How far they are.")

    class Meta:
        model = Export
        fields: list[str] = []
