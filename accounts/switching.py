"""Deeds: switch a feature off and on. Every process of every node knows within `switches.LOOK_EVERY` seconds."""

from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import Feature, Switch, User
from accounts.switches import watch


@transaction.atomic
def switch_off(*, feature: Feature, actor: User | None, now: datetime, reason: str = "") -> bool:
    """Switch a feature off; return whether it was on until now.

    Args:
        actor: who does it; None at the command line.
    """
    said = {"at": now, "actor": actor, "reason": reason[:500]}
    switch, fresh = Switch.objects.get_or_create(feature=feature, defaults=said)
    if fresh:
        _tell(actor, "switch_off", switch, reason[:500])
    return fresh


@transaction.atomic
def switch_on(*, feature: Feature, actor: User | None) -> bool:
    """Switch a feature on again; return whether it was off until now. What waited goes on by itself."""
    removed, _ = Switch.objects.filter(feature=feature).delete()
    if removed:
        _tell(actor, "switch_on", Switch(feature=feature), "")
    return bool(removed)


def _tell(actor: User | None, verb: str, switch: Switch, reason: str) -> None:
    audit.record(actor=actor, verb=verb, target=switch, change={"reason": [None, reason]} if reason else {})
    watch.forget()
    transaction.on_commit(watch.forget)  # for whoever looked before this was true
