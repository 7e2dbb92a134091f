"""Decision: how an event tells what it holds: a commit like a commit, a log line like a log line. No database here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MOST_FILES = 100
MOST_TEXT = 20_000
MOST_VALUE = 300
_LISTS = {"added": "added", "modified": "changed", "removed": "removed"}
_TEXTS = ("message", "description", "body", "detail")
_HANDLED = {"files", "files_changed", "insertions", "deletions", "diff", "exception", "failed_steps", *_LISTS, *_TEXTS}
_GROUPS = ("attributes", "labels", "annotations")
_LABELS = {"sha": "Commit", "committer": "Committed by"}
_IDENTIFIER = re.compile(r"(?=[\w.:/-]*[0-9])[\w.:/-]{12,}(, [\w.:/-]{12,})*")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*")


@dataclass(frozen=True, slots=True)
class File:
    """A file that a change touched; lines are None where nobody counted them."""

    path: str
    note: str = ""
    insertions: int | None = None
    deletions: int | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what is known; ``exact`` is for identifiers, where each character counts."""

    label: str
    value: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """What an event says.

    Attributes:
        text: what somebody or something wrote, beyond the title.
        failure: type and message of an exception.
        stack: its stack trace as text.
        files: what a change touched, at most 100.
        file_count: how many it touched.
        insertions, deletions: lines over all files, where they were counted.
        diff: what a change did, line by line.
        facts: everything short enough for a line.
    """

    text: str
    failure: str
    stack: str
    files: list[File]
    file_count: int
    insertions: int | None
    deletions: int | None
    diff: str
    facts: list[Fact]


def tell(*, title: str, source_id: str, data: Any) -> Story:
    """Return what ``data``, in the shape its source gave it, has to say beyond title and id. Fails on nothing."""
    told: Mapping[str, Any] = data if isinstance(data, dict) else {}
    exception = told.get("exception")
    failure = exception if isinstance(exception, dict) else {}
    files = _files(told)
    count = _number(told.get("files_changed"))
    grouped = (told.get(name) for name in _GROUPS)
    facts = [*_facts(told), *(fact for group in grouped if isinstance(group, dict) for fact in _facts(group))]
    return Story(
        text=_text(told, title),
        failure=": ".join(str(failure[name]) for name in ("type", "message") if failure.get(name))[:MOST_TEXT],
        stack=_stack(failure),
        files=files[:MOST_FILES],
        file_count=max(count or 0, len(files)),
        insertions=_number(told.get("insertions")),
        deletions=_number(told.get("deletions")),
        diff=diff[:MOST_TEXT] if isinstance(diff := told.get("diff"), str) else "",
        facts=[fact for fact in dict.fromkeys(facts) if fact.value != source_id],
    )


def _text(told: Mapping[str, Any], title: str) -> str:
    """Return what was written, without a first line that the title repeats."""
    text = next((value for name in _TEXTS if isinstance(value := told.get(name), str) and value.strip()), "")
    first, _, others = text.strip().partition("\n")
    return (others if first.strip() == title else text).strip()[:MOST_TEXT]


def _stack(failure: Mapping[str, Any]) -> str:
    stack = failure.get("stack")
    if isinstance(stack, str) and stack:
        return stack[:MOST_TEXT]
    frames = failure.get("frames")
    lines = [_frame(frame) for frame in frames[:MOST_FILES]] if isinstance(frames, list) else []
    return "\n".join(lines)[:MOST_TEXT]


def _frame(frame: Any) -> str:
    if not isinstance(frame, dict):
        return str(frame)
    place = ":".join(str(frame[name]) for name in ("file", "line") if frame.get(name))
    return f"{place}  {frame.get('function') or ''}".strip()


def _files(told: Mapping[str, Any]) -> list[File]:
    listed = told.get("files")
    if isinstance(listed, list):
        return [_file(entry) for entry in listed]
    return [
        File(str(path), note)
        for name, note in _LISTS.items()
        if isinstance(told.get(name), list)
        for path in told[name]
    ]


def _file(entry: Any) -> File:
    if not isinstance(entry, dict):
        return File(str(entry))
    was = entry.get("from")
    note = f"was {was}" if was else "binary" if entry.get("binary") else ""
    return File(str(entry.get("path", "")), note, _number(entry.get("insertions")), _number(entry.get("deletions")))


def _facts(values: Mapping[str, Any]) -> list[Fact]:
    """Return what is short enough for a line: scalars, names, and lists of them."""
    short = {name: _short(value) for name, value in values.items() if name not in _HANDLED}
    if short.get("committer") == short.get("author"):
        short.pop("committer", None)
    return [
        Fact(_label(name), text, exact=bool(_IDENTIFIER.fullmatch(text)))
        for name, text in short.items()
        if text and len(text) <= MOST_VALUE
    ]


def _short(value: Any) -> str:
    if value is True:
        return "Yes"
    if isinstance(value, str) and _TIME.fullmatch(value):
        return _moment(value)
    if isinstance(value, str | int | float) and value is not False:
        return str(value)
    if isinstance(value, dict) and value.get("name"):
        email = value.get("email")
        return f"{value['name']} <{email}>" if email else str(value["name"])
    if isinstance(value, list) and value and all(isinstance(one, str | int) for one in value):
        return ", ".join(map(str, value))
    return ""


def _moment(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at.astimezone(UTC) if at.tzinfo else at:%Y-%m-%d %H:%M:%S}{' UTC' if at.tzinfo else ''}"


def _label(name: str) -> str:
    return _LABELS.get(name) or name.replace("_", " ").replace(".", " ").strip().capitalize()


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
