"""Door for administrators: people and the audit trail; and what every admin of this product has in common."""

from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.utils import timezone

from accounts import credentials, services, switching, trail
from accounts.models import ApiKey, AuditEntry, Feature, NotificationDelivery, RevokedToken, Switch, User
from accounts.notifications import delivery
from accounts.permissions import may
from accounts.signin import AdminSignInForm
from rcaplatform.kit.errors import DomainError
from rcaplatform.kit.paging import CappedPaginator
from rcaplatform.kit.search import web_query

INDEX_ONLY = {"search", "keywords"}
PROFILE = ("username", "first_name", "last_name", "email")
admin.site.login_form = AdminSignInForm


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


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """A new person."""

    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = (*PROFILE, "role")


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    """A person."""

    class Meta(UserChangeForm.Meta):
        model = User
        fields = (*PROFILE, "password", "role", "is_active")  # type: ignore[assignment]


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Another password for a person, written by its deed."""

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def set_password_and_save(self, user: User, *_args: Any, **_options: Any) -> User:
        """Set it, or take it away."""
        said = self.cleaned_data
        password = said["password1"] if said["set_usable_password"] else None
        return services.set_password(user=user, password=password, actor=self.actor)


@admin.register(User)
class PeopleAdmin(UserAdmin, ByRole):  # type: ignore[type-arg]
    """People: who they are and what they may. Nobody is deleted; who leaves is deactivated."""

    form, add_form = UserForm, NewUserForm
    list_display = ("username", "first_name", "last_name", "email", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": (*PROFILE, "password")}),
        ("Standing", {"fields": ("role", "is_active")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": (*PROFILE, "role", "usable_password", "password1", "password2")}),)
    actions = ("deactivate", "reactivate", "revoke_tokens")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask the table of roles."""
        return may(request.user, "create", User)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask the table of roles."""
        return may(request.user, "edit", obj or User)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: the audit trail names everybody."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Write by the services, which record it."""
        actor, said = actor_of(request), form.cleaned_data
        if not change:
            profile = {name: said[name] for name in PROFILE}
            made = services.create_user(**profile, password=said["password1"], role=said["role"], actor=actor)
            obj.pk = made.pk
            return
        person = User.objects.get(pk=obj.pk)
        services.edit_profile(user=person, actor=actor, **{name: said[name] for name in PROFILE})
        services.set_role(user=person, role=said["role"], actor=actor)
        (services.reactivate if said["is_active"] else services.deactivate)(user=person, actor=actor)

    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Set somebody's password by a form that knows who does it."""
        desk = copy(self)  # this one serves other requests at the same time
        desk.change_password_form = partial(PasswordForm, actor=actor_of(request))
        return UserAdmin.user_change_password(desk, request, *args, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show a refusal of the services as a message."""
        return refused_as_message(self, request, super().changeform_view, *args, **kwargs)

    @admin.action(description="Deactivate", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Shut people out at once."""
        self.each(
            request, queryset, lambda user: services.deactivate(user=user, actor=actor_of(request)), "deactivated"
        )

    @admin.action(description="Reactivate", permissions=["change"])
    def reactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let people in again."""
        self.each(
            request, queryset, lambda user: services.reactivate(user=user, actor=actor_of(request)), "reactivated"
        )

    @admin.action(description="Revoke all tokens and API keys", permissions=["change"])
    def revoke_tokens(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Shut out whoever holds a credential of these people; they may sign in again."""
        why: dict[str, Any] = {
            "reason": "by an administrator",
            "api_keys": True,
            "actor": actor_of(request),
            "now": timezone.now(),
        }
        self.each(request, queryset, lambda user: credentials.revoke_all(user=user, **why), "people shut out")


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
        answer = StreamingHttpResponse(lines, content_type="application/x-ndjson")
        answer["Content-Disposition"] = 'attachment; filename="audit.ndjson"'
        return answer


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
