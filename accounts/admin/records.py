"""Doors for administrators: credentials, switches, the audit trail, and what people were told."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone

from accounts import credentials, switching, trail
from accounts.admin.base import ByRole, actor_of, refused_as_message
from accounts.models import ApiKey, AuditEntry, Feature, NotificationDelivery, RevokedToken, Switch
from accounts.notifications import delivery
from accounts.permissions import may
from rcaplatform.kit.lines import download


@admin.register(ApiKey)
class ApiKeyAdmin(ByRole):
    """Credentials of programs: made here or over the API, shown once, revoked for good."""

    fields = ("name", "user", "scope", "rate_limit", "expires_at")
    list_display = ("name", "prefix", "user", "scope", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("scope",)
    list_select_related = ("user",)
    search_fields = ("name", "=prefix", "=user__username")
    search_help_text = "The name, or exactly how the key begins or whom it acts for."
    autocomplete_fields = ("user",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Ask for what makes a key; show all of one that is made but its digest."""
        made = ("prefix", "created_at", "last_used_at", "revoked_at") if obj else ()
        return [*self.fields, *made]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask the table of roles."""
        return may(request.user, "create", ApiKey)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make a key by its deed and show its secret, this once."""
        key, secret = credentials.create_key(**form.cleaned_data, actor=actor_of(request), now=timezone.now())
        obj.pk = key.pk
        self.message_user(request, f"The key is {secret} - keep it: nobody can show it again.", messages.WARNING)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show a refusal of the deed as a message."""
        return refused_as_message(self, request, super().changeform_view, *args, **kwargs)

    @admin.action(description="Revoke", permissions=["write"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Make keys worthless."""
        now, actor = timezone.now(), actor_of(request)
        self.each(request, queryset, lambda key: credentials.revoke_key(key=key, actor=actor, now=now), "revoked")


@admin.register(RevokedToken)
class RevokedTokenAdmin(ByRole):
    """Tokens that are worthless before their time: read only."""

    list_display = ("jti", "user", "reason", "revoked_at", "revoked_by", "expires_at")
    list_select_related = ("user", "revoked_by")
    search_fields = ("=jti", "=user__username")
    search_help_text = "Exactly the id of the token, or whose it was."


@admin.register(Switch)
class SwitchAdmin(ByRole):
    """What is switched off: adding a row switches a feature off, deleting it switches it on again."""

    fields = ("feature", "reason")
    list_display = ("feature", "at", "actor", "reason")
    list_select_related = ("actor",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask the table of roles."""
        return may(request.user, "create", Switch)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask the table of roles: a switch is no record of anything, the audit trail is."""
        return may(request.user, "delete", obj or Switch)

    def save_model(self, request: HttpRequest, obj: Switch, form: Any, change: bool) -> None:
        """Switch it off by the deed, which records it."""
        feature, now = Feature(obj.feature), timezone.now()
        switching.switch_off(feature=feature, actor=actor_of(request), now=now, reason=obj.reason)
        obj.at = now

    def delete_model(self, request: HttpRequest, obj: Switch) -> None:
        """Switch it on by the deed."""
        switching.switch_on(feature=Feature(obj.feature), actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Switch]) -> None:
        """Switch each on."""
        for switch in queryset:
            self.delete_model(request, switch)


@admin.register(AuditEntry)
class AuditEntryAdmin(ByRole):
    """What was done, by whom, to what: read only, as the database itself insists."""

    list_display = ("at", "actor", "verb", "target_type", "target_id", "address", "request_id")
    list_select_related = ("actor",)
    list_filter = ("at", "verb", "target_type")
    actions = ("export",)
    search_fields = ("=target_id", "=verb", "=actor__username", "=request_id")
    search_help_text = "Exactly the id of what it was done to, the verb, the username, or the request id."

    @admin.action(description="Export as lines of JSON", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> StreamingHttpResponse:
        """Download the chosen entries."""
        lines = trail.exported(AuditEntry.objects.filter(pk__in=queryset.values("pk")).order_by("-id"))
        return download(lines, "audit.ndjson")


@admin.register(NotificationDelivery)
class NotificationDeliveryAdmin(ByRole):
    """What left the product, what waits, and what was given up: to be sent again once its cause is mended."""

    list_display = ("notification", "user", "channel", "state", "attempts", "next_attempt_at", "sent_at", "error")
    list_filter = ("state", "channel")
    list_select_related = ("notification", "user")
    actions = ("send_again",)

    @admin.action(description="Send again", permissions=["write"])
    def send_again(self, request: HttpRequest, rows: QuerySet[NotificationDelivery]) -> None:
        """Put what was given up back into the queue."""
        count = delivery.retry(
            deliveries=list(rows.values_list("pk", flat=True)), actor=actor_of(request), now=timezone.now()
        )
        messages.success(request, f"{count} will be sent again.")
