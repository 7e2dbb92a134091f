"""Door for administrators: people, who they are and what they may."""

from copy import copy
from functools import partial
from itertools import chain
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts import credentials, dossier, identities, privacy, secondfactor, services
from accounts.admin.base import ByRole, actor_of, refused_as_message
from accounts.models import User
from accounts.permissions import may
from rcaplatform.kit.lines import download

PROFILE = ("username", "first_name", "last_name", "email")
ALLAUTH = ("account", "socialaccount", "mfa")  # whose own pages would write what nobody records
for model in chain(*(apps.get_app_config(label).get_models() for label in ALLAUTH)):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


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
    """People: who they are and what they may. Nobody is deleted; who leaves is deactivated or erased."""

    form, add_form = UserForm, NewUserForm
    list_display = ("username", "first_name", "last_name", "email", "role", "is_active", "second_factor", "last_login")
    list_filter = ("role", "is_active")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": (*PROFILE, "password")}),
        ("Standing", {"fields": ("role", "is_active")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": (*PROFILE, "role", "usable_password", "password1", "password2")}),)
    actions = ("deactivate", "reactivate", "revoke_tokens", "take_second_factor", "take_identities", "export", "erase")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """See with each person whether they have a second factor."""
        own = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(has_second_factor=Exists(own))

    @admin.display(description="second factor", boolean=True)
    def second_factor(self, user: Any) -> bool:
        """Say whether somebody is asked for a code."""
        return bool(user.has_second_factor)

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
        actor = actor_of(request)
        self.each(request, queryset, lambda user: services.deactivate(user=user, actor=actor), "deactivated")

    @admin.action(description="Reactivate", permissions=["change"])
    def reactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let people in again."""
        actor = actor_of(request)
        self.each(request, queryset, lambda user: services.reactivate(user=user, actor=actor), "reactivated")

    @admin.action(description="Take away the second factor", permissions=["change"])
    def take_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let people in again who have lost theirs, and their recovery codes."""
        actor = actor_of(request)
        self.each(request, queryset, lambda user: secondfactor.turn_off(user=user, actor=actor), "without one")

    @admin.action(description="Take away the linked identities", permissions=["change"])
    def take_identities(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let nobody in as these people by an identity that was linked; their sessions go on."""
        actor = actor_of(request)
        self.each(request, queryset, lambda user: identities.unlink(user=user, actor=actor), "without one")

    @admin.action(description="End all sessions, revoke all tokens and API keys", permissions=["change"])
    def revoke_tokens(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Shut out whoever holds a credential of these people; they may sign in again."""
        why: dict[str, Any] = {"reason": "by an administrator", "api_keys": True, "now": timezone.now()}
        actor = actor_of(request)
        self.each(
            request, queryset, lambda user: credentials.revoke_all(user=user, actor=actor, **why), "people shut out"
        )

    @admin.action(description="Export everything kept about one person", permissions=["change"])
    def export(self, request: HttpRequest, queryset: QuerySet[User]) -> StreamingHttpResponse | None:
        """Download it; one person at a time, as each is to get what is theirs."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one person.", messages.ERROR)
            return None
        lines = privacy.hand_over(person=chosen[0], actor=actor_of(request), now=timezone.now())
        return download(lines, dossier.file_name(chosen[0]))

    @admin.action(description="Erase for ever", permissions=["change"])
    def erase(self, request: HttpRequest, queryset: QuerySet[User]) -> TemplateResponse | None:
        """Ask once more, then erase people."""
        people = list(queryset)
        if "sure" not in request.POST:
            told = {
                **self.admin_site.each_context(request),
                "people": people,
                "opts": self.opts,
                "title": "Erase people",
            }
            return TemplateResponse(request, "accounts/admin_erase.html", told)
        self.each(request, queryset, lambda user: privacy.erase(user=user, actor=actor_of(request)), "erased")
        return None
