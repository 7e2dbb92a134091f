"""Decisions about one log line given as an object, in any of the shapes loggers write. No I/O.

The names below are canonical: see `connectors.sources.logfields`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from connectors.errors import BadRecord
from connectors.sources.logfields import NOTHING, TRANSPARENT, WRAPPER, canonical, flatten, moment_of, unwrapped
from connectors.sources.loglevels import LEVEL_NAMES, grade_in, grade_of, is_alarming, severity_of
from connectors.sources.stacktraces import StackTrace, bounded, frames_in, parse
from events.choices import Severity, Source
from events.drafts import LIMITS, MAX_TAG, EventDraft
from rcaplatform.kit import jsonio

MAX_MESSAGE = 10_000
MAX_ID = 200
MAX_SAID = 2_000
_SHAPED_KEYS = 64

_TEMPLATE = re.compile(r"\{[@$]?(\w{1,100})[^{}]{0,50}\}")

_TIMES = (
    "timestamp @timestamp time ts t date eventtime @t datetime asctime created timeiso8601 timeunixnano t$date "
    "timetimestamp observedtimeunixnano realtimetimestamp logtimestamp"
).split()
_MESSAGES = "message msg @m event body log shortmessage fullmessage textpayload bodystringvalue @mt".split()
_LOGGERS = "logger loggername loglogger target category channel sourcecontext scopename".split()
_SERVICES = (
    "servicename service svc ddservice application applicationname app appname appkubernetesioname k8sapp "
    "syslogidentifier containername"
).split()
_COMPONENTS = "component module subsystem".split()
_ENVIRONMENTS = "environment env deploymentenvironment deploymentenvironmentname serviceenvironment ddenv".split()
_CONTEXT = {
    "trace_id": "traceid trace ddtraceid oteltraceid xb3traceid @tr logginggoogleapiscomtrace xraytraceid",
    "span_id": "spanid ddspanid otelspanid xb3spanid @sp logginggoogleapiscomspanid",
    "request_id": (
        "requestid xrequestid reqid httprequestid correlationid xcorrelationid httprequestheadersxrequestid "
        "awsrequestid functionrequestid transactionid rid"
    ),
    "user": "userid username useremail user usrid uid enduserid principal login accountid customerid",
    "user_action": "useraction action eventaction",
}
_NAMES_OF = {field: names.split() for field, names in _CONTEXT.items()}

_HOLDERS = "exception error err exc thrown throwable ex".split()
_TYPES = [holder + part for holder in _HOLDERS for part in ("type", "name", "class", "classname", "kind")]
_SAYINGS = [holder + part for holder in _HOLDERS for part in ("message", "msg", "value")]
_STACKS = "stacktrace stack traceback backtrace excinfo exctext errorverbose @x".split() + [
    holder + part
    for holder in _HOLDERS
    for part in ("stacktrace", "stack", "extendedstacktrace", "traceback", "backtrace", "trace")
]
_FAILURES = frozenset([*_HOLDERS, *_TYPES, *_SAYINGS, *_STACKS])

# Names that may tell of severity or message, and what could become one or a container of one when nested keys join it.
_TELLING = {*LEVEL_NAMES, *_MESSAGES, *_FAILURES, *TRANSPARENT}
_OUTSPOKEN = {name[:length] for name in _TELLING for length in range(len(name))} | _FAILURES | TRANSPARENT

_EVENT_TYPES = {Severity.CRITICAL: "log_error", Severity.HIGH: "log_error", Severity.MEDIUM: "log_warning"}


class LogLine:
    """What one object from a log says.

    Attributes:
        severity: by its level first, then by its content.
        message: its text, "" when it has none.
        exception: {type, message, frames, stack} as far as known, or empty.
    """

    __slots__ = ("_flat", "_used", "exception", "fields", "level", "message", "severity")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = unwrapped(fields)
        self._flat = flatten(self.fields)
        grade, name = grade_in(self._flat)
        self._used = {name}
        self.level = level if isinstance(level := self._flat.get(name), str) else grade
        self.message = self._message()
        self.exception = _exception(self._flat, self.message)
        told = self.exception.keys() - {"message"} if grade else self.exception
        self.severity = severity_of(grade, self.message, failed=bool(told))

    def time(self) -> datetime:
        """Return when it was written, in UTC; a time without a zone is taken as UTC.

        Raises:
            BadRecord: no key holds a time.
        """
        for name in _TIMES:
            if moment := moment_of(self._flat.get(name)):
                self._used.add(name)
                return moment
        present = [name for name in _TIMES if self._flat.get(name) is not None]
        found = f"{present[0]} is not a time" if present else "none of timestamp, @timestamp, time, ts is there"
        raise BadRecord(f"timestamp: {found}.", fields={"timestamp": found})

    def draft(
        self,
        *,
        source_id: str,
        raw: Any,
        timestamp: datetime | None = None,
        service: str = "",
        environment: str = "",
        url: str = "",
    ) -> EventDraft:
        """Return it as an event.

        Args:
            raw: the object as received.
            timestamp: when the source knows it better than the line.
            service, environment: what to say when the line does not.
            url: where people find it.

        Raises:
            BadRecord: it has no time.
        """
        timestamp = timestamp or self.time()
        logger = self._text(_LOGGERS if self._is_bunyan else [*_LOGGERS, "name"])
        service = self.service() or service
        context = self.context()
        kind = self.exception.get("type", "")
        return EventDraft(
            source=Source.LOGS,
            source_id=source_id,
            timestamp=timestamp,
            title=self._title(),
            event_type=_EVENT_TYPES.get(self.severity, "log_line"),
            severity=self.severity,
            service=service[: LIMITS["service"]],
            component=(self._text(_COMPONENTS) or logger)[: LIMITS["component"]],
            environment=(self._text(_ENVIRONMENTS) or environment)[: LIMITS["environment"]],
            url=url,
            tags=[kind[:MAX_TAG]] if kind else [],
            data=self._data(logger, context),
            raw_data=raw,
        )

    def service(self) -> str:
        """Return which service it is of, "" when it does not say."""
        return self._text([*_SERVICES, "name"] if self._is_bunyan else _SERVICES)

    def context(self) -> dict[str, str]:
        """Return the ids of the trace, span, request and user, and what the user did, as far as it says."""
        context = {field: self._text(names)[:MAX_ID] for field, names in _NAMES_OF.items()}
        context |= {name: context[name].rpartition("/")[2].lower() for name in ("trace_id", "span_id")}
        return {field: text for field, text in context.items() if text}

    def gist(self) -> str:
        """Return what it says in one line, with the exception's type: what lines are compared by."""
        kind, title = self.exception.get("type", ""), self._title()
        return title if kind in title else f"{kind}: {title}"

    @property
    def _is_bunyan(self) -> bool:
        return "v" in self._flat and "hostname" in self._flat

    def _message(self) -> str:
        other: Any = None
        for name in _MESSAGES:
            value = self._flat.get(name)
            if isinstance(value, str) and value.strip():
                self._used.add(name)
                return self._rendered(value) if name == "@mt" else value
            if value and other is None and not isinstance(value, str | dict):
                self._used.add(name)
                other = value
        return "" if other is None else _as_text(other)

    def _rendered(self, template: str) -> str:
        """Fill in a message template as Serilog writes it."""
        return _TEMPLATE.sub(lambda hole: _as_text(self.fields.get(hole[1], hole[0])), template)

    def _title(self) -> str:
        kind, said = self.exception.get("type", ""), self.exception.get("message", "")
        failure = f"{kind}: {said}" if kind and said else kind or said
        lines = (line.strip() for line in self.message[:MAX_MESSAGE].splitlines())
        first = next((line for line in lines if line.strip("\x00")), "")
        if failure and (not first or first.startswith("Traceback (most recent call last)")):
            return failure.split("\n", 1)[0]
        if first:
            return first
        pairs = [
            f"{key}={_as_text(value)}" for key, value in self._rest().items() if not isinstance(value, dict | list)
        ]
        return " ".join(pairs[:20]).replace("\n", " ") or "(a line without words)"

    def _text(self, names: Iterable[str]) -> str:
        for name in names:
            value = self._flat.get(name)
            if value is not None and isinstance(value, str | int) and not isinstance(value, bool):
                text = str(value).strip()
                if text.strip("0\x00") and text.lower() not in NOTHING:
                    self._used.add(name)
                    return text
        return ""

    def _rest(self) -> dict[str, Any]:
        taken = self._used | _FAILURES if self.exception else self._used
        return {key: value for key, value in self.fields.items() if canonical(key) not in taken}

    def _data(self, logger: str, context: dict[str, str]) -> dict[str, Any]:
        known = {
            "message": self.message[:MAX_MESSAGE],
            "level": self.level,
            "logger": logger,
            **context,
            "exception": self.exception,
            "attributes": self._rest(),
        }
        return {name: value for name, value in known.items() if value}


