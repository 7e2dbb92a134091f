"""Deed: find the people whom a document names, or make somebody who stands in for them.

Whoever brings a document is not taken at their word: only an administrator, and the command line, speak for others. A
person whom nobody speaks for, or whom nobody knows, is kept as a name alone: an account "name@imported" that nobody can
sign in to.
"""

import re
from collections.abc import Iterable

from django.contrib.auth.hashers import make_password
from django.db.models.functions import Lower

from accounts.models import Role, User

MARK = "@imported"
_LONGEST = 150
_NOT_IN_A_NAME = re.compile(r"[^\w.@+-]")


def people(*, names: Iterable[str], actor: User | None) -> dict[str, User]:
    """Return somebody for each name.

    Args:
        names: as the document has them: usernames or e-mail addresses.
        actor: who brings the document; None is the operator, at the command line.
    """
    wanted = set(names)
    found = _accounts(wanted) if actor is None or actor.role == Role.ADMIN else {}
    if actor is not None and actor.username in wanted:
        found[actor.username] = actor
    called = {name: standin_for(name) for name in wanted - found.keys()}
    nobody = [
        User(username=name, password=make_password(None), is_active=False) for name in sorted(set(called.values()))
    ]
    User.objects.bulk_create(nobody, ignore_conflicts=True)
    standing_in = {one.username: one for one in User.objects.filter(username__in=called.values(), is_active=False)}
    return found | {name: standing_in[username] for name, username in called.items()}


def standin_for(name: str) -> str:
    """Return the username of whoever stands in for a name."""
    bare = _NOT_IN_A_NAME.sub("-", name.removesuffix(MARK)) or "somebody"
    return f"{bare[: _LONGEST - len(MARK)]}{MARK}"


def _accounts(names: set[str]) -> dict[str, User]:
    """Return those of the names that are an account's: by its username, or by an e-mail address that it alone has."""
    found = {one.username: one for one in User.objects.filter(username__in=names)}
    addresses = {name.lower(): name for name in names - found.keys() if "@" in name}
    holders: dict[str, list[User]] = {}
    for one in User.objects.annotate(address=Lower("email")).filter(address__in=addresses):
        holders.setdefault(one.email.lower(), []).append(one)
    return found | {addresses[address]: held[0] for address, held in holders.items() if len(held) == 1}
