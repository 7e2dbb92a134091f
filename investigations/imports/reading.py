"""Door: a document that somebody brings, as checked values or what is wrong with it."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from rest_framework.exceptions import ValidationError

from events.adoption import Told
from events.drafts import EventDraft
from investigations import lifecycle
from investigations.choices import LinkState
from investigations.imports.shapes import DocumentShape
from rcaplatform.kit.errors import Invalid, TooLarge
from rcaplatform.kit.jsonio import MAX_DEPTH, texts
from rcaplatform.kit.rest import messages

MOST_BYTES = 64 * 1024 * 1024
MOST_WRONG = 20  # fields told of in one answer
MOST_PEOPLE = 500
# An event's data may nest as deep as any; in a document it lies this much deeper.
_DEEPEST = MAX_DEPTH + 4
_PEOPLE = ("created_by_name", "updated_by_name", "author_name", "decided_by_name", "computed_by_name")
_PARTS = "investigation events ruled_out notes revisions comments hypotheses evidence suspects".split()
_DRAFTED = (
    "source source_id timestamp title event_type severity data raw_data tags service component environment url "
    "metadata message"
).split()

Row = Mapping[str, Any]
Wrong = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that passed.

    Attributes:
        values: as `DocumentShape` lets them pass.
        told: its events, whether they are linked, ruled out or spoken of.
        digest: equal for two documents that say the same, whenever they were made.
    """

    values: Mapping[str, Any]
    told: list[Told]
    digest: str

    @property
    def case(self) -> Row:
        """The investigation itself."""
        case: Row = self.values["investigation"]
        return case

    @property
    def links(self) -> list[Row]:
        """The events with links, those that were rejected too; each with its id as `event`."""
        return [*({**row, "event": row["id"]} for row in self.values["events"]), *self.values["ruled_out"]]

    @property
    def people(self) -> set[str]:
        """Everybody who is named; of an assignee it is enough to be known."""
        return set(_people(self.values)) - {""}


def read(content: bytes) -> Document:
    """Return what a document says.

    Raises:
        TooLarge: it has more than 64 MiB.
        Invalid: it is no document of this format, or something in it is wrong; ``fields`` names up to 20 by path,
            such as ``events.3.score``.
    """
    if len(content) > MOST_BYTES:
        raise TooLarge(f"A document may have {MOST_BYTES:,} bytes.")
    try:
        given = orjson.loads(content)
    except ValueError as problem:
        raise Invalid(f"This is not JSON: {problem}.") from problem
    if not isinstance(given, dict):
        raise Invalid("A document is a JSON object.")
    if _nests_too_deep(given):
        raise Invalid(f"This nests deeper than {_DEEPEST} levels.")
    if b"\\u0000" in content:
        _refuse(((name, "Null characters are not allowed.") for name, part in given.items() if _has_nul(name, part)))
    shape = DocumentShape(data=given)
    try:
        shape.is_valid(raise_exception=True)
    except ValidationError as problem:
        _refuse((path, " ".join(said)) for path, said in messages(problem).items())
    values = shape.validated_data
    _refuse(_contradictions(values))
    told, wrong = _told(values)
    _refuse(wrong)
    return Document(values=values, told=told, digest=_digest(given))


def _refuse(wrong: Iterable[tuple[str, str]]) -> None:
    if fields := dict(islice(wrong, MOST_WRONG)):
        raise Invalid("; ".join(f"{path}: {said}" for path, said in fields.items()), fields=fields)


def _digest(given: Row) -> str:
    said = {name: value for name, value in given.items() if name != "made_at"}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _has_nul(name: str, part: Any) -> bool:
    return any("\x00" in text for text in (name, *texts(part)))


def _nests_too_deep(value: Any) -> bool:
    level, deep = [value], 0
    while level:
        deep += 1
        if deep > _DEEPEST:
            return True
        inside = [item for item in level if isinstance(item, dict | list)]
        level = [child for item in inside for child in (item.values() if isinstance(item, dict) else item)]
    return False


