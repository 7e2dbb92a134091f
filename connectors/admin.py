"""Door for administrators: connectors, what they were sent, and what could not be processed."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson
from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from accounts.admin import ByRole
from accounts.permissions import may
from connectors import services
from connectors.choices import DeadLetterState
from connectors.models import Connector, DeadLetter, Delivery
from connectors.registry import SOURCES, is_pushed
from rcaplatform.kit.errors import Conflict, DomainError

AT_ONCE = 100
SHOWN, PARSED = 20_000, 1_000_000
CONNECTOR_FACTS = ("name", "kind", "enabled", "webhook", "config")
CONNECTOR_STATE = ("last_success_at", "last_error", "failures", "next_poll", "cursor", "created_at")


@admin.register(Connector)
class ConnectorAdmin(ByRole):
    """Connectors: their health, their interval, their switch; secrets can be replaced, never read."""

    list_display = ("name", "kind", "enabled", "lag", "failures", "last_error", "last_success_at", "next_poll")
    list_filter = ("kind", "enabled")
    search_fields = ("name",)
    readonly_fields = (*CONNECTOR_FACTS, *CONNECTOR_STATE)
    actions = ("poll_now", "switch_on", "switch_off")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask the table of roles."""
        return may(request.user, "edit", obj or self.model)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show what it is, then what can be changed, then how it fares."""
        return [*CONNECTOR_FACTS, *_form(obj).base_fields, *CONNECTOR_STATE]

    def get_form(self, request: HttpRequest, obj: Connector | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Return a form with the interval and a field for each secret of the connector's kind."""
        return super().get_form(request, obj, change, **{"form": _form(obj), **kwargs})

    def save_model(self, request: HttpRequest, obj: Connector, form: Any, change: bool) -> None:
        """Hand the form to the deed."""
        given = {"interval": form.cleaned_data["interval"], "secrets": form.replaced()}
        services.configure(connector=obj, **given, actor=request.user, now=timezone.now())  # type: ignore[arg-type]

    @admin.display(description="Lag", ordering="last_success_at")
    def lag(self, connector: Connector) -> str:
        """Say how long ago it was last heard."""
        return timesince(connector.last_success_at) if connector.last_success_at else "never heard"

    @admin.display(description="Next poll", ordering="next_poll_at")
    def next_poll(self, connector: Connector) -> datetime | str:
        """Say when it is polled next, or that it is not and what would change that."""
        if connector.is_given_up:
            return "Stopped, as it never worked: mend what the last error says, then poll now."
        return connector.next_poll_at or "none"

    @admin.display(description="Webhook address")
    def webhook(self, connector: Connector) -> str:
        """Return the address to enter at the source."""
        pushed = connector.kind in SOURCES and is_pushed(connector.kind)
        return f"{settings.SITE_URL}/hooks/{connector.name}" if pushed else "none: it is polled"

    @admin.action(description="Poll now", permissions=["write"])
    def poll_now(self, request: HttpRequest, rows: QuerySet[Connector]) -> None:
        """Make them due at once."""
        by: Any = {"actor": request.user, "now": timezone.now()}
        self.each(request, rows, lambda row: services.poll_soon(connector=row, **by), "polled soon")

    @admin.action(description="Switch on", permissions=["write"])
    def switch_on(self, request: HttpRequest, rows: QuerySet[Connector]) -> None:
        """Switch them on."""
        self._switch(request, rows, enabled=True)

    @admin.action(description="Switch off", permissions=["write"])
    def switch_off(self, request: HttpRequest, rows: QuerySet[Connector]) -> None:
        """Switch them off."""
        self._switch(request, rows, enabled=False)

    def _switch(self, request: HttpRequest, rows: QuerySet[Connector], *, enabled: bool) -> None:
        by: Any = {"enabled": enabled, "actor": request.user, "now": timezone.now()}
        done = f"switched {'on' if enabled else 'off'}"
        self.each(request, rows, lambda row: services.switch(connector=row, **by), done)


class ConnectorForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an administrator may change."""

    class Meta:
        model = Connector
        fields = ("interval",)

    def replaced(self) -> dict[str, str]:
        """Return the secrets that were filled in."""
        return {name: value for name, value in self.cleaned_data.items() if name != "interval" and value}

    def clean(self) -> None:
        """Refuse secrets the connector cannot work with."""
        try:
            services.secrets_with(self.instance, self.replaced())
        except DomainError as problem:
            raise forms.ValidationError(problem.message) from problem


def _form(connector: Connector | None) -> type[ConnectorForm]:
    kind = SOURCES.get(connector.kind) if connector else None
    secrets = {
        name: forms.CharField(
            required=False,
            strip=False,
            widget=forms.PasswordInput({"autocomplete": "new-password"}),
            help_text="Empty: it stays as it is.",
        )
        for name in sorted(kind.Config.secret_names() if kind else ())
    }
    return type("ConnectorForm", (ConnectorForm,), secrets)


@admin.register(Delivery)
class DeliveryAdmin(ByRole):
    """Deliveries as they came, and what became of them."""

    list_display = ("event", "key", "connector", "state", "received_at", "stored", "duplicates", "attempts")
    list_filter = ("state", "connector", "event")
    list_select_related = ("connector",)
    search_fields = ("=key",)
    fields = (*list_display, "digested_at", "headers", "content")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Leave the bodies where they are until one is shown."""
        return super().get_queryset(request).defer("body")

    @admin.display(description="Body")
    def content(self, delivery: Delivery) -> SafeString:
        """Show the body, within bounds."""
        return _shown(bytes(delivery.body))


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
        return _shown(bytes(letter.raw))

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


def _shown(raw: bytes) -> SafeString:
    """Return raw bytes as text, JSON with indentation, cut where a page would become heavy."""
    text = raw[:SHOWN].decode(errors="replace").replace("\x00", "\ufffd")
    whole = len(raw) <= SHOWN
    if len(raw) <= PARSED:
        with suppress(orjson.JSONDecodeError):
            text = orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()
            whole = len(text) <= SHOWN
    return format_html("<pre>{}{}</pre>", text[:SHOWN], "" if whole else f"\n… {len(raw):,} bytes in all")
