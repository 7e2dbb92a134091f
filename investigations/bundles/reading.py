"""Door: an incident in a folder becomes a `Scene`. What is absent is a source that does not exist."""

import csv
import io
import json
from collections import defaultdict
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from investigations.bundles.fields import BadBundle, Record, moment, read_json, read_text, records
from investigations.suspects.scene import (
    Alert,
    Call,
    Commit,
    Deploy,
    Flip,
    Line,
    Notice,
    Scene,
    Series,
    Window,
)

MOST = 2_000_000  # rows, lines or spans of one file
_LINE = frozenset({"timestamp", "service", "severity_text", "severity", "level", "msg", "message", "trace_id"})
_SPAN = frozenset({"trace_id", "span_id", "parent_id", "service", "name", "start", "duration_ms", "status"})
_SAME, _HOPS = "same", 50
_GOOD = frozenset({"", "ok", "unset", "success", "0", "status_code_ok", "status_code_unset", "none"})


def read(folder: Path) -> Scene:
    """Return the incident in ``folder``, or in ``data`` below it.

    Raises:
        BadBundle: a file is malformed, or there is no alert.json.
    """
    home = _home(folder)
    path = home / "alert.json"
    if not path.is_file():
        raise BadBundle(f"{folder}: there is no alert.json.")
    alert = Record("alert.json", 1, read_json(path))
    return Scene(
        alert=_alert(alert),
        baseline=_window(alert),
        series=_series(home),
        lines=_lines(home),
        spans=_spans(home),
        commits=tuple(_commit(one) for one in _records(home, "commits.json")),
        deploys=tuple(_deploy(one) for one in _records(home, "deploys.json")),
        flips=tuple(_flip(one) for one in _records(home, "flags.json")),
        notices=_notices(home),
        calls=_calls(home),
    )


def headline(folder: Path) -> str:
    """Return what the alert of the incident in ``folder`` says in one line; nothing where it says nothing.

    Raises:
        BadBundle: alert.json is malformed.
    """
    path = _home(folder) / "alert.json"
    body = Record("alert.json", 1, read_json(path)) if path.is_file() else None
    return " ".join(body.text("summary", "monitor").split()) if body else ""


def _home(folder: Path) -> Path:
    return folder / "data" if (folder / "data" / "alert.json").is_file() else folder


def _find(home: Path, name: str) -> Path | None:
    return next((path for path in (home / name, home / "context" / name) if path.is_file()), None)


def _records(home: Path, name: str) -> list[Record]:
    path = _find(home, name)
    return records(path, under=(name.removesuffix(".json"),)) if path else []


def _alert(body: Record) -> Alert:
    told = " ".join(filter(None, (body.text("monitor"), body.text("summary"), body.text("detail"))))
    return Alert(
        fired_at=body.time("fired_at", "timestamp"), service=body.text("service"), metric=body.text("metric"), text=told
    )


def _window(body: Record) -> Window | None:
    given = body.body.get("baseline")
    if given is None:
        return None
    window = Record(f"{body.where}, baseline", 1, given)
    start, end = window.time("from"), window.time("to")
    if end <= start:
        raise BadBundle(f"{body.where}: baseline ends before it starts.")
    return Window(start, end)


def _series(home: Path) -> tuple[Series, ...]:
    path = _find(home, "metrics.csv")
    if not path:
        return ()
    rows = csv.reader(io.StringIO(read_text(path)))
    header = next(rows, [])
    for name in ("timestamp", "service", "metric", "value"):
        if name not in header:
            raise BadBundle(f"metrics.csv: the column {name} is missing.")
    at, value = header.index("timestamp"), header.index("value")
    labels = ("service", "metric", "instance", "version", "peer", "direction")
    places = [(name, header.index(name)) for name in labels if name in header]
    found = defaultdict[tuple[str, ...], list[tuple[float, float]]](list)
    for place, row in enumerate(rows, start=2):
        if not row:
            continue
        if place > MOST:
            raise BadBundle(f"metrics.csv: more than {MOST:,} rows.")
        sample = _sample(row, at, value, place)
        if sample:
            found[tuple(row[column] for _, column in places)].append(sample)
    names = [name for name, _ in places]
    return tuple(_one(dict(zip(names, key, strict=True)), found[key]) for key in sorted(found))


def _sample(row: list[str], at: int, value: int, place: int) -> tuple[float, float] | None:
    try:
        time, number = moment(row[at]), float(row[value] or "nan")
    except IndexError:
        raise BadBundle(f"metrics.csv, line {place}: too few columns.") from None
    except (ValueError, OverflowError) as problem:
        raise BadBundle(f"metrics.csv, line {place}: timestamp or value: {problem}.") from problem
    return (time, number) if isfinite(number) else None


