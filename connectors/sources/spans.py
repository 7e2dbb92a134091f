"""Decisions about spans in the words of no vendor: what one is, how its ids and values are read. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.errors import BadRecord
from connectors.sources.otlp_values import short

MAX_NAME = 200
MAX_DETAIL = 300
MAX_ATTRIBUTES = 128
METHODS = ("http.request.method", "http.method")
ROUTES = ("http.route", "url.path", "http.target", "http.path")
STATUSES = ("http.response.status_code", "http.status_code")
ENTRANCES = frozenset({"server", "consumer"})
_MAX_TEXT = 2_000


@dataclass(slots=True, kw_only=True)
class Span:
    """One piece of work in a trace.

    Attributes:
        trace_id: 32 hexadecimal digits; ``span_id`` and ``parent_id`` have 16, or none where there is no parent.
        kind: server, client, producer, consumer, internal, or nothing.
        start: Unix time in nanoseconds; ``duration`` is in nanoseconds too.
        exception: {type, message, frames, stack}, as far as known.
        links: other spans it has to do with, as TRACE/SPAN.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    service: str = ""
    environment: str = ""
    name: str = ""
    kind: str = ""
    start: int
    duration: int
    failed: bool = False
    status: str = ""
    exception: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    scope: str = ""
    links: list[str] = field(default_factory=list)

    @property
    def end(self) -> int:
        """When it ended, as `start` is told."""
        return self.start + self.duration

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return self.duration / 1e6

    @property
    def what(self) -> str:
        """What it did: its name, with the route where the name is only the method."""
        name, method = self.name or "A span without a name", short(self.attributes, 20, *METHODS)
        route = short(self.attributes, MAX_NAME, *ROUTES)
        bare = name.removeprefix("HTTP ").lower()
        return f"{method} {route}" if method and route and bare == method.lower() else name


def hex_id(given: Any, digits: int, what: str) -> str:
    """Return an id of ``digits`` hexadecimal digits; servers cut leading zeros, so they are put back.

    Raises:
        BadRecord: it is none.
    """
    text = given.lower() if isinstance(given, str) else ""
    if not 0 < len(text) <= digits or text.strip("0123456789abcdef") or not text.strip("0"):
        raise BadRecord(f"A {what} id is missing or not hexadecimal.", fields={what: "Not an id."})
    return text.zfill(digits)


def parent_of(given: Any) -> str:
    """Return the id of a parent, or nothing where there is none that can be read."""
    try:
        return hex_id(given, 16, "parent")
    except BadRecord:
        return ""


def values(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Return plain attributes within bounds: texts, numbers and flags; anything else is left out."""
    return {
        str(name)[:MAX_NAME]: value[:_MAX_TEXT] if isinstance(value, str) else value
        for name, value in list(given.items())[:MAX_ATTRIBUTES]
        if isinstance(value, str | int | float | bool)
    }


def says_error(value: Any) -> bool:
    """Tell whether the tag ``error`` means one; some servers write "unset" or "false" on every span."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def answered_badly(kind: str, attributes: Mapping[str, Any]) -> bool:
    """Tell whether a server answered HTTP 5xx."""
    answered = short(attributes, 10, *STATUSES)
    return kind == "server" and answered.isdecimal() and int(answered) >= 500
