"""Door for administrators: events and who told of them."""

from django.contrib import admin

from accounts.admin import ByRole, DeletedFilter, Restorable
from events import services
from events.models import Dependency, Event, Origin


@admin.register(Origin)
class OriginAdmin(ByRole):
    """Who said so."""

    list_display = ("name", "kind", "created_at")
    list_filter = ("kind",)
    search_fields = ("name",)


@admin.register(Event)
class EventAdmin(Restorable):
    """What happened, as it was told; found by its full text."""

    deeds = {"delete": services.delete, "restore": services.restore}
    list_display = ("timestamp", "source", "event_type", "severity", "service", "title", "origin", "alive")
    list_display_links = ("timestamp", "title")
    list_filter = ("source", "severity", DeletedFilter)
    list_select_related = ("origin",)
    ordering = ("-timestamp", "-id")


@admin.register(Dependency)
class DependencyAdmin(ByRole):
    """Who calls whom, by the hour."""

    list_display = ("hour", "environment", "caller", "callee", "calls", "errors")
    list_filter = ("environment",)
    search_fields = ("caller", "callee")
    date_hierarchy = "hour"
