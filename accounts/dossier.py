"""Questions: all that is kept about one person, found by the relations of the database so that none is missed."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models.fields.generated import GeneratedField

from accounts.models import ApiKey, AuditEntry, User

FORMAT = "rca-person/1"
OURS = frozenset({"accounts", "events", "investigations", "connectors"})
# What proves who somebody is, what others answered to us, and what is there for the index alone.
WITHHELD = frozenset(
    {
        "accounts.user.password",
        "accounts.apikey.digest",
        "accounts.notificationdelivery.error",
        "investigations.investigation.keywords",
    }
)
_CHUNK = 500
_ABOUT = ("id", "at", "verb", "change")


def relations() -> list[Any]:
    """Return every column of the database that points to a person, as fields of their models."""
    there = User._meta.get_fields(include_hidden=True)
    return [one.field for one in there if one.auto_created and not one.concrete and not one.many_to_many]  # type: ignore[union-attr]


def columns(model: type[models.Model]) -> list[str]:
    """Return the columns of a model that are told: no secrets, nothing sealed, no bytes.

    Of packages, JSON is left out as well: nobody here knows what it holds.
    """
    foreign = model._meta.app_label not in OURS and not model._meta.auto_created
    untold = (models.BinaryField, GeneratedField, *([models.JSONField] if foreign else []))
    there = [field for field in model._meta.concrete_fields if not isinstance(field, untold)]
    return [field.attname for field in there if f"{model._meta.label_lower}.{field.name}" not in WITHHELD]


def exported(person: User, *, now: datetime) -> Iterator[bytes]:
    """Yield one JSON object a line: ``part`` names the table, ``as`` the column that says what they have to do with it.

    The first line names the format and the person.
    """
    own = User.objects.filter(pk=person.pk).values(*columns(User)).get()
    yield _line({"format": FORMAT, "made_at": now, "part": User._meta.label_lower, "as": "self", "row": own})
    for field in relations():
        name = {"part": field.model._meta.label_lower, "as": field.name}
        for row in rows_of(field, person).order_by("pk").values(*columns(field.model)).iterator(chunk_size=_CHUNK):
            yield _line({**name, "row": row})
    about = entries_about(person).values(*_ABOUT).iterator(chunk_size=_CHUNK)
    yield from (_line({"part": AuditEntry._meta.label_lower, "as": "target", "row": row}) for row in about)
    yield from (
        _line({"part": "session", "as": "self", "row": {"expires_at": ends}}) for _, ends in sessions_of(person)
    )


def rows_of(field: Any, person: User) -> models.QuerySet[Any]:
    """Return the rows of a relation that point to ``person``, deleted ones as well."""
    rows: models.QuerySet[Any] = field.model._base_manager.filter(**{field.name: person.pk})
    return rows


def entries_about(person: User) -> models.QuerySet[AuditEntry]:
    """Return what others did to a person's account and keys; who did it, and from where, is not theirs to know."""
    keys = [str(pk) for pk in ApiKey.objects.filter(user=person).values_list("pk", flat=True)]
    own = models.Q(target_type="user", target_id=str(person.pk)) | models.Q(target_type="apikey", target_id__in=keys)
    found: models.QuerySet[AuditEntry] = AuditEntry.objects.filter(own).exclude(actor=person).order_by("id")
    return found


def sessions_of(person: User) -> Iterator[tuple[str, datetime]]:
    """Yield key and end of each sign-in of a browser; every row is opened, as Django keeps inside whose it is."""
    rows: Iterable[Session] = Session.objects.iterator(chunk_size=_CHUNK)
    for session in rows:
        if session.get_decoded().get(SESSION_KEY) == str(person.pk):
            yield session.session_key, session.expire_date


def file_name(person: User) -> str:
    """Return what the file is called."""
    return f"person-{person.pk}.ndjson"


def _line(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
