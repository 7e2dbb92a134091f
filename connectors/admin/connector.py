"""Door for administrators: connectors, made and changed by a form of their kind's settings."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.timesince import timesince

from accounts.admin import ByRole, actor_of
from accounts.permissions import may
from connectors import backfills, breakers, reference, services
from connectors.forms import ConnectorForm, form_for
from connectors.models import Connector
from connectors.registry import SOURCES, is_pushed
from rcaplatform.kit.errors import DomainError

CONNECTOR_FACTS = ("name", "kind", "enabled", "webhook")
CONNECTOR_STATE = ("last_success_at", "last_error", "failures", "next_poll", "cursor", "created_at")


@admin.register(Connector)
class ConnectorAdmin(ByRole):
    """Connectors: their health, their settings, their switch; secrets can be replaced, never read."""

    list_display = ("name", "kind", "enabled", "breaker_state", "lag", "failures", "last_error", "next_poll")
    list_select_related = ("breaker",)
    list_filter = ("kind", "enabled")
    search_fields = ("name",)
    readonly_fields = (*CONNECTOR_FACTS, *CONNECTOR_STATE)
    actions = (
        "poll_now",
        "switch_on",
        "switch_off",
        "hold_open",
        "reset_breaker",
        "backfill_day",
        "stop_all",
        "resume_all",
    )

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask the table of roles."""
        return may(request.user, "edit", obj or self.model)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask the table of roles."""
        return may(request.user, "edit", self.model)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask for the kind first, for the settings depend on it."""
        if request.GET.get("kind") in SOURCES:
            about = {"title": f"Connect {SOURCES[request.GET['kind']].label}"}
            return super().add_view(request, form_url, {**about, **(extra_context or {})})
        kinds = sorted(SOURCES.values(), key=lambda source: source.label.lower())
        context = {
            **self.admin_site.each_context(request),
            "title": "Connect a source",
            "opts": self.opts,
            "kinds": [(source.kind, source.label, reference.how(source)) for source in kinds],
        }
        return TemplateResponse(request, "connectors/admin_kinds.html", context)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what is shown of one that is there."""
        return (*CONNECTOR_FACTS, *CONNECTOR_STATE) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show what it is, then what can be changed, then how it fares."""
        fields = list(_form(request, obj).base_fields)
        return [*CONNECTOR_FACTS, *fields, *CONNECTOR_STATE] if obj else fields

    def get_form(self, request: HttpRequest, obj: Connector | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Return a form with the interval and the settings of the connector's kind."""
        return super().get_form(request, obj, change, **{"form": _form(request, obj), **kwargs})

    def save_model(self, request: HttpRequest, obj: Connector, form: Any, change: bool) -> None:
        """Hand the form to the deed."""
        by: Any = {"values": form.values(), "interval": obj.interval, "actor": actor_of(request), "now": timezone.now()}
        if change:
            services.configure(connector=obj, **by)
        else:
            obj.pk = services.connect(name=obj.name, kind=form.kind, **by).pk
            obj.refresh_from_db()
            if obj.is_scheduled:
                services.poll_soon(connector=obj, actor=by["actor"], now=by["now"])

    @admin.display(description="Breaker", ordering="breaker__state")
    def breaker_state(self, connector: Connector) -> str:
        """Say how its circuit breaker stands."""
        breaker = getattr(connector, "breaker", None)
        return "closed" if breaker is None else f"{breaker.state}, held" if breaker.held else str(breaker.state)

    @admin.action(description="Hold the circuit breaker open", permissions=["write"])
    def hold_open(self, request: HttpRequest, rows: QuerySet[Connector]) -> None:
        """Ask them no more until somebody resets the breaker."""
        by: Any = {"actor": actor_of(request), "now": timezone.now()}
        self.each(request, rows, lambda row: breakers.force_open(connector=row, **by), "held open")

    @admin.action(description="Reset the circuit breaker", permissions=["write"])
    def reset_breaker(self, request: HttpRequest, rows: QuerySet[Connector]) -> None:
        """Ask them again at once."""
        by: Any = {"actor": actor_of(request), "now": timezone.now()}
        self.each(request, rows, lambda row: breakers.reset(connector=row, **by), "reset")

    @admin.action(description="Read the last 24 hours again, in the background", permissions=["write"])
    def backfill_day(self, request: HttpRequest, rows: QuerySet[Connector]) -> None:
        """Backfill a day."""
        now = timezone.now()
        span: Any = {"start": now - timedelta(days=1), "end": now, "actor": actor_of(request), "now": now}
        self.each(request, rows, lambda row: backfills.ask(connector=row, **span), "read again; see backfills")

    @admin.action(description="Stop ALL connectors at once", permissions=["write"])
    def stop_all(self, request: HttpRequest, rows: QuerySet[Connector]) -> None:
        """Stop every connector, whichever are chosen."""
        self._all(request, lambda: services.halt(actor=actor_of(request), now=timezone.now()), "All are stopped.")

    @admin.action(description="Let ALL connectors go on", permissions=["write"])
    def resume_all(self, request: HttpRequest, rows: QuerySet[Connector]) -> None:
        """Let every connector go on that is on."""
        self._all(request, lambda: services.resume(actor=actor_of(request), now=timezone.now()), "All go on.")

    def _all(self, request: HttpRequest, deed: Callable[[], None], done: str) -> None:
        try:
            deed()
        except DomainError as problem:
            self.message_user(request, problem.message, messages.ERROR)
        else:
            self.message_user(request, done)

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


def _form(request: HttpRequest, connector: Connector | None) -> type[ConnectorForm]:
    return form_for(connector.kind if connector else request.GET.get("kind", ""), new=connector is None)
