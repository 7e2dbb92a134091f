"""Decisions: what a stored event tells the suspects engine. Values in, values out; the shapes are those of sources."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from events.choices import Severity
from investigations.suspects.scene import Call, Commit, Deploy, Flip, Line, Notice, Series

MOST_FOLDED = 100  # lines that one burst counts for
MOST_FIELDS = 60
NOTICE = "status_notice"  # the type of an event that says what a provider says of itself
LEVELS = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}
_LABELS = ("instance", "version", "peer", "direction")
_WELL = frozenset({"", "success", "succeeded", "active", "ok"})


class Told(NamedTuple):
    """An event as it is read here."""

    id: UUID
    timestamp: datetime
    source: str
    event_type: str
    service: str
    source_id: str
    title: str
    message: str
    severity: str
    data: dict[str, Any]

    @property
    def at(self) -> float:
        """When, in Unix seconds."""
        return self.timestamp.timestamp()

    @property
    def sha(self) -> str:
        """The commit it tells of."""
        return self.text("sha", "commit")

    @property
    def ships(self) -> bool:
        """Whether it says that a commit was deployed, and well."""
        well = self.text("state", "conclusion", "status").lower() in _WELL
        return self.event_type == "deployment" and well and bool(self.sha)

    def text(self, *names: str) -> str:
        """Return the first of these that its data holds as text."""
        return next((value for name in names if isinstance(value := self.data.get(name), str) and value), "")

    def names(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list."""
        listed = self.data.get(name)
        return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()

    def fields(self, name: str) -> dict[str, str]:
        """Return what an object holds, as text."""
        held = self.data.get(name)
        return (
            {str(key): str(value) for key, value in list(held.items())[:MOST_FIELDS]} if isinstance(held, dict) else {}
        )


def commit(event: Told) -> Commit:
    """Return the change that a commit is."""
    files, author = event.data.get("files"), event.data.get("author")
    paths = [one.get("path") if isinstance(one, dict) else one for one in files] if isinstance(files, list) else []
    return Commit(
        sha=event.source_id,
        at=event.at,
        message=event.text("message") or f"{event.title}\n{event.message}".strip(),
        author=str(author.get("name", "")) if isinstance(author, dict) else str(author or ""),
        files=tuple(path for path in paths if isinstance(path, str)),
        diff=event.text("diff"),
    )


def deploy(event: Told) -> Deploy:
    """Return the release that a deployment is."""
    return Deploy(
        at=event.at,
        service=event.service,
        sha=event.sha,
        version=event.text("version", "ref"),
        added=event.names("instances_added"),
        removed=event.names("instances_removed"),
    )


def flip(event: Told) -> Flip:
    """Return the flag that changed."""
    named = event.text("flag", "key", "name") or event.title
    return Flip(at=event.at, flag=named, service=event.service, change=event.text("change") or event.title)


def notice(event: Told) -> Notice:
    """Return what a provider said of itself."""
    return Notice(at=event.at, provider=event.text("provider") or event.service, text=event.title)


def lines(event: Told) -> Iterator[Line]:
    """Yield a log line; of a burst, as many as it stands for, spread over its time."""
    count = event.data.get("count")
    times = min(count, MOST_FOLDED) if isinstance(count, int) and count > 0 else 1
    step = _lasted(event) / times
    attributes = event.fields("attributes")
    for place in range(times):
        yield Line(
            at=event.at + place * step,
            service=event.service,
            text=event.text("message", "template") or event.title,
            severity=(event.text("level") or LEVELS[Severity(event.severity)]).upper(),
            trace_id=event.text("trace_id"),
            instance=event.text("instance"),
            attributes=attributes,
        )


def _lasted(event: Told) -> float:
    """Return for how many seconds a burst went on: a minute where it does not say."""
    try:
        first, last = (datetime.fromisoformat(event.text(name)).timestamp() for name in ("first_at", "last_at"))
    except ValueError:
        return 60.0
    return min(max(last - first, 1.0), 86_400.0)


def series(events: Iterable[Told], asked: Iterable[dict[str, Any]] = ()) -> tuple[Series, ...]:
    """Return the series that the samples of anomalies are of: what several tell of one metric is put together.

    Args:
        asked: what sources told when they were asked, as `investigations.models.Survey` keeps it.
    """
    found: defaultdict[tuple[str, ...], dict[float, float]] = defaultdict(dict)
    told = [(event.service, event.title, finding) for event in events for finding in _findings(event)]
    for service, title, finding in (*told, *((str(one.get("service") or ""), "", one) for one in asked)):
        metric = finding.get("shown") or finding.get("metric") or finding.get("name") or title
        samples = finding.get("samples")
        labels = (str(finding.get(name) or "") for name in _LABELS)
        if service and isinstance(samples, list):
            pairs = [(float(one[0]), float(one[1])) for one in samples if _is_sample(one)]
            found[service, str(metric), *labels].update(pairs)
    return tuple(_series(key, samples) for key, samples in sorted(found.items()) if samples)


def _series(key: tuple[str, ...], samples: dict[float, float]) -> Series:
    ordered = np.array(sorted(samples.items()), dtype=np.float64)
    labels = dict(zip(_LABELS, key[2:], strict=True))
    return Series(service=key[0], metric=key[1], times=ordered[:, 0], values=ordered[:, 1], **labels)


def _findings(event: Told) -> list[dict[str, Any]]:
    listed = event.data.get("findings")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else [event.data]


def _is_sample(one: Any) -> bool:
    return isinstance(one, list) and len(one) == 2 and all(isinstance(number, int | float) for number in one)


def call(event: Told) -> Call:
    """Return the span that an event tells of."""
    trace, _, span = event.source_id.partition("/")
    took, exception = event.data.get("duration_ms"), event.fields("exception")
    failed = event.event_type == "span_error"
    said = " ".join(filter(None, (exception.get("type"), exception.get("message"))))
    return Call(
        trace_id=event.text("trace_id") or trace,
        span_id=event.text("span_id") or span,
        parent_id=event.text("parent_span_id"),
        service=event.service,
        name=event.text("name", "operation") or event.title,
        start=event.at,
        milliseconds=float(took) if isinstance(took, int | float) else 0.0,
        failed=failed,
        error=(event.message or said) if failed else "",
        instance=event.text("instance"),
        attributes=event.fields("attributes"),
    )
