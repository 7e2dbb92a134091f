"""Door for administrators: what could not be processed."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin import ByRole, actor_of
from accounts.models import User
from accounts.permissions import may
from connectors import deadletters
from connectors.admin.raw import as_text, difference, shown
from connectors.choices import DeadLetterState
from connectors.models import DeadLetter
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.lines import download

AT_ONCE = 100
# Events of a rehearsal that are named.
REHEARSED = 10


def editable(letter: DeadLetter) -> bool:
    """Tell whether an item is text that a page can hold."""
    return as_text(bytes(letter.raw)) is not None


class RawForm(forms.ModelForm):  # type: ignore[type-arg]
    """The raw item, to be mended."""

    text = forms.CharField(
        label="Mend it",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 20, "cols": 120, "spellcheck": "false"}),
        help_text="Save keeps it, with what came beside it. A rehearsal decodes it and stores nothing.",
    )

    class Meta:
        model = DeadLetter
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["text"] = self.shown = as_text(bytes(self.instance.raw))

    def clean_text(self) -> str:
        """Return what was typed; a browser ends lines its own way."""
        text: str = self.cleaned_data["text"]
        return text if self.shown and "\r\n" in self.shown else text.replace("\r\n", "\n")


@admin.register(DeadLetter)
class DeadLetterAdmin(ByRole):
    """Items that could not be processed: look, mend, retry, or give up."""

    list_display = ("reference", "connector", "stage", "error", "message", "state", "attempts", "created_at")
    list_filter = ("state", "connector", "stage", "error")
    list_select_related = ("connector",)
    search_fields = ("=reference",)
    readonly_fields = (*list_display, "delivery", "resolved_at", "content", "edits")
    fields = readonly_fields
    actions = ("retry", "retry_all", "discard", "export")
    change_form_template = "connectors/admin_dead_letter.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        """Leave the raw items where they are until one is shown."""
        return super().get_queryset(request).select_related("delivery").defer("raw", "original", "delivery__body")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask the table of roles, about one that is still open."""
        opened = obj is None or obj.state == DeadLetterState.OPEN
        return opened and may(request.user, "edit", obj or self.model)

    def get_form(self, request: HttpRequest, obj: DeadLetter | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Return a form for the raw item where it is text that a page can hold."""
        form = RawForm if obj and editable(obj) else forms.ModelForm
        return super().get_form(request, obj, change, **{**kwargs, "form": form, "fields": form.base_fields})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show the facts, then the item to be mended."""
        open_text = obj is not None and editable(obj) and self.has_change_permission(request, obj)
        return [*self.fields, "text"] if open_text else [*self.fields]

    def save_model(self, request: HttpRequest, obj: DeadLetter, form: Any, change: bool) -> None:
        """Keep what was mended, unless it shall only be rehearsed."""
        text = form.cleaned_data.get("text")
        if text is not None and text != form.shown and "_rehearse" not in request.POST:
            deadletters.edit(dead_letter=obj, raw=text.encode(), actor=actor_of(request))

    def response_change(self, request: HttpRequest, obj: DeadLetter) -> HttpResponse:
        """Rehearse or retry the item when that was the button."""
        if "_rehearse" in request.POST:
            self._rehearse(request, obj)
        elif "_retry" in request.POST:
            tried = deadletters.retry(dead_letter=obj, actor=actor_of(request), now=timezone.now())
            done = tried.state == DeadLetterState.REPLAYED
            said = "Replayed." if done else f"It failed again: {tried.message}"
            self.message_user(request, said, messages.SUCCESS if done else messages.ERROR)
        else:
            return super().response_change(request, obj)
        return HttpResponseRedirect(request.path)

    def _rehearse(self, request: HttpRequest, letter: DeadLetter) -> None:
        text = request.POST.get("text")
        rehearsal = deadletters.rehearse(dead_letter=letter, now=timezone.now(), raw=text.encode() if text else None)
        if rehearsal.failure:
            said = f"Nothing was stored or changed. It would fail again: {rehearsal.failure.message}"
            self.message_user(request, said, messages.WARNING)
            return
        titles = "; ".join(f"{draft.event_type} «{draft.title}»" for draft in rehearsal.drafts[:REHEARSED])
        said = f"Nothing was stored or changed. It would become {len(rehearsal.drafts)} events: {titles}"
        self.message_user(request, said if titles else "Nothing was stored or changed. There is no event in it.")

    @admin.display(description="Raw")
    def content(self, letter: DeadLetter) -> SafeString:
        """Show the raw item, within bounds."""
        return shown(bytes(letter.raw))

    @admin.display(description="Edits")
    def edits(self, letter: DeadLetter) -> SafeString | str:
        """Show what somebody changed since it came."""
        return difference(bytes(letter.original), bytes(letter.raw)) if letter.original is not None else "none"

    @admin.action(description="Retry all of the selection in the background", permissions=["write"])
    def retry_all(self, request: HttpRequest, rows: QuerySet[DeadLetter]) -> None:
        """Hand any number to the workers."""
        count = deadletters.retry_soon(letters=rows, actor=actor_of(request))
        self.message_user(request, f"{count:,} are tried again in the background; those that fail stay open.")

    @admin.action(description="Export as JSON lines", permissions=["write"])
    def export(self, request: HttpRequest, rows: QuerySet[DeadLetter]) -> HttpResponseBase:
        """Stream them, raw items and all."""
        return download(deadletters.exported(rows), "dead-letters.ndjson")

    @admin.action(description="Retry", permissions=["write"])
    def retry(self, request: HttpRequest, rows: QuerySet[DeadLetter]) -> None:
        """Try them again."""
        by: Any = {"actor": request.user, "now": timezone.now()}

        def deed(letter: DeadLetter) -> None:
            tried = deadletters.retry(dead_letter=letter, **by)
            if tried.state == DeadLetterState.OPEN:
                raise Conflict(f"It failed again: {tried.message}")

        self._bounded(request, rows, deed, "replayed")

    @admin.action(description="Discard", permissions=["write"])
    def discard(self, request: HttpRequest, rows: QuerySet[DeadLetter]) -> None:
        """Give the open ones up, any number of them."""
        chosen, now = rows.count(), timezone.now()
        done = deadletters.discard_many(letters=rows, actor=cast("User", request.user), now=now)
        said = f"{done.discarded:,} of {chosen:,} discarded"
        self.message_user(request, f"{said}; {done.left:,} are still open." if done.left else f"{said}.")

    def _bounded(
        self, request: HttpRequest, rows: QuerySet[DeadLetter], deed: Callable[[DeadLetter], None], done: str
    ) -> None:
        """Do it to the oldest of them, as far as one request should go."""
        self.each(request, rows.order_by("id")[:AT_ONCE], deed, f"of {rows.count()} {done}")
