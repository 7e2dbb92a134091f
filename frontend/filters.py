"""Questions the pages ask: what their filter forms may say, and what that means for the rows."""
# mypy: disable-error-code="import-untyped, misc, no-any-return"

from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Any

import django_filters
from django import forms
from django.db.models import Case, IntegerField, QuerySet, Value, When

from accounts.models import User
from events.choices import Severity, Source
from events.models import Event
from investigations.choices import CauseCategory, ImpactSeverity, LinkState, Priority, Status
from investigations.models import Investigation
from investigations.querysets import ACTIVE
from rcaplatform.kit.search import search

MAX_QUERY = 200
_STATUSES = [("active", "Open or in progress"), *Status.choices]
RARER = ("component", "cause", "detected_from", "detected_to", "resolved_from", "resolved_to", "without")
_BLANKABLE = {"service": "service_affected", "component": "component_affected", "cause": "cause_category"}


class PageFilter(django_filters.FilterSet):
    """A filter form whose wrong fields say so and filter nothing.

    Attributes:
        newest: the order in which a search looks at rows when there are too many matches to see them all.
    """

    newest = "-timestamp"

    q = django_filters.CharFilter(
        method="search",
        label="Search",
        max_length=MAX_QUERY,
        widget=forms.TextInput(
            attrs={
                "type": "search",
                "data-filter": True,
                "enterkeyhint": "search",
                "placeholder": "Words, “a phrase”, -not",
            }
        ),
    )

    def search(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        """Match in web search syntax."""
        return search(rows, text, self.newest)[0]

    def active(self) -> list[tuple[str, str, str]]:
        """Return name, label and value in words of each filter that is set."""
        if not self.form.is_valid():
            return []
        given = self.form.cleaned_data.items()
        return [
            (name, str(self.form.fields[name].label), _words(self.form.fields[name], value))
            for name, value in given
            if value not in (None, "", []) and name not in ("sort", "order", "time")
        ]


def _words(field: forms.Field, value: Any) -> str:
    choices = dict(getattr(field, "choices", ())) if isinstance(field, forms.ChoiceField) else {}
    values: Iterable[Any] = value if isinstance(value, list | tuple) else [value]
    values = [f"{one:%Y-%m-%d %H:%M} UTC" if isinstance(one, datetime) else one for one in values]
    return ", ".join(str(choices.get(one, one)) for one in values)


def _worst_first(column: str, values: Iterable[str]) -> Case:
    ranks = [When(**{column: value}, then=Value(rank)) for rank, value in enumerate(values)]
    return Case(*ranks, output_field=IntegerField())


class DayFilter(django_filters.DateFilter):
    """A day in UTC, the whole of it: from where it begins (gte), or to where it ends (lte)."""

    def __init__(self, field_name: str, lookup_expr: str, label: str) -> None:
        widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
        super().__init__(field_name=field_name, lookup_expr=lookup_expr, label=label, widget=widget)

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        """Compare with the moment the day begins or ends, which an index can be asked for."""
        moment = time.max if self.lookup_expr == "lte" else time.min
        return super().filter(qs, value and datetime.combine(value, moment, UTC))


class InvestigationFilter(PageFilter):
    """The list of investigations."""

    newest = "-detected_at"
    status = django_filters.ChoiceFilter(choices=_STATUSES, method="in_status", label="Status", empty_label="Any")
    severity = django_filters.ChoiceFilter(
        field_name="impact_severity", choices=ImpactSeverity.choices, label="Severity", empty_label="Any"
    )
    priority = django_filters.ChoiceFilter(choices=Priority.choices, label="Priority", empty_label="Any")
    service = django_filters.CharFilter(
        field_name="service_affected", lookup_expr="iexact", label="Service", max_length=200
    )
    assignee = django_filters.ModelChoiceFilter(
        field_name="assigned_to",
        queryset=User.objects.filter(is_active=True),
        label="Assignee",
        empty_label="Anybody",
        null_label="Nobody",
    )
    component = django_filters.CharFilter(
        field_name="component_affected", lookup_expr="iexact", label="Component", max_length=200
    )
    cause = django_filters.ChoiceFilter(
        field_name="cause_category", choices=CauseCategory.choices, label="Cause", empty_label="Any"
    )
    without = django_filters.MultipleChoiceFilter(
        choices=[(name, name.capitalize()) for name in _BLANKABLE],
        method="lacking",
        label="Without",
        widget=forms.CheckboxSelectMultiple,
    )
    detected_from = DayFilter("detected_at", "gte", "Detected from (UTC)")
    detected_to = DayFilter("detected_at", "lte", "Detected to (UTC)")
    resolved_from = DayFilter("resolved_at", "gte", "Resolved from (UTC)")
    resolved_to = DayFilter("resolved_at", "lte", "Resolved to (UTC)")
    sort = django_filters.OrderingFilter(
        fields={
            "detected_at": "detected",
            "worst": "severity",
            "priority": "priority",
            "updated_at": "updated",
        }
    )

    class Meta:
        model = Investigation
        fields: tuple[str, ...] = ()

    def in_status(self, rows: QuerySet[Investigation], _name: str, value: str) -> QuerySet[Investigation]:
        """Match one status, or both that mean work."""
        return rows.filter(status__in=ACTIVE if value == "active" else [value])

    def lacking(self, rows: QuerySet[Investigation], _name: str, names: list[str]) -> QuerySet[Investigation]:
        """Match what has none of these written down."""
        return rows.filter(**{_BLANKABLE[name]: "" for name in names})

    @property
    def rarer(self) -> list[forms.BoundField]:
        """The fields that are folded away while none of them is used."""
        return [self.form[name] for name in RARER]

    @property
    def rarer_used(self) -> bool:
        """Whether one of them is."""
        return any(self.data.get(name) for name in RARER)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter, then order; equal rows stand newest first."""
        ranked = queryset.annotate(worst=_worst_first("impact_severity", ImpactSeverity.values))
        found: QuerySet[Any] = super().filter_queryset(ranked)
        order = found.query.order_by or ("-detected_at",)
        return found.order_by(*order, "-detected_at", "-id")


class EventFilter(PageFilter):
    """The list of events."""

    source = django_filters.ChoiceFilter(choices=Source.choices, label="Source", empty_label="Any")
    severity = django_filters.ChoiceFilter(choices=Severity.choices, label="Severity", empty_label="Any")
    service = django_filters.CharFilter(label="Service", max_length=200)
    event_type = django_filters.CharFilter(label="Type", max_length=50)
    since = django_filters.IsoDateTimeFilter(
        field_name="timestamp",
        lookup_expr="gte",
        label="From (UTC)",
        widget=forms.DateTimeInput({"type": "datetime-local"}),
    )
    until = django_filters.IsoDateTimeFilter(
        field_name="timestamp",
        lookup_expr="lte",
        label="To (UTC)",
        widget=forms.DateTimeInput({"type": "datetime-local"}),
    )

    class Meta:
        model = Event
        fields: tuple[str, ...] = ()


class TimelineFilter(PageFilter):
    """The timeline of one investigation: filters over its links, and how they are shown."""

    source = django_filters.MultipleChoiceFilter(field_name="event__source", choices=Source.choices, label="Source")
    severity = django_filters.MultipleChoiceFilter(
        field_name="event__severity", choices=Severity.choices, label="Severity"
    )
    state = django_filters.ChoiceFilter(
        choices=[("cause", "Causes"), *LinkState.choices], method="in_state", label="Links", empty_label="Not rejected"
    )
    order = django_filters.ChoiceFilter(
        choices=[("newest", "Newest first"), ("oldest", "Oldest first")], method="leave", empty_label=None
    )
    time = django_filters.ChoiceFilter(
        choices=[("absolute", "Clock"), ("relative", "From detection"), ("delta", "From the row before")],
        method="leave",
        empty_label=None,
    )
    since = django_filters.IsoDateTimeFilter(field_name="event__timestamp", lookup_expr="gte", label="From (UTC)")
    until = django_filters.IsoDateTimeFilter(field_name="event__timestamp", lookup_expr="lte", label="To (UTC)")

    def search(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        """Match the events of these links."""
        return rows.filter(event__in=search(Event.objects.alive(), text, self.newest)[0])

    def in_state(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Match what people made of a link."""
        return rows.filter(is_cause=True) if value == "cause" else rows.filter(state=value)

    def leave(self, rows: QuerySet[Any], _name: str, _value: str) -> QuerySet[Any]:
        """Change how rows are shown, not which."""
        return rows

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter; what was rejected shows only when asked for."""
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("state") else rows.exclude(state=LinkState.REJECTED)

    @property
    def newest_first(self) -> bool:
        """Which way time runs down the page."""
        return self.data.get("order") != "oldest"
