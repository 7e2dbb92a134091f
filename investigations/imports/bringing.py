"""Deed: make an investigation from a document: all of it or nothing, and from one document once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction

from accounts import audit
from accounts.models import User
from accounts.standins import MARK, people
from events.adoption import adopt
from investigations.imports.reading import Document, Row
from investigations.models import (
    Comment,
    Evidence,
    Hypothesis,
    ImportedDocument,
    Investigation,
    Link,
    Note,
    NoteRevision,
    Suspect,
    SuspectReport,
)
from investigations.services import keywords_of, plain_text
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.ids import uuid7
from rcaplatform.kit.realtime import publish

BATCH = 500
_CASE = (
    "title description status impact_severity priority started_at detected_at resolved_at root_cause remediation "
    "lessons_learned cause_category service_affected component_affected tags impact_domain business_impact "
    "estimated_mttr automation_potential metadata version"
).split()
_LINK = "score factors rule_version state is_cause decided_at".split()
_RANKING = (
    "engine_version computed_at events onset no_change_cause reasons first_failing_service blast_radius remediation "
    "problem"
).split()
_CLOCKS = ("created_at", "updated_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a document.

    Attributes:
        investigation: what was made of it, now or when it was brought before.
        created: whether it was made now.
        stored: how many events are new.
        known: how many events were here already.
        standins: the people nobody spoke for, or whom nobody knows here.
        unrelated: related investigations that are not here.
    """

    investigation: Investigation
    created: bool
    stored: int = 0
    known: int = 0
    standins: list[str]
    unrelated: list[UUID]


@transaction.atomic
def bring(*, document: Document, actor: User | None, now: datetime) -> Outcome:
    """Make the investigation of a document; its ids stay as they are where nothing here has them already.

    Args:
        document: checked already.
        actor: who brings it; None is the operator, at the command line, who speaks for everybody.
        now: when.

    Raises:
        Conflict: what was made of it before was deleted.
    """
    with connection.cursor() as cursor:  # holds off whoever brings the same
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(document.digest[:15], 16)])
    before = ImportedDocument.objects.select_related("investigation").filter(digest=document.digest).first()
    if before and before.investigation.deleted_at:
        restore = f"POST /api/v1/investigations/{before.investigation_id}/restore"
        raise Conflict(f"This document was imported before, and its investigation deleted: {restore} brings it back.")
    if before:
        return Outcome(investigation=before.investigation, created=False, standins=[], unrelated=[])
    return _Making(document, actor, now).make()


