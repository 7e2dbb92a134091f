"""Decision: what an event must look like before it may be stored. Values in, a draft or a named error out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from events.choices import Severity, Source
from rcaplatform.kit.errors import Invalid
from rcaplatform.kit.jsonio import MAX_DEPTH, depth

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MAX_TAGS = 50
LIMITS = {
    "source_id": 300,
    "title": 500,
    "event_type": 50,
    "service": 200,
    "component": 200,
    "environment": 100,
    "url": 2_000,
}
MAX_TAG = 100
MAX_MESSAGE = 2_000
_SHORTENED = ("title",)
_NESTING = ("data", "raw_data", "metadata")
# `values` of an enumeration builds a new list at each call, and every event asks twice.
_SOURCES, _SEVERITIES = frozenset(Source.values), frozenset(Severity.values)


@dataclass(slots=True, kw_only=True)
class EventDraft:
    """An event as a source tells it, checked when it is made.

    ``content_addressed`` says that ``source_id`` means the same thing everywhere (a commit hash), so that two origins
    telling of it tell of one event. ``message`` is text worth finding the event by that is neither in its title nor
    in its data; no more than 2,000 characters of it are kept.

    Raises:
        Invalid: a field breaks its rule; ``fields`` names it. An over-long title alone is shortened, not refused.
    """

    source: str
    source_id: str
    timestamp: datetime
    title: str
    event_type: str
    severity: str = Severity.INFO
    data: dict[str, Any] = field(default_factory=dict)
    raw_data: Any = None
    tags: Sequence[str] = ()
    service: str = ""
    component: str = ""
    environment: str = ""
    url: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    content_addressed: bool = False

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_time()
        for name, limit in LIMITS.items():
            given = getattr(self, name)
            if (kept := _text(name, given, limit)) is not given:
                setattr(self, name, kept)
        for name in ("source_id", "title", "event_type"):
            if not getattr(self, name):
                raise _invalid(name, "This may not be empty.")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise _invalid("url", "Give an http or https address.")
        self.tags = _tags(self.tags)
        self.message = storable(self.message[:MAX_MESSAGE])
        for name in _NESTING:
            given = getattr(self, name)
            if given and depth(given) > MAX_DEPTH:
                raise _invalid(name, f"This nests deeper than {MAX_DEPTH} levels.")

    def _check_choices(self) -> None:
        if self.source not in _SOURCES:
            raise _invalid("source", f"Not one of {', '.join(Source.values)}.")
        if self.severity not in _SEVERITIES:
            raise _invalid("severity", f"Not one of {', '.join(Severity.values)}.")

    def _check_time(self) -> None:
        if self.timestamp.tzinfo is None:
            raise _invalid("timestamp", "Give a time zone or an offset.")
        if not EARLIEST <= self.timestamp < LATEST:
            raise _invalid("timestamp", "Give a time from 1970 to 2199.")


def _invalid(name: str, message: str) -> Invalid:
    return Invalid(f"{name}: {message}", fields={name: message})


def _text(name: str, value: Any, limit: int) -> str:
    if not isinstance(value, str):
        raise _invalid(name, "Give text.")
    clean = storable(value).strip()  # the very same object when there is nothing to change
    if len(clean) > limit:
        if name not in _SHORTENED:
            raise _invalid(name, f"At most {limit} characters.")
        clean = clean[: limit - 1] + "…"
    return clean


def storable(text: str) -> str:
    """Return ``text`` as the database can keep it: no NUL characters, no halves of characters."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


def _tags(tags: Sequence[str]) -> tuple[str, ...]:
    if len(tags) > MAX_TAGS:
        raise _invalid("tags", f"At most {MAX_TAGS} tags.")
    return tuple(dict.fromkeys(text for tag in tags if (text := _text("tags", tag, MAX_TAG)))) if tags else ()
