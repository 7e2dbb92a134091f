"""Decision: how a flood of log lines folds, and which line says what was never said before. No I/O.

Of the lines of one template, service and severity the first so many of a minute stand for themselves; the rest of
that minute is one burst. What is counted and not yet told is part of the cursor, so it moves in the transaction that
stores the events: a page that is read again folds as it did before. A burst is told once its minute is over.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from connectors.base import Record
from connectors.reading import fit
from connectors.sources.loglines import LogLine
from events.choices import Severity, Source
from events.drafts import MAX_TAG, EventDraft, storable
from events.logtemplates import Template, Templates
from rcaplatform.kit import jsonio

NEW, BURST = "new", "burst"
NEW_TAG = "new-template"
EXAMPLES = 5
_SAID = 300
# So many templates are remembered as met, and so many minutes of lines counted at once.
_KNOWN, _OPEN = 2_000, 500
# A line that is older than the minute being counted counts to it: threads write out of order. One much older is of a
# clock that was wrong, or of another time.
_DISORDER = 5
_GRACE = timedelta(seconds=30)


@dataclass(slots=True)
class Told:
    """A log line as its source understands it.

    Attributes:
        raw: the line as received.
        timestamp: when its source knows that better than the line.
        service, environment: what to say when the line does not.
        url: where people find it.
    """

    line: LogLine
    source_id: str
    raw: Any
    timestamp: datetime | None = None
    service: str = ""
    environment: str = ""
    url: str = ""

    @property
    def at(self) -> datetime:
        """When it was written; `BadRecord` where nobody says."""
        return self.timestamp or self.line.time()

    def draft(self) -> EventDraft:
        """Return it as an event."""
        return self.line.draft(
            source_id=self.source_id,
            raw=self.raw,
            timestamp=self.timestamp,
            service=self.service,
            environment=self.environment,
            url=self.url,
        )


@dataclass(slots=True)
class Window:
    """The lines of one template, service and severity in one minute, and the burst of those beyond the limit."""

    minute: int
    count: int = 0
    burst: dict[str, Any] = field(default_factory=dict)


class Folding:
    """Folds the records of one source, page by page.

    Args:
        state: what `state` returned, from the cursor; nothing the first time.
        now: when this poll began. What was written before the first poll is never new.
        after: how many lines a minute stand for themselves; 0 folds none.
        understood: reads a record; None when it is not worth an event.
    """

    def __init__(
        self,
        state: Mapping[str, Any],
        *,
        now: datetime,
        after: int,
        understood: Callable[[Record], Told | None],
    ) -> None:
        self._since = datetime.fromisoformat(state["since"]) if state else now
        self._learns = not state
        self._templates = Templates(state.get("templates", ()))
        self._known: dict[str, None] = dict.fromkeys(state.get("known", ()))
        self._windows = {key: Window(**deepcopy(window)) for key, window in state.get("windows", {}).items()}
        self._now, self._after, self._understood = now, after, understood

    def state(self) -> dict[str, Any]:
        """Return what the next poll goes on with, fit for a cursor."""
        return {
            "since": self._since.isoformat(),
            "templates": self._templates.state(),
            "known": list(self._known),
            "windows": {key: asdict(window) for key, window in self._windows.items()},
        }

    def fold(self, records: Iterable[Record]) -> list[Record]:
        """Return the records of a page that stand for themselves, and bursts whose minute is over.

        What was understood here is the value of the records that stay, so that it need not be understood again.
        """
        kept: list[Record] = []
        minute = None
        for record in records:
            try:
                told = self._understood(record)
                at = told.at if told else None
            except Exception:  # decoding it meets the same, and there it becomes a dead letter
                told = at = None
            if told is None or at is None:
                kept.append(record)
            else:
                minute = _minute(at)
                kept += self._take(record, told, at)
        if minute is not None:
            kept += self._closed(before=minute - 1)
        return kept

    def overdue(self) -> list[Record]:
        """Return the bursts whose minute is over by the clock, at the end of a poll."""
        return self._closed(before=_minute(self._now - _GRACE))

    def everything(self) -> list[Record]:
        """Return all bursts, where nobody will go on."""
        return [_burst_record(window) for window in self._windows.values() if window.burst]

    def _take(self, record: Record, told: Told, at: datetime) -> list[Record]:
        service = storable(told.line.service() or told.service)
        template = self._templates.of(storable(told.line.gist()))
        kept: list[Record] = []
        window = self._window(f"{template.id} {told.line.severity} {service}", _minute(at), kept)
        window.count += 1
        new = self._is_new(template, at)
        if 0 < self._after < window.count:
            _add(window.burst, template, told, at)
        else:
            kept.append(_as_new(record, template) if new else replace(record, value=told))
        return kept

    def _window(self, key: str, minute: int, kept: list[Record]) -> Window:
        """Return the minute that counts now; one that is over tells its burst to ``kept``."""
        window = self._windows.get(key)
        if window and window.minute - _DISORDER <= minute <= window.minute:
            return window
        if not window and len(self._windows) >= _OPEN:
            key_of_oldest = next(iter(self._windows))
            window = self._windows.pop(key_of_oldest)
        if window and window.burst:
            kept.append(_burst_record(window))
        self._windows.pop(key, None)
        opened = self._windows[key] = Window(minute)
        return opened

    def _is_new(self, template: Template, at: datetime) -> bool:
        known = template.id in self._known
        self._known.pop(template.id, None)
        self._known[template.id] = None
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]
        return not (known or self._learns) and at > self._since

    def _closed(self, *, before: int) -> list[Record]:
        over = [key for key, window in self._windows.items() if window.minute < before]
        closed = [self._windows.pop(key) for key in over]
        return [_burst_record(window) for window in closed if window.burst]


def new_line(record: Record) -> tuple[Record, Template]:
    """Return the line in a record of kind `NEW`, and its template."""
    value = record.value
    inner = Record(record.reference, value["value"], record.raw, value["kind"])
    return inner, Template(*value["template"])


def marked(draft: EventDraft, template: Template) -> EventDraft:
    """Return the event of a line that says what was never said before."""
    draft.tags = (*draft.tags, NEW_TAG)
    draft.data["template"] = template.text
    draft.metadata = {**draft.metadata, "new_template": template.id}
    return draft


def burst_draft(burst: Mapping[str, Any]) -> EventDraft:
    """Return a burst as an event."""
    first, last = datetime.fromisoformat(burst["first_at"]), datetime.fromisoformat(burst["last_at"])
    seconds = max((last - first).total_seconds(), 1)
    kind = burst["exception"].get("type", "")
    told = ("template", "count", "first_at", "last_at", "exception", "logger", "trace_id", "examples")
    return EventDraft(
        source=Source.LOGS,
        source_id=burst["id"],
        timestamp=first,
        title=f"{burst['count']:,} more times: {burst['title']}",
        event_type="log_burst",
        severity=Severity(burst["severity"]),
        service=burst["service"],
        component=burst["component"],
        environment=burst["environment"],
        url=burst.get("url", ""),  # bursts of a cursor from before have none
        tags=[kind[:MAX_TAG]] if kind else [],
        message=burst["message"],
        data={
            "rate_per_second": round(burst["count"] / seconds, 2),
            **{name: value for name in told if (value := burst[name])},
        },
        metadata={"template": burst["template_id"]},
        raw_data=dict(burst),
    )


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _add(burst: dict[str, Any], template: Template, told: Told, at: datetime) -> None:
    if not burst:
        burst |= _opened(template, told, at)
    moment = at.isoformat()
    burst["count"] += 1
    burst["first_at"], burst["last_at"] = min(burst["first_at"], moment), max(burst["last_at"], moment)
    if len(burst["examples"]) < EXAMPLES:
        example = {"reference": told.source_id, "at": moment, "message": told.line.gist()[:_SAID]}
        burst["examples"].append(_clean(example | told.line.context()))


def _opened(template: Template, told: Told, at: datetime) -> dict[str, Any]:
    """Return a burst that has no lines yet, named by its template, its minute and its first line."""
    first = told.draft()
    digest = blake2b(told.source_id.encode(errors="replace"), digest_size=8).hexdigest()
    exception = first.data.get("exception", {})
    return _clean(
        {
            "id": f"burst/{template.id}/{_minute(at)}/{digest}",
            "template": template.text,
            "template_id": template.id,
            "title": fit("title", first.title),
            "message": told.line.message[:_SAID],
            "severity": str(first.severity),
            "service": first.service,
            "component": first.component,
            "environment": first.environment,
            "url": first.url,
            "exception": {name: exception[name][:_SAID] for name in ("type", "message") if name in exception},
            "logger": first.data.get("logger", ""),
            "trace_id": first.data.get("trace_id", ""),
            "count": 0,
            "first_at": at.isoformat(),
            "last_at": at.isoformat(),
            "examples": [],
        }
    )


def _burst_record(window: Window) -> Record:
    return Record.of(window.burst["id"], BURST, window.burst)


def _as_new(record: Record, template: Template) -> Record:
    value = {"template": list(template), "value": record.value, "kind": record.kind}
    return Record(record.reference, value, jsonio.dumps(value).encode(), NEW)


def _clean(values: dict[str, Any]) -> dict[str, Any]:
    """Return ``values`` as the database can keep them in a cursor."""
    cleaned: dict[str, Any] = orjson.loads(jsonio.dumps(values))
    return cleaned
