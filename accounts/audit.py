"""Deed: write down who did what. Called inside the transaction of the thing done, so that neither exists alone."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model
from structlog.contextvars import get_contextvars

from accounts.models import AuditEntry, User
from rcaplatform.kit.address import current, plain
from rcaplatform.kit.ids import uuid7

# The end of a statement that does a thing and writes it down at once: `WITH done AS (…) INSERT … SELECT … FROM done`.
# It takes what `noted` returns, and writes an entry for each row of `done`.
NOTE = (
    "INSERT INTO accounts_auditentry (id, at, actor_id, verb, target_type, target_id, change, request_id, address) "
    "SELECT %s, %s, %s, %s, %s, %s, '{}', %s, %s FROM done"
)


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
        request_id=_request_id(),
        address=plain(current.get()),
    ).save(force_insert=True)


def noted(*, actor: User, verb: str, kind: type[Model], target: UUID | str, at: datetime) -> tuple[Any, ...]:
    """Return the parameters of `NOTE` for something done to one ``target`` of a ``kind``."""
    return uuid7(), at, actor.pk, verb, kind.__name__.lower(), str(target), _request_id(), plain(current.get())


def _request_id() -> str:
    return str(get_contextvars().get("request_id", ""))
