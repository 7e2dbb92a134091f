"""Door for administrators: what could not be processed."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin import ByRole
from connectors import services
from connectors.admin.raw import shown
from connectors.choices import DeadLetterState
from connectors.models import DeadLetter
from rcaplatform.kit.errors import Conflict

AT_ONCE = 100


@admin.register(DeadLetter)
class DeadLetterAdmin(ByRole):
    """Items that could not be processed: look, mend, retry, or give up."""

    list_display = ("reference", "connector", "stage", "error", "message", "state", "attempts", "created_at")
    list_filter = ("state", "connector", "stage", "error")
    list_select_related = ("connector",)
    search_fields = ("=reference",)
    fields = (*list_display, "delivery", "resolved_at", "content")
    actions = ("retry", "discard")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        """Leave the raw items where they are until one is shown."""
        return super().get_queryset(request).defer("raw")

    @admin.display(description="Raw")
    def content(self, letter: DeadLetter) -> SafeString:
        """Show the raw item, within bounds."""
        return shown(bytes(letter.raw))

    @admin.action(description="Retry", permissions=["write"])
    def retry(self, request: HttpRequest, rows: QuerySet[DeadLetter]) -> None:
        """Try them again."""
        by: Any = {"actor": request.user, "now": timezone.now()}

        def deed(letter: DeadLetter) -> None:
            tried = services.retry(dead_letter=letter, **by)
            if tried.state == DeadLetterState.OPEN:
                raise Conflict(f"It failed again: {tried.message}")

        self._bounded(request, rows, deed, "replayed")

    @admin.action(description="Discard", permissions=["write"])
    def discard(self, request: HttpRequest, rows: QuerySet[DeadLetter]) -> None:
        """Give them up."""
        by: Any = {"actor": request.user, "now": timezone.now()}
        self._bounded(request, rows, lambda row: services.discard(dead_letter=row, **by), "discarded")

    def _bounded(
        self, request: HttpRequest, rows: QuerySet[DeadLetter], deed: Callable[[DeadLetter], None], done: str
    ) -> None:
        """Do it to the oldest of them, as far as one request should go."""
        self.each(request, rows.order_by("id")[:AT_ONCE], deed, f"of {rows.count()} {done}")
