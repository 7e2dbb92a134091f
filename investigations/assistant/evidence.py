"""Decisions about evidence: what of an investigation a language model is given, within a budget. No database here.

What leaves the product is what this module puts together, and nothing else: docs/assistant.md lists it.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

from investigations.choices import LinkState
from investigations.exports.report import Report, Row
from rcaplatform.kit.redaction import without_secrets
from rcaplatform.kit.spans import duration

TITLE, REASON, NOTE, ABOUT, NAME = 300, 200, 1_000, 500, 100  # characters
MOST_REASONS, MOST_NAMES = 3, 20
NOTES_SHARE = 4  # notes take a quarter of the budget at most
_VOUCHED = (LinkState.CONFIRMED, LinkState.MANUAL)
# What shows as nothing, turns the direction of text, or is nobody's: never of use, and a place to hide words in.
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
_REFERRED = {"git", "ci"}  # sources whose ids people use: commits, builds


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that may be cited.

    Attributes:
        handle: what the model calls it. Made anew for each draft, so that nobody who writes a title can name another
            event in it.
        kind: event or note.
        id: of the event or note.
        at: when.
        facts: what the model is told of it.
    """

    handle: str
    kind: str
    id: str
    at: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a language model is given.

    Attributes:
        about: the investigation itself; it cannot be cited.
        items: events and notes, each oldest first.
        left_out: how many more there were.
    """

    about: Mapping[str, Any]
    items: tuple[Item, ...]
    left_out: int = 0

    def named(self) -> dict[str, Item]:
        """Return what may be cited by its handle."""
        return {item.handle: item for item in self.items}


def collect(report: Report, *, salt: str, most: int) -> Evidence:
    """Return what is told of an investigation, in ``most`` characters of JSON at most.

    Of too much, those events stay that people named causes or vouched for, then suspects, then the strongest links;
    and the newest notes.

    Args:
        report: the investigation, as for an export.
        salt: what nobody can know before; handles are made of it.
        most: characters.
    """
    about = _about(report)
    left = most - _size(about)
    names = _Names(salt)
    suspected = _suspected(report.suspects)
    notes = (_note(row, names) for row in reversed(report.notes))
    kept_notes = list(_within(notes, left // NOTES_SHARE))
    left -= sum(map(_cost, kept_notes))
    ranked = sorted(report.events, key=lambda row: _weight(row, suspected), reverse=True)
    kept_events = list(_within((_event(row, suspected, names) for row in ranked), left))
    told = len(kept_events) + len(kept_notes)
    beyond = sum(report.left_out.get(kind, 0) for kind in ("events", "notes"))
    return Evidence(
        about=about,
        items=(*_in_order(kept_events), *_in_order(kept_notes)),
        left_out=len(report.events) + len(report.notes) + beyond - told,
    )


def said(text: object, most: int) -> str:
    """Return text of a stranger as it is told: one line, no secret and nothing unseen in it, ``most`` characters."""
    line = " ".join("".join(map(_seen, without_secrets(str(text or ""))[: most * 4])).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _seen(letter: str) -> str:
    if letter.isspace():
        return " "
    return "" if unicodedata.category(letter) in _UNSEEN else letter


class _Names:
    """Makes handles: short, told apart, and known to nobody before."""

    def __init__(self, salt: str) -> None:
        self._salt = salt
        self._taken = set[str]()

    def of(self, kind: str, identity: object) -> str:
        digest = sha256(f"{self._salt}:{kind}:{identity}".encode()).hexdigest()
        handle = next(name for size in range(7, 65) if (name := kind[0] + digest[:size]) not in self._taken)
        self._taken.add(handle)
        return handle


def _about(report: Report) -> dict[str, Any]:
    case, suspects = report.investigation, report.suspects or {}
    started, detected, resolved = (case[name] for name in ("started_at", "detected_at", "resolved_at"))
    told = {
        "title": said(case["title"], TITLE),
        "description": said(case["description"], ABOUT),
        "status": case["status"],
        "impact_severity": case["impact_severity"],
        "service": said(case["service_affected"], NAME),
        "component": said(case["component_affected"], NAME),
        "business_impact": said(case["business_impact"], ABOUT),
        "onset": _moment(started),
        "detected": _moment(detected),
        "resolved": _moment(resolved),
        "time_to_detect": duration(detected - started) if started else "",
        "time_to_resolve": duration(resolved - (started or detected)) if resolved else "",
        "root_cause": said(case["root_cause"], ABOUT),
        "remediation": said(case["remediation"], ABOUT),
        "lessons_learned": said(case["lessons_learned"], ABOUT),
        "starts_at_service": said(suspects.get("first_failing_service"), NAME),
        "reaches_services": [said(name, NAME) for name in (suspects.get("blast_radius") or [])[:MOST_NAMES]],
    }
    return _filled(told)


def _event(row: Row, suspected: Mapping[Any, Row], names: _Names) -> Item:
    suspect: Row = suspected.get(row["id"], {})
    handle = names.of("event", row["id"])
    facts = {
        "id": handle,
        "at": _moment(row["timestamp"]),
        "source": row["source"],
        "type": said(row["event_type"], NAME),
        "service": said(row["service"], NAME),
        "environment": said(row["environment"], NAME),
        "severity": row["severity"],
        "title": said(row["title"], TITLE),
        "reference": said(row["source_id"], NAME) if row["source"] in _REFERRED else "",
        "confidence": f"{row['score']:.2f}",
        "people_say": "a cause" if row["is_cause"] else row["state"] if row["state"] in _VOUCHED else "",
        "linked_because": [said(reason, REASON) for reason in _reasons(row)],
        "suspected_because": [
            said(piece.get("text"), REASON) for piece in (suspect.get("evidence") or ())[:MOST_REASONS]
        ],
    }
    return Item(handle=handle, kind="event", id=str(row["id"]), at=row["timestamp"], facts=_filled(facts))


def _note(row: Row, names: _Names) -> Item:
    """Tell of a note without who wrote it."""
    handle = names.of("note", row["id"])
    facts = {"id": handle, "at": _moment(row["created_at"]), "text": said(row["body"], NOTE)}
    return Item(handle=handle, kind="note", id=str(row["id"]), at=row["created_at"], facts=facts)


def _reasons(row: Row) -> list[str]:
    spoke = [factor for factor in row["factors"] if factor.get("score")]
    spoke.sort(key=lambda factor: float(factor["score"]) * float(factor.get("weight") or 0), reverse=True)
    return [str(factor.get("reason", "")) for factor in spoke[:MOST_REASONS]]


def _suspected(ranking: Row | None) -> dict[Any, Row]:
    suspects = (ranking or {}).get("suspects", ())
    return {one["event"]: one for one in suspects if one["event"] and one["state"] != "dismissed"}


def _weight(row: Row, suspected: Mapping[Any, Row]) -> tuple[bool, bool, float, float, Any]:
    suspicion = float(suspected.get(row["id"], {}).get("score", 0))
    return row["is_cause"], row["state"] in _VOUCHED, suspicion, row["score"], row["id"]


def _within(items: Iterable[Item], budget: int) -> Iterator[Item]:
    """Yield items for as long as they fit."""
    for item in items:
        budget -= _cost(item)
        if budget < 0:
            return
        yield item


def _in_order(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item.at, item.id))


def _cost(item: Item) -> int:
    return _size(item.facts)


def _size(facts: Mapping[str, Any]) -> int:
    """Return how many characters it takes; brackets and their like are written as six each."""
    text = orjson.dumps(facts).decode()
    return len(text) + 1 + 5 * sum(text.count(letter) for letter in "<>[]|&`")


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""


def _filled(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in ("", [], None)}