class _Making:
    """The making of one investigation."""

    def __init__(self, document: Document, actor: User | None, now: datetime) -> None:
        self.document, self.actor, self.now = document, actor, now
        self.people = people(names=document.people, actor=actor)
        self.events: Mapping[UUID, UUID] = {}

    def make(self) -> Outcome:
        """Make it with all that belongs to it."""
        adopted = adopt(told=self.document.told, now=self.now)
        self.events = adopted.ids
        self.case = case = self._case()
        self._links()
        notes = self._notes()
        self._comments(notes)
        self._hypotheses()
        self._ranking()
        unrelated = self._relate()
        ImportedDocument.objects.create(
            digest=self.document.digest,
            document_id=self.document.case["id"],
            investigation=case,
            imported_by=self.actor,
            imported_at=self.now,
        )
        change = {"document": [None, self.document.digest], "events": [0, adopted.new]}
        audit.record(actor=self.actor, verb="import", target=case, change=change)
        publish(topic="investigations", kind="created", id=case.pk)
        return Outcome(
            investigation=case,
            created=True,
            stored=adopted.new,
            known=len(self.document.told) - adopted.new,
            standins=sorted(name for name, who in self.people.items() if who.username.endswith(MARK)),
            unrelated=unrelated,
        )

    def _who(self, name: str | None) -> User | None:
        return self.people[name] if name else None

    def _case(self) -> Investigation:
        told = self.document.case
        assignee = people(names={told["assigned_to_name"]}, actor=self.actor) if told["assigned_to_name"] else {}
        assigned = next(iter(assignee.values()), None)
        made = Investigation(
            id=_free(Investigation, [told["id"]])[told["id"]],
            created_by=self._who(told["created_by_name"]),
            updated_by=self._who(told["updated_by_name"]),
            # Who cannot sign in can be given nothing to do.
            assigned_to=assigned if assigned and assigned.is_active else None,
            **{name: told[name] for name in _CASE},
        )
        made.keywords = keywords_of(made)
        made.save(force_insert=True)
        Investigation.objects.filter(pk=made.pk).update(**{name: told[name] for name in _CLOCKS})
        return made

    def _links(self) -> None:
        rows = {self.events[row["event"]]: row for row in reversed(self.document.links)}
        ids = _free(Link, [row["link_id"] for row in rows.values()])
        Link.objects.bulk_create(
            (
                Link(
                    id=ids[row["link_id"]],
                    investigation=self.case,
                    event_id=event,
                    decided_by=self._who(row["decided_by_name"]),
                    **{name: row[name] for name in _LINK},
                )
                for event, row in rows.items()
            ),
            batch_size=BATCH,
        )

    def _notes(self) -> dict[UUID, UUID]:
        rows = self.document.values["notes"]
        ids = _free(Note, [row["id"] for row in rows])
        self._write(
            Note(
                id=ids[row["id"]],
                investigation=self.case,
                author=self.people[row["author_name"]],
                body=plain_text(row["body"]),
                version=row["version"],
                **_clocks(row),
            )
            for row in rows
        )
        saved = [(ids[note["id"]], row) for note in rows for row in note["revisions"]]
        fresh = _free(NoteRevision, [row["id"] for _, row in saved])
        self._write(
            NoteRevision(
                id=fresh[row["id"]],
                note_id=note,
                number=row["number"],
                body=plain_text(row["body"]),
                author=self.people[row["author_name"]],
                created_at=row["created_at"],
            )
            for note, row in saved
        )
        return ids

    def _comments(self, notes: Mapping[UUID, UUID]) -> None:
        rows = [row for row in self.document.values["comments"] if row["event"] in self.events or row["note"] in notes]
        ids = _free(Comment, [row["id"] for row in rows])
        self._write(
            Comment(
                id=ids[row["id"]],
                investigation=self.case,
                event_id=self.events.get(row["event"]),
                note_id=notes.get(row["note"]),
                author=self.people[row["author_name"]],
                body=plain_text(row["body"]),
                created_at=row["created_at"],
            )
            for row in rows
        )

    def _hypotheses(self) -> None:
        rows = self.document.values["hypotheses"]
        ids = _free(Hypothesis, [row["id"] for row in rows])
        self._write(
            Hypothesis(
                id=ids[row["id"]],
                investigation=self.case,
                author=self.people[row["author_name"]],
                updated_by=self._who(row["updated_by_name"]),
                statement=plain_text(row["statement"]),
                verdict=row["verdict"],
                version=row["version"],
                **_clocks(row),
            )
            for row in rows
        )
        pieces = [(ids[one["id"]], piece) for one in rows for piece in one["evidence"] if piece["event"] in self.events]
        fresh = _free(Evidence, [piece["id"] for _, piece in pieces])
        self._write(
            Evidence(
                id=fresh[piece["id"]],
                hypothesis_id=hypothesis,
                event_id=self.events[piece["event"]],
                stance=piece["stance"],
                why=plain_text(piece["why"]),
                author=self.people[piece["author_name"]],
                version=piece["version"],
                **_clocks(piece),
            )
            for hypothesis, piece in pieces
        )

    def _ranking(self) -> None:
        told = self.document.values["suspects"]
        if told is None:
            return
        report = SuspectReport.objects.create(
            id=_free(SuspectReport, [told["id"]])[told["id"]],
            investigation=self.case,
            computed_by=self._who(told["computed_by_name"]),
            **{name: told[name] for name in _RANKING},
        )
        ids = _free(Suspect, [one["id"] for one in told["suspects"]])
        Suspect.objects.bulk_create(
            Suspect(
                id=ids[one["id"]],
                report=report,
                event_id=self.events.get(one["event"]),
                evidence=[self._said(said) for said in one["evidence"]],
                decided_by=self._who(one["decided_by_name"]),
                **{name: one[name] for name in ("kind", "name", "place", "score", "state", "decided_at")},
            )
            for one in told["suspects"]
        )

    def _said(self, said: Row) -> dict[str, Any]:
        return {"text": said["text"], "events": [str(self.events.get(event, event)) for event in said["events"]]}

    def _relate(self) -> list[UUID]:
        """Relate it to those that are here; return the others. Brought later, each of them names this one as well."""
        wanted = [row["id"] for row in self.document.values["related"]]
        here = Investigation.objects.alive().exclude(pk=self.case.pk).filter(pk__in=wanted)
        found = set(here.values_list("pk", flat=True))
        self.case.related.add(*found)
        return [pk for pk in wanted if pk not in found]

    @staticmethod
    def _write(rows: Iterable[models.Model]) -> None:
        """Store rows under the clocks that they bring: a new row's would be set to now."""
        kept = list(rows)
        if not kept:
            return
        model: Any = type(kept[0])
        clocks = [name for name in _CLOCKS if hasattr(model, name)]
        told = [{name: getattr(row, name) for name in clocks if getattr(row, name)} for row in kept]
        model.objects.bulk_create(kept, batch_size=BATCH)
        for row, said in zip(kept, told, strict=True):
            for name, value in said.items():
                setattr(row, name, value)
        model.objects.bulk_update(kept, clocks, batch_size=BATCH)


def _clocks(row: Row) -> dict[str, datetime]:
    return {name: row[name] for name in _CLOCKS}


def _free(model: Any, ids: list[UUID]) -> dict[UUID, UUID]:
    """Return the id that each row has here: its own; if one of them is taken, new ones for all, in the same order."""
    if model.objects.filter(pk__in=ids).exists():
        return {old: uuid7() for old in ids}
    return dict(zip(ids, ids, strict=True))