def _one(labels: dict[str, str], samples: list[tuple[float, float]]) -> Series:
    ordered = np.array(sorted(samples), dtype=np.float64)
    return Series(times=ordered[:, 0], values=ordered[:, 1], **labels)


def _lines(home: Path) -> tuple[Line, ...]:
    path = _find(home, "logs.ndjson")
    if not path:
        return ()
    found = []
    for place, text in enumerate(read_text(path).splitlines(), start=1):
        if text.strip():
            found.append(_line(Record("logs.ndjson", place, _object(text, place))))
        if place > MOST:
            raise BadBundle(f"logs.ndjson: more than {MOST:,} lines.")
    return tuple(sorted(found, key=lambda one: (one.at, one.service, one.text, one.trace_id)))


def _object(text: str, place: int) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise BadBundle(f"logs.ndjson, line {place}: not JSON: {problem}.") from problem


def _line(body: Record) -> Line:
    return Line(
        at=body.time("timestamp"),
        service=body.text("service"),
        severity=body.text("severity_text", "severity", "level").upper(),
        text=body.text("msg", "message", "body"),
        trace_id=body.text("trace_id"),
        instance=body.text("instance"),
        attributes=body.attributes(_LINE),
    )


def _spans(home: Path) -> tuple[Call, ...]:
    bodies = _records(home, "traces.json")
    if len(bodies) > MOST:
        raise BadBundle(f"traces.json: more than {MOST:,} spans.")
    named = {body.text("span_id"): (body.text("trace_id"), body.text("parent_id")) for body in reversed(bodies)}
    told = [_span(body, _trace(body, named)) for body in bodies]
    return tuple(sorted(told, key=lambda one: (one.start, one.trace_id, one.span_id)))


def _trace(body: Record, named: dict[str, tuple[str, str]]) -> str:
    """Return the trace of a span; "same" is the trace of the span that called it."""
    trace, parent = body.text("trace_id"), body.text("parent_id")
    for _ in range(_HOPS):
        if trace != _SAME or parent not in named:
            break
        trace, parent = named[parent]
    return trace


def _span(body: Record, trace: str) -> Call:
    status, error = body.text("status"), body.text("error", "status_message")
    return Call(
        trace_id=trace,
        span_id=body.text("span_id"),
        parent_id=body.text("parent_id"),
        service=body.text("service"),
        name=body.text("name"),
        start=body.time("start", "timestamp"),
        milliseconds=body.number("duration_ms"),
        failed=status.casefold() not in _GOOD,
        error=error,
        instance=body.text("instance"),
        attributes=body.attributes(_SPAN),
    )


def _commit(body: Record) -> Commit:
    return Commit(
        sha=body.text("sha", required=True),
        at=body.time("timestamp"),
        message=body.text("message"),
        author=body.text("author"),
        files=body.texts("files_changed"),
        diff=body.long_text("diff"),
    )


def _deploy(body: Record) -> Deploy:
    return Deploy(
        at=body.time("timestamp"),
        service=body.text("service"),
        sha=body.text("commit_sha", required=True),
        version=body.text("version"),
        added=body.names("instances_added"),
        removed=body.names("instances_removed"),
    )


def _flip(body: Record) -> Flip:
    return Flip(
        at=body.time("timestamp"), flag=body.text("flag"), service=body.text("service"), change=body.text("change")
    )


def _notices(home: Path) -> tuple[Notice, ...]:
    path = _find(home, "status_feed.json")
    body = read_json(path) if path else None
    feeds = body if isinstance(body, list) else [body]
    found = []
    for feed in feeds:
        if isinstance(feed, dict) and isinstance(feed.get("incidents"), list):
            for place, one in enumerate(feed["incidents"], start=1):
                told = Record("status_feed.json", place, one)
                text = f"{told.text('name')} ({told.text('impact', 'status')})"
                provider = str(feed.get("provider") or "a provider")
                found.append(Notice(at=told.time("started_at", "timestamp"), provider=provider, text=text))
    return tuple(found)


def _calls(home: Path) -> frozenset[tuple[str, str]]:
    path = _find(home, "graph.csv")
    if not path:
        return frozenset()
    rows = csv.DictReader(io.StringIO(read_text(path)))
    for name in ("caller", "callee"):
        if name not in (rows.fieldnames or ()):
            raise BadBundle(f"graph.csv: the column {name} is missing.")
    return frozenset((row["caller"], row["callee"]) for row in rows if row["caller"] and row["callee"])