def _people(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from _people(item)
    elif isinstance(part, dict):
        yield from (part[name] for name in _PEOPLE if part.get(name))
        for name in (
            "investigation",
            "events",
            "ruled_out",
            "notes",
            "revisions",
            "comments",
            "hypotheses",
            "evidence",
        ):
            yield from _people(part.get(name))
        yield from _people(part.get("suspects"))


def _told(values: Row) -> tuple[list[Told], list[tuple[str, str]]]:
    """Return the events as drafts, and what is wrong with them by path."""
    told, wrong = [], list[tuple[str, str]]()
    for name in ("events", "ruled_out", "other_events"):
        for number, row in enumerate(values[name]):
            try:
                draft = EventDraft(**{field: row[field] for field in _DRAFTED})
            except Invalid as problem:
                wrong += [(f"{name}.{number}.{field}", said) for field, said in problem.fields.items()]
                continue
            pk = row.get("id") or row["event"]
            told.append(Told(id=pk, draft=draft, origin=row["origin_name"], dedupe_key=row["dedupe_key"]))
    return told, wrong


def _contradictions(values: Row) -> Wrong:
    """Yield what cannot be, though each field by itself could."""
    yield from _times(values["investigation"])
    yield from _links(values)
    yield from _repeated(values)
    if values["complete"]:  # of what was left out of another one, something may well be spoken
        yield from _unknown(values)
    if len(set(_people(values))) > MOST_PEOPLE:
        yield "investigation", f"A document may name {MOST_PEOPLE} people."


def _times(case: Row) -> Wrong:
    try:
        lifecycle.require_times(started=case["started_at"], detected=case["detected_at"], resolved=case["resolved_at"])
    except Invalid as problem:
        yield from ((f"investigation.{name}", said) for name, said in problem.fields.items())


def _links(values: Row) -> Wrong:
    for name in ("events", "ruled_out"):
        for number, row in enumerate(values[name]):
            path = f"{name}.{number}"
            if (row["state"] == LinkState.REJECTED) != (name == "ruled_out"):
                yield f"{path}.state", "Links that were rejected, and no others, stand under ruled_out."
            if row["state"] != LinkState.SUGGESTED and not (row["decided_by_name"] and row["decided_at"]):
                yield f"{path}.decided_by_name", "Somebody decided on this link: say who and when."
            if name == "ruled_out" and row["is_cause"]:
                yield f"{path}.is_cause", "What was rejected is no cause."


def _repeated(values: Row) -> Wrong:
    """Yield what stands in the document twice."""
    yield from _twice(_each(values, ("events", "id"), ("ruled_out", "event"), ("other_events", "id")))
    yield from _twice(_each(values, ("events", "link_id"), ("ruled_out", "link_id")))
    for name in ("notes", "comments", "hypotheses", "related"):
        yield from _twice(_each(values, (name, "id")))
    for number, note in enumerate(values["notes"]):
        for field in ("id", "number"):
            yield from _twice(_each(note, ("revisions", field), within=f"notes.{number}."))
    for number, one in enumerate(values["hypotheses"]):
        for field in ("id", "event"):
            yield from _twice(_each(one, ("evidence", field), within=f"hypotheses.{number}."))
    suspects = (values["suspects"] or {}).get("suspects", ())
    yield from _twice((f"suspects.suspects.{n}.place", (one["kind"], one["place"])) for n, one in enumerate(suspects))


def _each(values: Row, *places: tuple[str, str], within: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in places:
        for number, row in enumerate(values[name]):
            yield f"{within}{name}.{number}.{field}", row[field]


def _twice(found: Iterable[tuple[str, Any]]) -> Wrong:
    seen = set()
    for path, value in found:
        if value in seen:
            yield path, "This stands in the document twice."
        seen.add(value)


def _unknown(values: Row) -> Wrong:
    """Yield what speaks of something that is not in the document."""
    events = {value for _, value in _each(values, ("events", "id"), ("ruled_out", "event"), ("other_events", "id"))}
    notes = {row["id"] for row in values["notes"]}
    for number, row in enumerate(values["comments"]):
        if (row["event"] is None) == (row["note"] is None):
            yield f"comments.{number}.event", "A comment is about one event or one note."
        elif row["event"] and row["event"] not in events:
            yield f"comments.{number}.event", "There is no such event in the document."
        elif row["note"] and row["note"] not in notes:
            yield f"comments.{number}.note", "There is no such note in the document."
    for number, one in enumerate(values["hypotheses"]):
        for path, event in _each(one, ("evidence", "event"), within=f"hypotheses.{number}."):
            if event not in events:
                yield path, "There is no such event in the document."
