"""Doors for administrators: circuit breakers and their history, gaps, backfills, and beat's schedules as they are."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from accounts.admin import ByRole, actor_of
from connectors import backfills, breakers
from connectors.models import Backfill, Breaker, Gap, Transition

HISTORY = 50


@admin.register(Breaker)
class BreakerAdmin(ByRole):
    """Circuit breakers that have ever failed: their state, why, and what became of them."""

    list_display = ("connector", "state", "held", "failures", "opened_at", "reason")
    list_filter = ("state", "held")
    list_select_related = ("connector",)
    search_fields = ("connector__name",)
    fields = ("connector", "state", "held", "failures", "opened_at", "reason", "history")
    readonly_fields = fields
    actions = ("reset", "force_open")

    @admin.display(description="History")
    def history(self, breaker: Breaker) -> SafeString:
        """Show the newest changes."""
        moves = breaker.connector.transitions.select_related("actor")[:HISTORY]
        rows = (
            (f"{move.at:%Y-%m-%d %H:%M:%S}", move.before, move.after, move.actor or "", move.reason) for move in moves
        )
        line = "<tr><td>{}</td><td>{} → {}</td><td>{}</td><td>{}</td></tr>"
        lines = format_html_join("", line, rows)
        return format_html("<table>{}</table>", lines)

    @admin.action(description="Reset: ask the source again at once", permissions=["write"])
    def reset(self, request: HttpRequest, rows: QuerySet[Breaker]) -> None:
        """Close them."""
        by: Any = {"actor": actor_of(request), "now": timezone.now()}
        self.each(request, rows, lambda row: breakers.reset(connector=row.connector, **by), "reset")

    @admin.action(description="Hold open: ask the source no more until it is reset", permissions=["write"])
    def force_open(self, request: HttpRequest, rows: QuerySet[Breaker]) -> None:
        """Open them."""
        by: Any = {"actor": actor_of(request), "now": timezone.now()}
        self.each(request, rows, lambda row: breakers.force_open(connector=row.connector, **by), "held open")


@admin.register(Transition)
class TransitionAdmin(ByRole):
    """Every change of every breaker."""

    list_display = ("at", "connector", "before", "after", "reason", "actor")
    list_filter = ("after", "connector")
    list_select_related = ("connector", "actor")


@admin.register(Gap)
class GapAdmin(ByRole):
    """Windows of which a source did not tell everything."""

    list_display = ("start", "end", "connector", "reason", "created_at")
    list_filter = ("connector",)
    list_select_related = ("connector",)


@admin.register(Backfill)
class BackfillAdmin(ByRole):
    """Spans of the past that are read beside what is new."""

    list_display = ("connector", "start", "end", "reached", "state", "stored", "dead", "error", "created_by")
    list_filter = ("state", "connector")
    list_select_related = ("connector", "created_by")
    actions = ("cancel",)

    @admin.action(description="Cancel", permissions=["write"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Backfill]) -> None:
        """Stop them at their next page."""
        by = actor_of(request)
        self.each(request, rows, lambda row: backfills.cancel(backfill=row, actor=by), "cancelled")


for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class ScheduleAdmin(ByRole):
    """When beat rings which bell. A connector's interval is changed with the connector (docs/adr/0012-schedules.md)."""

    list_display = ("name", "enabled", "scheduler", "last_run_at", "total_run_count")
    list_filter = ("enabled",)
    search_fields = ("name",)
    fields = (*list_display, "task", "args", "expire_seconds")
    readonly_fields = fields
