"""Questions a list of events can be asked."""
# mypy: disable-error-code="import-untyped, misc, no-any-return"

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from events.choices import Severity, Source
from events.models import Event, Origin
from rcaplatform.kit.search import RANK, ListFilters, MomentFilter, TagFilter, any_of, sorts, with_excerpt


class EventFilters(ListFilters):
    """Which events."""

    source = any_of(Source, "Kind of system; given several times, one of them.")
    severity = any_of(Severity, "How bad; given several times, one of them.")
    service = filters.CharFilter(label="Exactly this service.")
    component = filters.CharFilter(label="Exactly this component.")
    environment = filters.CharFilter(label="Exactly this environment.")
    event_type = filters.CharFilter(label="Exactly this type: commit, deployment, error, …")
    origin = filters.CharFilter(method="told_by", label="Who said so: the name of a connector, or API.")
    tag = TagFilter(label="Has this tag; given several times, all of them.")
    start = MomentFilter(field_name="timestamp", lookup_expr="gte", label="Occurred then or later.")
    end = MomentFilter(field_name="timestamp", lookup_expr="lte", label="Occurred then or earlier.")
    investigation_id = filters.UUIDFilter(method="of_investigation", label="Linked to it and not rejected.")
    sort = sorts("-timestamp", "timestamp", RANK)

    class Meta:
        model = Event
        fields: list[str] = []

    def told_by(self, queryset: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Keep what one origin told. Found first: a name in a join hides from the planner how rare it is."""
        origin = Origin.objects.filter(name=value).first()
        return queryset.filter(origin=origin) if origin else queryset.none()

    def of_investigation(self, queryset: QuerySet[Any], _name: str, value: UUID) -> QuerySet[Any]:
        """Keep what stands linked. The states are spelt out because links live in a layer above."""
        standing = ("suggested", "confirmed", "manual")
        return queryset.filter(links__investigation=value, links__state__in=standing)


class EventWindow(EventFilters):
    """Which events of a stretch of time."""

    start = MomentFilter(field_name="timestamp", lookup_expr="gte", required=True, label="Occurred then or later.")
    end = MomentFilter(field_name="timestamp", lookup_expr="lte", required=True, label="Occurred then or earlier.")


class EventSearch(EventFilters):
    """Which events speak of something: best matches first, each with an excerpt."""

    q = filters.CharFilter(method="later", required=True, max_length=500, label=EventFilters.base_filters["q"].label)
    sort = sorts(RANK, "-timestamp", "timestamp")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Add the excerpts."""
        found = super().filter_queryset(queryset)
        return with_excerpt(found, self.form.cleaned_data["q"], "title", "keywords")
