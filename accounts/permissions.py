"""Decision: who may do what. One table for pages, API and admin; objects are named by their model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import Role, Scope

READ = frozenset({"read"})
WRITE = frozenset({"create", "edit", "delete", "restore"})
EVERYTHING = READ | WRITE
ANY_OBJECT = "*"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role may do to objects of one kind: to ``every`` one, and to its ``own``."""

    every: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()


_CASEWORK = (
    *("event", "origin", "dependency", "investigation", "link"),
    *("note", "noterevision", "comment", "hypothesis", "evidence", "suspectreport", "suspect"),
)
_KEYS = Grant(READ | {"create"}, own=frozenset({"delete"}))
_OWN = Grant(READ | {"edit"})  # whose queries find nothing but somebody's own
_EXPORTS = Grant(READ | {"create"}, own=frozenset({"delete"}))
_VIEWS = Grant(READ | {"create"}, own=frozenset({"edit", "delete"}))
TABLE: Mapping[str, Mapping[str, Grant]] = {
    Role.USER: {
        **dict.fromkeys((*_CASEWORK, "connector"), Grant(READ)),
        "apikey": _KEYS,
        "savedview": _VIEWS,
        "notification": _OWN,
        "export": _EXPORTS,
        "draft": Grant(READ),  # to have one written sends evidence to a language model
        "investigation": Grant(READ | {"create"}, own=frozenset({"edit"})),
        **dict.fromkeys(("note", "comment", "hypothesis", "evidence"), Grant(READ | {"create"}, own=WRITE)),
    },
    Role.ENGINEER: {
        **dict.fromkeys(_CASEWORK, Grant(EVERYTHING)),
        "connector": Grant(READ),
        "deadletter": Grant(READ | {"edit"}),
        "apikey": _KEYS,
        "savedview": _VIEWS,
        "notification": _OWN,
        "export": Grant(READ | {"create", "delete"}),
        "draft": Grant(READ | {"create", "delete"}),
    },
    Role.ADMIN: {ANY_OBJECT: Grant(EVERYTHING)},
}
# What an API key lets through of that. None of them makes keys: who holds one for a day shall not have it for ever.
SCOPES: Mapping[str, Mapping[str, frozenset[str]]] = {
    Scope.INGEST: {"event": frozenset({"create"})},
    Scope.READ: {ANY_OBJECT: READ},
    Scope.FULL: {ANY_OBJECT: EVERYTHING, "apikey": READ | {"delete"}},
}
# What makes an object somebody's own.
_OWNERS = ("created_by_id", "assigned_to_id", "author_id", "user_id", "owner_id")
_VERBS = {"POST": "create", "PUT": "edit", "PATCH": "edit", "DELETE": "delete"}


def may(user: Any, verb: str, target: Model | type[Model] | str) -> bool:
    """Return whether ``user`` may do ``verb`` (read, create, edit, delete, restore) to ``target``.

    Asked of a model, or of its name in the table, instead of one object, the answer is whether they may do it to some.
    Who came with an API key may do what both its scope and the role permit.
    """
    if not (user.is_authenticated and user.is_active and in_scope(user, verb, target)):
        return False
    grants = TABLE.get(user.role, {})
    grant = grants.get(_kind(target)) or grants.get(ANY_OBJECT, Grant())
    if verb in grant.every:
        return True
    return verb in grant.own and (not isinstance(target, Model) or _owns(user, target))


def in_scope(user: Any, verb: str, target: Model | type[Model] | str = ANY_OBJECT) -> bool:
    """Return whether the credential somebody came with is for this; whoever came themselves may do what they may."""
    if not user.scope:
        return True
    scope = SCOPES.get(user.scope, {})
    return verb in scope.get(_kind(target), scope.get(ANY_OBJECT, frozenset()))


def _kind(target: Model | type[Model] | str) -> str:
    if isinstance(target, str):
        return target
    return (target if isinstance(target, type) else type(target)).__name__.lower()


def _owns(user: Any, target: Model) -> bool:
    return any(getattr(target, name, None) == user.pk for name in _OWNERS)


class RolePermission(BasePermission):
    """Asks the table about the model of a view's queryset and the verb of the request.

    ``verbs`` maps an action of a viewset to a verb where the method does not say it. A view without a queryset asks
    only who is there, and whether the API key they came with, if any, is for more than one kind of thing.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Answer before an object is known."""
        queryset = getattr(view, "queryset", None)
        if queryset is None:
            return self._somebody(request, view)
        return self._answer(request, view, queryset.model)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        """Answer for one object."""
        return self._answer(request, view, obj)

    def _answer(self, request: Request, view: Any, target: Model | type[Model]) -> bool:
        verb = verb_of(request, view)
        allowed = may(request.user, verb, target)
        if not allowed and request.user.is_authenticated and self._scoped(request, verb, target):
            role = Role(request.user.role).label.lower()
            whose = "" if isinstance(target, type) else "this "
            self.message = f"The role {role} may not {verb} {whose}{_kind(target)}."
        return allowed

    def _somebody(self, request: Request, view: Any) -> bool:
        there = bool(request.user.is_authenticated and request.user.is_active)
        return there and self._scoped(request, verb_of(request, view), ANY_OBJECT)

    def _scoped(self, request: Request, verb: str, target: Model | type[Model] | str) -> bool:
        user: Any = request.user
        allowed = in_scope(user, verb, target)
        if not allowed:
            self.message = f"An API key with the scope {user.scope} is not for this."
        return allowed


def verb_of(request: Request, view: Any) -> str:
    """Return the verb a request amounts to."""
    by_action: Mapping[str, str] = getattr(view, "verbs", {})
    by_method = _VERBS.get(request.method or "", "read")
    return by_method if by_method == "read" else by_action.get(getattr(view, "action", None) or "", by_method)
