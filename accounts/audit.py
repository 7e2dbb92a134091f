"""Deed: write down who did what. Called inside the transaction of the thing done, so that neither exists alone."""

from typing import Any

from django.db.models import Model
from structlog.contextvars import get_contextvars

from accounts.models import AuditEntry, User
from rcaplatform.kit.ids import uuid7


def record(*, actor: User | None, verb: str, target: Model, change: dict[str, Any] | None = None) -> None:
    """Append one entry.

    Args:
        actor: who did it; None is the system itself.
        verb: what was done, in the imperative ("close", "link").
        target: what it was done to.
        change: field name to ``[before, after]``, JSON values. Never secrets.
    """
    AuditEntry(
        id=uuid7(),
        actor=actor,
        verb=verb,
        target_type=type(target).__name__.lower(),
        target_id=str(target.pk),
        change=change or {},
        request_id=str(get_contextvars().get("request_id", "")),
    ).save(force_insert=True)
