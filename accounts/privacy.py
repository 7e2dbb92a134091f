"""Deeds of privacy: hand over what is kept about a person, and erase them (docs/adr/0015-erasure.md)."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.db.models import F, Func, Value
from django.db.models.functions import Left

from accounts import audit, standing
from accounts.dossier import exported, relations, rows_of, sessions_of
from accounts.models import ApiKey, Notification, RevokedToken, Role, User
from accounts.models.notifications import BODY_LIMIT, TITLE_LIMIT
from accounts.services import require_another_admin
from rcaplatform.kit.realtime import publish

_EMPTIED: dict[str, Any] = {
    "first_name": "",
    "last_name": "",
    "email": "",
    "is_active": False,
    "role": Role.USER,
    "is_staff": False,
    "is_superuser": False,
    "last_login": None,
}
# Protected, so that nobody deletes them along with an account by mistake; they are a person's alone all the same.
_CREDENTIALS = frozenset({(ApiKey, "user"), (RevokedToken, "user")})


def hand_over(*, person: User, actor: User | None, now: datetime) -> Iterator[bytes]:
    """Return everything that is kept about a person as `dossier.exported` does, having recorded who took it."""
    audit.record(actor=actor, verb="export", target=person)
    return exported(person, now=now)


def pseudonym(person: User) -> str:
    """Return the username of who was erased: always the same for one person."""
    return f"erased-{person.pk.hex[-12:]}"


def is_erased(person: User) -> bool:
    """Tell whether nothing of a person's account is left but the pseudonym."""
    return person.username == pseudonym(person) and not person.is_active


def goes(field: Any) -> bool:
    """Tell whether rows go with the person that this column of theirs points to; if not, they stay under the pseudonym.

    The models say it: what is deleted in cascade is the person's; what is protected, or set to null, is the case's.
    """
    return field.remote_field.on_delete is models.CASCADE or (field.model, field.name) in _CREDENTIALS


@transaction.atomic
def erase(*, user: User, actor: User | None = None) -> User:
    """Empty an account to a pseudonym and delete what is the person's alone; this may be repeated.

    What they wrote for a case, and the audit trail, stay and name the pseudonym.

    Raises:
        Conflict: they are the last administrator.
    """
    require_another_admin(User.objects.get(pk=user.pk))  # first: it locks administrators in the order of their keys
    person: User = User.objects.select_for_update().get(pk=user.pk)
    called = sorted({person.username, person.get_full_name()} - {""}, key=len, reverse=True)
    done = is_erased(person)
    _delete(person)
    if not done:
        for name in called:
            _rename_in_notifications(name, pseudonym(person))
    for name, value in {**_EMPTIED, "username": pseudonym(person)}.items():
        setattr(person, name, value)
    person.set_unusable_password()
    person.save(update_fields=[*_EMPTIED, "username", "password"])
    person.refresh_from_db(fields=["token_generation"])
    standing.recall(person.pk)
    publish(topic=f"person:{person.pk}", kind="standing")
    if not done:
        audit.record(actor=actor, verb="erase", target=person)
    return person


def _delete(person: User) -> None:
    """Delete what is a person's alone, and what the framework noted of their account."""
    keys = [str(pk) for pk in ApiKey.objects.filter(user=person).values_list("pk", flat=True)]
    Session.objects.filter(pk__in=[key for key, _ in sessions_of(person)]).delete()
    for model, ids in ((User, [str(person.pk)]), (ApiKey, keys)):
        kind = ContentType.objects.get_for_model(model)
        LogEntry.objects.filter(content_type=kind, object_id__in=ids).delete()
    for field in relations():
        if goes(field):
            rows_of(field, person).delete()


def _rename_in_notifications(name: str, other: str) -> None:
    """Put the pseudonym where others were told what somebody did: "NAME wrote in: …", "Moved by NAME.".

    Only where the whole name stands: "Ann Lee wrote in: …" is not by Ann, and "New investigation" by nobody called New.
    """
    spelled = re.escape(name)
    for column, before, after, most in (
        ("title", "^", r"(?= (?:opened|wrote in): )", TITLE_LIMIT),
        ("body", "(?<=by )", r"(?=\.$)", BODY_LIMIT),
    ):
        pattern = f"{before}{spelled}{after}"
        renamed = Left(Func(F(column), Value(pattern), Value(other), function="REGEXP_REPLACE"), most)
        Notification.objects.filter(**{f"{column}__regex": pattern}).update(**{column: renamed})
