"""Deeds about investigations and what people write in them: check, write, record, tell."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import F

from accounts import audit
from accounts.models import User
from events.models import Event
from events.terms import keywords
from investigations import lifecycle, notices
from investigations.choices import Status
from investigations.models import Comment, Investigation, LookBack, Note, NoteRevision
from rcaplatform.kit.doorbell import ring_once
from rcaplatform.kit.errors import Conflict, Invalid
from rcaplatform.kit.ids import made_at
from rcaplatform.kit.realtime import publish

LOOK_BACK_TASK = "investigations.look_back"
# As long as a browser keeps what was typed.
OLDEST_DRAFT = timedelta(days=90)
SUSPECTS_TASK = "investigations.rank_suspects"
SURVEY_TASK = "connectors.survey"
# A change to one of these can make other events belong.
_SCENE = frozenset(
    "title description tags metadata started_at detected_at resolved_at service_affected component_affected".split()
)


@transaction.atomic
def create(*, values: Mapping[str, Any], actor: User, now: datetime) -> Investigation:
    """Open an investigation and look for events that belong to it.

    Raises:
        Invalid: a value breaks a rule; ``fields`` names each.
    """
    investigation = Investigation(created_by=actor, updated_by=actor, **{"detected_at": now, **values})
    _prepare(investigation)
    investigation.save(force_insert=True)
    audit.record(actor=actor, verb="create", target=investigation)
    publish(topic="investigations", kind="created", id=investigation.pk)
    owe_look_back(investigation.pk)
    ring_once(SUSPECTS_TASK)  # one without a report is owed one
    notices.opened(investigation=investigation, actor=actor, now=now)
    ring_once(SURVEY_TASK)  # and then one with what the sources tell
    return investigation


@transaction.atomic
def edit(*, investigation: Investigation, changes: Mapping[str, Any], actor: User, now: datetime) -> Investigation:
    """Change fields of an investigation; its status moves by `move`.

    Raises:
        Invalid: a value breaks a rule; ``fields`` names each.
        Conflict: somebody else changed it since ``investigation`` was read.
    """
    before = {name: getattr(investigation, name) for name in changes}
    for name, value in changes.items():
        setattr(investigation, name, value)
    _prepare(investigation)
    changed = {name: value for name, value in changes.items() if value != before[name]}
    if not changed:
        return investigation
    _save(investigation, {**changed, "keywords": investigation.keywords}, actor, now)
    audit.record(
        actor=actor,
        verb="edit",
        target=investigation,
        change={name: [_plain(before[name]), _plain(value)] for name, value in changed.items()},
    )
    if _SCENE & changed.keys():
        owe_look_back(investigation.pk)
    if "assigned_to" in changed:
        notices.assigned(investigation=investigation, actor=actor, now=now)
    return investigation


@transaction.atomic
def move(*, investigation: Investigation, to: str, actor: User, now: datetime) -> Investigation:
    """Move an investigation along its life; resolving sets the time, reopening clears it.

    Raises:
        IllegalMove: ``to`` cannot follow the present status.
        Conflict: somebody else changed it first.
    """
    present = investigation.status
    lifecycle.require(present, to)
    resolved_at = None
    if to in (Status.RESOLVED, Status.CLOSED):
        resolved_at = investigation.resolved_at or max(now, investigation.detected_at)
    _save(investigation, {"status": to, "resolved_at": resolved_at}, actor, now)
    audit.record(actor=actor, verb="move", target=investigation, change={"status": [present, to]})
    notices.moved(investigation=investigation, actor=actor, now=now)
    return investigation


@transaction.atomic
def delete(*, investigation: Investigation, actor: User, now: datetime) -> None:
    """Hide an investigation; `restore` brings it back."""
    if Investigation.objects.alive().filter(pk=investigation.pk).update(deleted_at=now):
        audit.record(actor=actor, verb="delete", target=investigation)
        publish(topic="investigations", kind="deleted", id=investigation.pk)


@transaction.atomic
def restore(*, investigation: Investigation, actor: User, now: datetime) -> None:
    """Bring a deleted investigation back, and look for what happened meanwhile."""
    if Investigation.objects.deleted().filter(pk=investigation.pk).update(deleted_at=None, updated_at=now):
        audit.record(actor=actor, verb="restore", target=investigation)
        publish(topic="investigations", kind="restored", id=investigation.pk)
        owe_look_back(investigation.pk)


@transaction.atomic
def relate(*, investigation: Investigation, other: Investigation, actor: User, now: datetime) -> bool:
    """Say that two investigations have to do with one another.

    Returns:
        Whether this is new.

    Raises:
        Invalid: they are the same.
    """
    if investigation.pk == other.pk:
        raise Invalid("An investigation is not related to itself.", fields={"investigation_id": "Choose another one."})
    if investigation.related.filter(pk=other.pk).exists():
        return False
    investigation.related.add(other)
    audit.record(actor=actor, verb="relate", target=investigation, change={"related": [None, str(other.pk)]})
    tell(investigation, "related", now)
    return True


@transaction.atomic
def unrelate(*, investigation: Investigation, other: Investigation, actor: User, now: datetime) -> None:
    """Take `relate` back."""
    if not investigation.related.filter(pk=other.pk).exists():
        return
    investigation.related.remove(other)
    audit.record(actor=actor, verb="unrelate", target=investigation, change={"related": [str(other.pk), None]})
    tell(investigation, "related", now)


@transaction.atomic
def write_note(*, investigation: Investigation, body: str, actor: User, now: datetime, pk: UUID | None = None) -> Note:
    """Write a note; its first revision is kept with it.

    Args:
        investigation: what it is about.
        body: Markdown.
        actor: who writes.
        now: when.
        pk: an id of the writer's, by which this may be repeated: their note that has it already is returned as it is.

    Raises:
        Invalid: it is empty or too long, or ``pk`` is taken, or is no version 7 UUID of these days.
    """
    note = Note(investigation=investigation, author=actor, body=plain_text(body))
    checked(note, exclude=["investigation", "author"])
    if pk:
        note.pk = _own_id(pk, now)
        if not _inserted(note):
            return _same_note(note)
    else:
        note.save(force_insert=True)
    NoteRevision.objects.create(note=note, number=1, body=note.body, author=actor)
    audit.record(actor=actor, verb="write", target=note)
    tell(investigation, "noted", now)
    notices.written(row=note, actor=actor, now=now)
    return note


def _own_id(pk: UUID, now: datetime) -> UUID:
    """Return an id that a writer chose, if it stands in line with all others: notes are ordered by it."""
    made = made_at(pk)
    if made is None or not now - OLDEST_DRAFT < made < now + timedelta(days=1):
        wrong = "Give a version 7 UUID that was made when the note was begun."
        raise Invalid(wrong, fields={"id": wrong})
    return pk


def _inserted(note: Note) -> bool:
    """Insert a note unless its id is taken; return whether it was."""
    try:
        with transaction.atomic():
            note.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _same_note(note: Note) -> Note:
    """Return the note that was written under this id before."""
    mine = Note.objects.alive().filter(pk=note.pk, author=note.author, investigation=note.investigation_id)
    known: Note | None = mine.select_related("author", "investigation").first()
    if known is None:
        raise Invalid("This id is taken.", fields={"id": "This id is taken."})
    return known


@transaction.atomic
def edit_note(*, note: Note, body: str, actor: User, now: datetime) -> Note:
    """Write a note anew; what it said before stays among its revisions.

    Raises:
        Invalid: it is empty or too long.
        Conflict: somebody else changed it since ``note`` was read.
    """
    note.body = plain_text(body)
    checked(note, exclude=["investigation", "author"])
    held = Note.objects.alive().filter(pk=note.pk, version=note.version)
    if not held.update(body=note.body, version=F("version") + 1, updated_at=now):
        raise Conflict("Somebody else changed this note first.")
    note.version += 1
    note.updated_at = now
    NoteRevision.objects.create(note=note, number=note.version, body=note.body, author=actor)
    audit.record(actor=actor, verb="edit", target=note)
    tell(note.investigation, "noted", now)
    return note


@transaction.atomic
def delete_note(*, note: Note, actor: User, now: datetime) -> None:
    """Hide a note; `restore_note` brings it back."""
    if Note.objects.alive().filter(pk=note.pk).update(deleted_at=now):
        audit.record(actor=actor, verb="delete", target=note)
        tell(note.investigation, "noted", now)


@transaction.atomic
def restore_note(*, note: Note, actor: User, now: datetime) -> None:
    """Bring a deleted note back."""
    if Note.objects.deleted().filter(pk=note.pk).update(deleted_at=None, updated_at=now):
        audit.record(actor=actor, verb="restore", target=note)
        tell(note.investigation, "noted", now)


@transaction.atomic
def comment(
    *,
    investigation: Investigation,
    body: str,
    actor: User,
    now: datetime,
    event: Event | None = None,
    note: Note | None = None,
) -> Comment:
    """Remark on one event or one note.

    Raises:
        Invalid: it is empty or too long, is about none or both, or about what is no part of the investigation.
    """
    if (event is None) == (note is None):
        raise Invalid("Comment on one event or one note.", fields={"event": "Give an event or a note."})
    if event and not investigation.links.filter(event=event).exists():
        elsewhere = "This event is not linked to this investigation."
        raise Invalid(elsewhere, fields={"event": elsewhere})
    if note and note.investigation_id != investigation.pk:
        elsewhere = "This note belongs to another investigation."
        raise Invalid(elsewhere, fields={"note": elsewhere})
    remark = Comment(investigation=investigation, event=event, note=note, author=actor, body=plain_text(body))
    checked(remark, exclude=["investigation", "event", "note", "author"])
    remark.save(force_insert=True)
    audit.record(actor=actor, verb="comment", target=remark)
    tell(investigation, "commented", now)
    notices.written(row=remark, actor=actor, now=now)
    return remark


@transaction.atomic
def delete_comment(*, comment: Comment, actor: User, now: datetime) -> None:
    """Hide a comment; `restore_comment` brings it back."""
    if Comment.objects.alive().filter(pk=comment.pk).update(deleted_at=now):
        audit.record(actor=actor, verb="delete", target=comment)
        tell(comment.investigation, "commented", now)


@transaction.atomic
def restore_comment(*, comment: Comment, actor: User, now: datetime) -> None:
    """Bring a deleted comment back."""
    if Comment.objects.deleted().filter(pk=comment.pk).update(deleted_at=None, updated_at=now):
        audit.record(actor=actor, verb="restore", target=comment)
        tell(comment.investigation, "commented", now)


def owe_look_back(investigation: UUID) -> None:
    """Have linking look back for events that belong: on record until it did, with a bell so that it is soon."""
    LookBack.objects.create(investigation_id=investigation)
    ring_once(LOOK_BACK_TASK)


def _prepare(investigation: Investigation) -> None:
    """Check an investigation before it is written, and work out what it can be found by."""
    lifecycle.require_times(
        started=investigation.started_at, detected=investigation.detected_at, resolved=investigation.resolved_at
    )
    checked(investigation, exclude=["created_by", "updated_by", "assigned_to"])
    investigation.keywords = keywords_of(investigation)


def keywords_of(investigation: Investigation) -> str:
    """Return what an investigation can be found by."""
    return keywords(
        investigation.title,
        investigation.service_affected,
        investigation.component_affected,
        *investigation.tags,
        investigation.description,
    )


def checked(row: models.Model, exclude: list[str]) -> None:
    """Run the model's own validators. Constraints are left to the database: checking each here costs a query.

    Raises:
        Invalid: a value breaks a rule; ``fields`` names each.
    """
    try:
        row.full_clean(exclude=exclude, validate_unique=False, validate_constraints=False)
    except ValidationError as problem:
        raise Invalid.of(problem.message_dict) from problem


def _save(investigation: Investigation, changes: Mapping[str, Any], actor: User, now: datetime) -> None:
    """Compare and set on the version that was read."""
    held = Investigation.objects.alive().filter(pk=investigation.pk, version=investigation.version)
    if not held.update(**changes, version=F("version") + 1, updated_by=actor, updated_at=now):
        raise Conflict("Somebody else changed this investigation first.")
    for name, value in changes.items():
        setattr(investigation, name, value)
    investigation.version += 1
    investigation.updated_by, investigation.updated_at = actor, now
    tell(investigation, "edited", now)


def tell(investigation: Investigation, kind: str, now: datetime) -> None:
    """Tell whoever has the investigation open that something of a ``kind`` was done to it."""
    publish(topic=f"investigation:{investigation.pk}", kind=kind, at=now.isoformat())


def plain_text(body: str) -> str:
    """Return what somebody typed as it is stored: one kind of line end, nothing around it, no character zero."""
    return body.replace("\x00", "\ufffd").replace("\r\n", "\n").strip()


def _plain(value: Any) -> Any:
    """Return a field's value as JSON for the audit trail."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value.pk) if isinstance(value, models.Model) else value
