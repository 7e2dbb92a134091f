"""What every admin of this product has in common: rows by role, deeds as actions, refusals as messages."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from accounts.models import User
from accounts.permissions import may
from rcaplatform.kit.errors import DomainError
from rcaplatform.kit.paging import CappedPaginator
from rcaplatform.kit.search import web_query

INDEX_ONLY = {"search", "keywords"}


def actor_of(request: HttpRequest) -> User:
    """Return who uses the admin; it lets in nobody who is not signed in."""
    return cast("User", request.user)


class ByRole(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows what the table of roles lets a person read, and counts no table. Actions write, by the services."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Name every column but those for the index alone: unnamed, Django would build a form to find out."""
        return [*(self.fields or (field.name for field in self.opts.fields if field.name not in INDEX_ONLY))]

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the app to whoever may read one of its tables."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask the table of roles."""
        return may(request.user, "read", obj or self.model)

    def has_write_permission(self, request: HttpRequest) -> bool:
        """Ask the table of roles on behalf of an action."""
        return may(request.user, "edit", self.model)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: what a person deletes can be restored, so no row is removed here."""
        return False

    def each(self, request: HttpRequest, rows: QuerySet[Any], deed: Callable[[Any], object], done: str) -> None:
        """Do ``deed`` to each row and report."""
        refused = []
        for row in rows:
            try:
                deed(row)
            except DomainError as problem:
                refused.append(f"{row}: {problem.message}")
        self.message_user(request, f"{len(rows) - len(refused)} {done}.")
        for line in refused:
            self.message_user(request, line, messages.ERROR)


def refused_as_message(
    desk: ByRole, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any, **kwargs: Any
) -> HttpResponse:
    """Answer with ``view``; with the form anew and a message when a deed refuses."""
    try:
        return view(request, *args, **kwargs)
    except DomainError as problem:
        desk.message_user(request, problem.message, messages.ERROR)
        return HttpResponseRedirect(request.path)


class DeletedFilter(admin.SimpleListFilter):
    """Deleted, or not."""

    title, parameter_name = "deleted", "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the one chosen."""
        return queryset if self.value() is None else queryset.filter(deleted_at__isnull=self.value() == "no")


class Restorable(ByRole):
    """Rows that people write: found by full text, shown when deleted too, and brought back.

    ``deeds`` names what deletes and restores one row.
    """

    deeds: ClassVar[Mapping[str, Callable[..., object]]]
    actions = ("delete_rows", "restore_rows")
    search_fields = ("search",)
    search_help_text = 'Full text: words, "a phrase", OR, -not.'

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out what is for the index alone."""
        return super().get_queryset(request).defer("search")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the index of words."""
        return (queryset.filter(search=web_query(search_term)) if search_term else queryset), False

    @admin.action(description="Delete, so that it can be restored", permissions=["write"])
    def delete_rows(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Hide the rows."""
        self._do(request, queryset.filter(deleted_at__isnull=True), "delete")

    @admin.action(description="Restore", permissions=["write"])
    def restore_rows(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Bring the rows back."""
        self._do(request, queryset.filter(deleted_at__isnull=False), "restore")

    @admin.display(description="alive", boolean=True)
    def alive(self, row: Any) -> bool:
        """Say whether a row is there for people."""
        return row.deleted_at is None

    def _do(self, request: HttpRequest, rows: QuerySet[Any], verb: str) -> None:
        noun, now = self.model.__name__.lower(), timezone.now()
        deed = self.deeds[verb]
        self.each(request, rows, lambda row: deed(**{noun: row}, actor=request.user, now=now), f"{verb}d")
