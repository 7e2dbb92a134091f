"""Door for administrators: investigations, their links and their notes."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin import ByRole, DeletedFilter, Restorable
from investigations import services
from investigations.models import Investigation, Link, Note, NoteRevision


@admin.register(Investigation)
class InvestigationAdmin(Restorable):
    """Incidents; found by their full text."""

    deeds = {"delete": services.delete, "restore": services.restore}
    list_display = ("title", "status", "impact_severity", "priority", "detected_at", "assigned_to", "alive")
    list_filter = ("status", "impact_severity", "priority", DeletedFilter)
    list_select_related = ("assigned_to",)
    ordering = ("-detected_at", "-id")


@admin.register(Link)
class LinkAdmin(ByRole):
    """What ties events to investigations."""

    list_display = ("event", "investigation", "score", "state", "is_cause", "decided_by", "decided_at")
    list_filter = ("state", "is_cause")
    list_select_related = ("event", "investigation", "decided_by")
    search_fields = ("=event__id", "=investigation__id")
    search_help_text = "Exactly the id of an event or an investigation."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read of events and investigations what is shown of them."""
        return (
            super()
            .get_queryset(request)
            .defer("event__search", "event__keywords", "event__data", "event__raw_data", "investigation__search")
        )


class Revisions(admin.TabularInline):  # type: ignore[type-arg]
    """A note as it stood after each save."""

    model = NoteRevision
    extra = 0
    can_delete = False
    fields = readonly_fields = ("number", "body", "author", "created_at")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show them with their note."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: they come of saving a note."""
        return False


@admin.register(Note)
class NoteAdmin(Restorable):
    """What people wrote down."""

    deeds = {"delete": services.delete_note, "restore": services.restore_note}
    list_display = ("__str__", "investigation", "author", "created_at", "version", "alive")
    list_filter = (DeletedFilter,)
    list_select_related = ("investigation", "author")
    inlines = (Revisions,)
