"""Deeds about people and their tokens: check, write, record."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from django.contrib.auth.models import update_last_login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

from accounts import audit
from accounts.models import Role, User
from accounts.tokens import RefreshToken, UntypedToken
from rcaplatform.kit.errors import Conflict, DomainError, Invalid

Kind = TypeVar("Kind", RefreshToken, UntypedToken)


class BadToken(DomainError):
    """The token opens nothing: sign in again."""

    status, code = 401, "bad_token"


@transaction.atomic
def create_user(
    *,
    username: str,
    password: str,
    role: str = Role.USER,
    actor: User | None = None,
    any_password: bool = False,
    **profile: str,
) -> User:
    """Make an account; an administrator may also enter the admin.

    Args:
        username: unique.
        password: must pass the password rules, unless ``any_password``: an operator chose it for a demo.
        role: one of `Role`.
        actor: who makes it; None is the system itself.
        profile: ``email``, ``first_name``, ``last_name``.

    Raises:
        Invalid: a value breaks a rule; ``fields`` names it.
    """
    person = User(username=username, **profile, **_standing(role))
    person.set_password(password)
    try:
        person.full_clean()
    except ValidationError as problem:
        raise _invalid(problem.message_dict) from problem
    if not any_password:
        _require_good(password, person)
    person.save(force_insert=True)
    audit.record(actor=actor, verb="create", target=person, change={"role": [None, person.role]})
    return person


def _require_good(password: str, person: User) -> None:
    try:
        validate_password(password, person)
    except ValidationError as problem:
        raise _invalid({"password": problem.messages}) from problem


@transaction.atomic
def edit_profile(*, user: User, actor: User | None = None, **profile: str) -> User:
    """Change how a person is named and reached: ``username``, ``email``, ``first_name``, ``last_name``."""
    return _change(user, profile, actor, "edit")


@transaction.atomic
def set_role(*, user: User, role: str, actor: User | None = None) -> User:
    """Give a person another role.

    Raises:
        Invalid: there is no such role.
        Conflict: they are the last administrator.
    """
    return _change(user, _standing(role), actor, "set role")


@transaction.atomic
def deactivate(*, user: User, actor: User | None = None) -> User:
    """Shut a person out at once: no sign-in, no page, no token of theirs is good any more.

    Raises:
        Conflict: they are the last administrator.
    """
    return _change(user, {"is_active": False}, actor, "deactivate")


@transaction.atomic
def reactivate(*, user: User, actor: User | None = None) -> User:
    """Let a person in again."""
    return _change(user, {"is_active": True}, actor, "reactivate")


@transaction.atomic
def issue(*, user: User) -> RefreshToken:
    """Return a refresh token, which carries its access token, for a person who has proved who they are."""
    update_last_login(None, user)  # type: ignore[arg-type]
    return RefreshToken.for_user(user)


@transaction.atomic
def rotate(*, refresh: str) -> RefreshToken:
    """Take a refresh token back for a new one; each is good once, also when two requests bring it together.

    Raises:
        BadToken: it is not ours, expired, used or revoked, or its person may no longer sign in.
    """
    old = _opened(RefreshToken, refresh)
    person = _person(old)
    _, first = cast("tuple[object, bool]", old.blacklist())
    if not first:
        raise BadToken("This refresh token was used before.")
    return RefreshToken.for_user(person)


@transaction.atomic
def revoke(*, refresh: str) -> None:
    """Make a refresh token worthless, as at sign-out; one that is worthless already may be given again.

    Raises:
        BadToken: it is not one of ours, or has expired.
    """
    if not BlacklistedToken.objects.filter(token__jti=_untyped(refresh)["jti"]).exists():
        _opened(RefreshToken, refresh).blacklist()


def verify(*, token: str) -> UntypedToken:
    """Return a token of any kind that is good now.

    Raises:
        BadToken: it is not.
    """
    opened = _untyped(token)
    if BlacklistedToken.objects.filter(token__jti=opened["jti"]).exists():
        raise BadToken("This token was revoked.")
    _person(opened)
    return opened


def _untyped(token: str) -> UntypedToken:
    return _opened(UntypedToken, token)


def _opened(kind: type[Kind], token: str) -> Kind:
    try:
        return kind(token)  # type: ignore[arg-type]
    except TokenError as problem:
        raise BadToken(f"{problem}.") from problem


def _person(token: Any) -> User:
    person = User.objects.filter(pk=token["sub"], is_active=True).first()
    if person is None:
        raise BadToken("This person may not sign in.")
    return person


def _standing(role: str) -> dict[str, Any]:
    """Return the fields that make a role: administrators enter the admin and may do everything there."""
    if role not in Role.values:
        raise Invalid(f"There is no role {role}.", fields={"role": f"One of {', '.join(Role.values)}."})
    return {"role": role, "is_staff": role == Role.ADMIN, "is_superuser": role == Role.ADMIN}


def _change(user: User, values: Mapping[str, Any], actor: User | None, verb: str) -> User:
    before = {name: getattr(user, name) for name in values}
    changed = {name: value for name, value in values.items() if value != before[name]}
    if not changed:
        return user
    if user.role == Role.ADMIN and user.is_active and changed.keys() & {"role", "is_active"}:
        # Locked, so that two administrators cannot remove one another at once.
        admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").select_for_update()
        if set(admins.values_list("pk", flat=True)) <= {user.pk}:
            raise Conflict("There must be an administrator who can sign in.")
    User.objects.filter(pk=user.pk).update(**changed)
    for name, value in changed.items():
        setattr(user, name, value)
    audit.record(actor=actor, verb=verb, target=user, change={name: [before[name], changed[name]] for name in changed})
    return user


def _invalid(problems: Mapping[str, list[str]]) -> Invalid:
    fields = {name: " ".join(messages) for name, messages in problems.items()}
    return Invalid("; ".join(f"{name}: {text}" for name, text in fields.items()), fields=fields)
