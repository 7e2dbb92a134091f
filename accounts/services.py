"""Deeds about people: check, write, record, and have their tokens looked at anew."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit, standing
from accounts.models import Role, User
from rcaplatform.kit.errors import Conflict, Invalid
from rcaplatform.kit.realtime import publish

_STANDING = ("role", "is_staff", "is_superuser", "is_active")


@transaction.atomic
def create_user(
    *,
    username: str,
    password: str | None,
    role: str = Role.USER,
    actor: User | None = None,
    any_password: bool = False,
    **profile: str,
) -> User:
    """Make an account; an administrator may also enter the admin.

    Args:
        username: unique.
        password: must pass the password rules, unless ``any_password``: an operator chose it for a demo. None: they
            cannot sign in with one.
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
        raise Invalid.of(problem.message_dict) from problem
    if password is not None and not any_password:
        _require_good(password, person)
    person.save(force_insert=True)
    audit.record(actor=actor, verb="create", target=person, change={"role": [None, person.role]})
    return person


def _require_good(password: str, person: User) -> None:
    try:
        validate_password(password, person)
    except ValidationError as problem:
        raise Invalid.of({"password": problem.messages}) from problem


@transaction.atomic
def edit_profile(*, user: User, actor: User | None = None, **profile: str) -> User:
    """Change how a person is named and reached: ``username``, ``email``, ``first_name``, ``last_name``."""
    return _change(user, profile, actor, "edit")


@transaction.atomic
def set_role(*, user: User, role: str, actor: User | None = None) -> User:
    """Give a person another role; their tokens and sessions end, as they speak of the old one.

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
def set_password(*, user: User, password: str | None, actor: User | None = None, any_password: bool = False) -> User:
    """Give a person another password, or none (they cannot sign in with one); their tokens and sessions end.

    Args:
        any_password: it need not pass the password rules: an operator chose it for a demo.

    Raises:
        Invalid: it breaks the password rules; ``fields`` names ``password``.
    """
    if password is not None and not any_password:
        _require_good(password, user)
    user.set_password(password)
    User.objects.filter(pk=user.pk).update(password=user.password)
    _changed(user)
    audit.record(actor=actor, verb="set password", target=user)
    return user


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
    if changed.keys() & {"role", "is_active"}:
        require_another_admin(user)
    User.objects.filter(pk=user.pk).update(**changed)
    for name, value in changed.items():
        setattr(user, name, value)
    _changed(user)
    # The trail is for ever and a person may be erased: it says that a name changed, not from what to what.
    told = {name: [before[name], changed[name]] if name in _STANDING else ["…", "…"] for name in changed}
    audit.record(actor=actor, verb=verb, target=user, change=told)
    return user


def require_another_admin(user: User) -> None:
    """Refuse to go on when nobody else could administer.

    Raises:
        Conflict: they are the last administrator.
    """
    if user.role == Role.ADMIN and user.is_active:
        # Locked, so that two administrators cannot remove one another at once.
        admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").select_for_update()
        if set(admins.values_list("pk", flat=True)) <= {user.pk}:
            raise Conflict("There must be an administrator who can sign in.")


def _changed(user: User) -> None:
    """Read what the database made of a change, let every process know, and open pages ask whether they still may."""
    user.refresh_from_db(fields=["token_generation"])
    standing.recall(user.pk)
    publish(topic=f"person:{user.pk}", kind="standing")
