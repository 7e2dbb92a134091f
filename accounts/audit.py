"""Deed: write down who did what. Called inside the transaction of the thing done, so that neither exists alone."""

from collections.abc import Iterable
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
    _entry(actor, verb, type(target), target.pk, change).save(force_insert=True)


def record_each(
    *, actor: User | None, verb: str, kind: type[Model], targets: Iterable[UUID], change: dict[str, Any]
) -> None:
    """Append an entry for each of many ``targets`` of a ``kind`` to which the same was done, in one statement."""
    AuditEntry.objects.bulk_create(_entry(actor, verb, kind, target, change) for target in targets)


def _entry(actor: User | None, verb: str, kind: type[Model], target: Any, change: dict[str, Any] | None) -> AuditEntry:
    return AuditEntry(
        id=uuid7(),
        actor=actor,
        verb=verb,
        target_type=kind.__name__.lower(),
        target_id=str(target),
        change=change or {},
        request_id=_request_id(),
        address=plain(current.get()),
    )


def noted(*, actor: User, verb: str, kind: type[Model], target: UUID | str, at: datetime) -> tuple[Any, ...]:
    """Return the parameters of `NOTE` for something done to one ``target`` of a ``kind``."""
    return uuid7(), at, actor.pk, verb, kind.__name__.lower(), str(target), _request_id(), plain(current.get())


def _request_id() -> str:
    return str(get_contextvars().get("request_id", ""))
