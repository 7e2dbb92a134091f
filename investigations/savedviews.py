"""Deeds about saved views of the list of investigations: check, write, record."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.models import User
from investigations.listquery import normalised
from investigations.models import SavedView
from investigations.services import checked, plain_text
from rcaplatform.kit.errors import Conflict, Invalid

MOST = 100  # of one person


@transaction.atomic
def save(*, name: str, query: str, actor: User, now: datetime, shared: bool = False) -> SavedView:
    """Keep a query of the list under a name.

    Raises:
        Invalid: a value breaks a rule, the name is taken, or the person has too many.
    """
    view = SavedView(name=plain_text(name), query=normalised(query), shared=shared, owner=actor)
    checked(view, exclude=["owner"])
    _hold(actor)
    if SavedView.objects.filter(owner=actor).count() >= MOST:
        raise Invalid(f"A person keeps at most {MOST} views: delete one first.", fields={"name": "There are too many."})
    _require_free(view)
    view.save(force_insert=True)
    audit.record(actor=actor, verb="create", target=view)
    return view


@transaction.atomic
def edit(*, savedview: SavedView, changes: Mapping[str, Any], actor: User, now: datetime) -> SavedView:
    """Change a view's name, its query, or whether others see it.

    Raises:
        Invalid: a value breaks a rule, or the name is taken.
        Conflict: somebody else changed it since ``savedview`` was read.
    """
    wanted = dict(changes)
    if "name" in wanted:
        wanted["name"] = plain_text(wanted["name"])
    if "query" in wanted:
        wanted["query"] = normalised(wanted["query"])
    before = {name: getattr(savedview, name) for name in wanted}
    changed = {name: value for name, value in wanted.items() if value != before[name]}
    if not changed:
        return savedview
    for name, value in changed.items():
        setattr(savedview, name, value)
    checked(savedview, exclude=["owner"])
    _hold(savedview.owner)
    _require_free(savedview)
    held = SavedView.objects.filter(pk=savedview.pk, version=savedview.version)
    if not held.update(**changed, version=F("version") + 1, updated_at=now):
        raise Conflict("Somebody else changed this view first.")
    savedview.version += 1
    savedview.updated_at = now
    change = {name: [before[name], value] for name, value in changed.items()}
    audit.record(actor=actor, verb="edit", target=savedview, change=change)
    return savedview


@transaction.atomic
def delete(*, savedview: SavedView, actor: User, now: datetime) -> None:
    """Delete a view for good; what it showed is in the audit trail."""
    gone = {name: [getattr(savedview, name), None] for name in ("name", "query", "shared")}
    if SavedView.objects.filter(pk=savedview.pk).delete()[0]:
        audit.record(actor=actor, verb="delete", target=savedview, change=gone)


def _hold(owner: User) -> None:
    """Let nobody else write this person's views until this is done: they are counted, and no two have one name."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=owner.pk)


def _require_free(view: SavedView) -> None:
    if SavedView.objects.filter(owner=view.owner_id, name=view.name).exclude(pk=view.pk).exists():
        raise Invalid(f"There is a view “{view.name}” already.", fields={"name": "There is one of this name already."})