def is_quiet(fields: Mapping[str, Any]) -> bool:
    """Tell whether the line is certainly of severity info. Far cheaper than reading it; False proves nothing."""
    shape = _shape(tuple(fields)) if len(fields) <= _SHAPED_KEYS else None
    if shape is None:
        return False
    grade = grade_of(shape.level_name, fields[shape.level])
    if grade != "info" or shape.message is None:
        return grade in {"info", "debug"}
    message = fields[shape.message]
    return isinstance(message, str) and bool(message.strip()) and "\n" not in message and not is_alarming(message)


class _Shape(NamedTuple):
    level: str
    level_name: str
    message: str | None


@lru_cache(maxsize=512)
def _shape(keys: tuple[str, ...]) -> _Shape | None:
    """Return which keys decide the severity of a line with these ``keys``, or None when others may have a say."""
    names = {canonical(key): key for key in keys}
    level = next((name for name in LEVEL_NAMES if name in names), None)
    message = next((name for name in _MESSAGES if name in names), None)
    if level is None or WRAPPER in keys or len(names) < len(keys) or names.keys() - {level, message} & _OUTSPOKEN:
        return None
    return _Shape(names[level], level, names.get(message or ""))


def _exception(flat: Mapping[str, Any], message: str) -> dict[str, Any]:
    """Gather type, message, frames and stack from wherever a logger puts them."""
    if _FAILURES.isdisjoint(flat):
        trace = parse(message, certain=False) if "\n" in message else StackTrace()
        return _known(trace.type, trace.message, trace.frames, message if trace.frames else "")
    kind, said, frames = _first_text(flat, _TYPES), _first_text(flat, _SAYINGS), []
    for name in (*_STACKS, *_HOLDERS):
        entries = flat.get(name)
        if isinstance(entries, list) and entries and isinstance(entries[0], dict):
            top = entries[0]
            kind, said = kind or _as_text(top.get("exc_type", "")), said or _as_text(top.get("exc_value", ""))
            frames = frames_in(top["frames"] if isinstance(top.get("frames"), list) else entries)
            break
    stack, bare = _first_text(flat, _STACKS), _first_text(flat, _HOLDERS)
    text = stack or bare
    trace = parse(text, certain=True) if text else parse(message, certain=False)
    frames = frames or trace.frames
    kind, said = kind or trace.type, said or trace.message
    if frames and not kind:
        spoken = parse(message.split("\n", 1)[0], certain=True)
        kind, said = spoken.type, said or spoken.message
    return _known(kind, said or bare, frames, text if "\n" in text or stack else "")


def _known(kind: str, said: str, frames: list[dict[str, Any]], stack: str) -> dict[str, Any]:
    found = {"type": kind[:MAX_ID], "message": said[:MAX_SAID], "frames": frames, "stack": bounded(stack)}
    return {name: value for name, value in found.items() if value}


def _first_text(flat: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the first text under ``names``; a list of texts is one: [type, message], or the lines of a stack."""
    for name in names:
        value = flat.get(name)
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            value = (": " if len(value) == 2 and name in _HOLDERS else "\n").join(value)
        if isinstance(value, str) and value.strip().lower() not in NOTHING:
            return value.strip()
    return ""


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else jsonio.dumps(value)
