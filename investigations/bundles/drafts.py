"""Decision: what an incident from files is as events, in the shapes that sources tell. Values in, values out.

`investigations.testimony` reads them back: an incident that was imported looks to the suspects engine as it did in its
folder.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeVar

from events.calls import Calls
from events.choices import Severity, Source
from events.drafts import LIMITS, EventDraft
from investigations.suspects.scene import Alert, Call, Commit, Deploy, Flip, Line, Notice, Scene, Series
from investigations.testimony import NOTICE

# The nearest to the alert are kept, so that what was imported can be read back as a whole.
MOST_LINES, MOST_SPANS, MOST_SERIES, MOST_CHANGES = 16_000, 20_000, 4_000, 1_900
SAMPLES = 4_000  # in one event; a longer series is told by several
MOST_NAMES = 500
MOST_DIFF = 64_000  # characters
_SEVERITIES = {"CRITICAL": Severity.CRITICAL, "FATAL": Severity.CRITICAL, "EMERG": Severity.CRITICAL} | {
    "ERROR": Severity.HIGH,
    "ERR": Severity.HIGH,
    "SEVERE": Severity.HIGH,
    "WARN": Severity.MEDIUM,
    "WARNING": Severity.MEDIUM,
}
_TYPES = {Severity.CRITICAL: "log_error", Severity.HIGH: "log_error", Severity.MEDIUM: "log_warning"}
One = TypeVar("One")


@dataclass(frozen=True, slots=True)
class Told:
    """An incident as events, by the kind of system that would have told them, and the calls its graph names.

    Attributes:
        mark: what the incident is called: the same for the same alert.
        left_out: how many lines, spans, series and changes were too many, by what they are.
    """

    mark: str
    drafts: dict[Source, list[EventDraft]]
    calls: list[Calls]
    left_out: dict[str, int]

    @property
    def events(self) -> int:
        """How many events it is."""
        return sum(map(len, self.drafts.values()))

    @property
    def environment(self) -> str:
        """The environment that all its events are of, so that no other incident's are taken for them."""
        return environment(self.mark)


def mark_of(alert: Alert) -> str:
    """Return what an incident with such an alert is called: twelve hexadecimal digits."""
    return _digest(alert.fired_at, alert.service, alert.metric, alert.text)[:12]


def environment(mark: str) -> str:
    """Return the environment of an incident's events."""
    return f"bundle-{mark}"


def tell(scene: Scene, title: str) -> Told:
    """Return an incident as events.

    Args:
        title: what the alert is called.

    Raises:
        Invalid: a value cannot be an event's; ``fields`` names it.
    """
    at, mark = scene.alert.fired_at, mark_of(scene.alert)
    place = environment(mark)
    left_out: dict[str, int] = {}

    def kept(what: str, things: Iterable[One], when: Any, most: int) -> list[One]:
        ordered = sorted(things, key=lambda one: abs(when(one) - at))
        if len(ordered) > most:
            left_out[what] = len(ordered) - most
        return ordered[:most]

    lines = kept("log lines", scene.lines, lambda one: one.at, MOST_LINES)
    spans = kept("spans", scene.spans, lambda one: one.start, MOST_SPANS)
    series = kept("series", scene.series, lambda one: _moment(one, at), MOST_SERIES)
    changes = [*scene.commits, *scene.deploys, *scene.flips, *scene.notices]
    changes = kept("changes", changes, lambda one: one.at, MOST_CHANGES)
    drafts = [
        _alert(scene.alert, title),
        *(_TELLING[type(one)](one) for one in changes),
        *(_line(one) for one in lines),
        *(_span(one) for one in spans),
        *(draft for one in series for draft in _series(one, at)),
    ]
    calls = [
        Calls.one(at=_time(at), environment=place, caller=caller, callee=callee, failed=False, milliseconds=0.0)
        for caller, callee in sorted(scene.calls)
    ]
    return Told(mark, _by_source(drafts, place), calls, left_out)


def _by_source(drafts: Iterable[EventDraft], place: str) -> dict[Source, list[EventDraft]]:
    """Give each event its environment, and an id of its own where the very same is told twice."""
    found: dict[Source, list[EventDraft]] = {source: [] for source in Source}
    seen: Counter[tuple[str, str]] = Counter()
    for draft in drafts:
        draft.environment = place
        seen[draft.source, draft.source_id] += 1
        if (times := seen[draft.source, draft.source_id]) > 1:
            draft.source_id = f"{draft.source_id[:280]}#{times}"
        found[Source(draft.source)].append(draft)
    return {source: told for source, told in found.items() if told}


def _alert(alert: Alert, title: str) -> EventDraft:
    return _draft(
        Source.ALERTS,
        alert.fired_at,
        _digest(alert),
        "alert",
        title,
        alert.service,
        {"metric": alert.metric, "message": alert.text},
        severity=Severity.HIGH,
    )


def _commit(one: Commit) -> EventDraft:
    data = {
        "sha": one.sha,
        "author": {"name": one.author},
        "message": one.message,
        "files": [{"path": path} for path in one.files[:MOST_NAMES]],
        "files_changed": len(one.files),
        "diff": one.diff[:MOST_DIFF],
    }
    title = one.message.partition("\n")[0].strip() or f"Commit {one.sha[:12]} without a message"
    return _draft(Source.GIT, one.at, one.sha[: LIMITS["source_id"]], "commit", title, "", data)


def _deploy(one: Deploy) -> EventDraft:
    data = {
        "sha": one.sha,
        "state": "succeeded",
        "version": one.version,
        "instances_added": list(one.added[:MOST_NAMES]),
        "instances_removed": list(one.removed[:MOST_NAMES]),
    }
    title = f"Deployed {one.version or one.sha[:12]} to {one.service or 'production'}"
    return _draft(Source.CI, one.at, _digest(one), "deployment", title, one.service, data)


def _flip(one: Flip) -> EventDraft:
    title = f"Flag {one.flag or 'without a name'}: {one.change or 'changed'}"
    data = {"flag": one.flag, "change": one.change}
    return _draft(Source.MANUAL, one.at, _digest(one), "flag_changed", title, one.service, data)


def _notice(one: Notice) -> EventDraft:
    return _draft(
        Source.ALERTS,
        one.at,
        _digest(one),
        NOTICE,
        one.text or f"{one.provider} reports an incident",
        one.provider,
        {"provider": one.provider},
        severity=Severity.MEDIUM,
    )


_TELLING: Mapping[type, Any] = {Commit: _commit, Deploy: _deploy, Flip: _flip, Notice: _notice}


def _line(one: Line) -> EventDraft:
    severity = _SEVERITIES.get(one.severity.upper(), Severity.INFO)
    data = {
        "level": one.severity.lower(),
        "message": one.text,
        "trace_id": one.trace_id,
        "instance": one.instance,
        "attributes": dict(one.attributes),
    }
    title = one.text.strip().partition("\n")[0] or "A line without a text"
    kind = _TYPES.get(severity, "log_line")
    return _draft(Source.LOGS, one.at, _digest(one), kind, title, one.service, data, severity=severity)


def _span(one: Call) -> EventDraft:
    data = {
        "duration_ms": one.milliseconds,
        "trace_id": one.trace_id,
        "span_id": one.span_id,
        "parent_span_id": one.parent_id,
        "name": one.name,
        "exception": {"message": one.error} if one.error else {},
        "attributes": dict(one.attributes),
        "instance": one.instance,
    }
    name = one.name or "A call"
    title = f"{name} failed: {one.error}" if one.failed and one.error else f"{name} took {one.milliseconds:.0f} ms"
    return _draft(
        Source.TRACES,
        one.start,
        _digest(one),
        "span_error" if one.failed else "span",
        title,
        one.service,
        data,
        severity=Severity.MEDIUM if one.failed else Severity.INFO,
    )


def _series(one: Series, fired_at: float) -> Iterator[EventDraft]:
    """Yield the events of a series: at the time of the alert, where it was measured then."""
    labels = {"instance": one.instance, "version": one.version, "peer": one.peer, "direction": one.direction}
    labels = {name: value for name, value in labels.items() if value}
    shown = f"{one.metric} of {one.service or 'the system'}" + "".join(f", {value}" for value in labels.values())
    pairs = [[round(float(at), 3), float(value)] for at, value in zip(one.times, one.values, strict=True)]
    for start in range(0, len(pairs), SAMPLES):
        finding = {"metric": one.metric, **labels, "samples": pairs[start : start + SAMPLES]}
        identity = _digest(one.service, one.metric, sorted(labels.items()), start)
        data = {"findings": [finding]}
        yield _draft(Source.METRICS, _moment(one, fired_at), identity, "metric_series", shown, one.service, data)


def _moment(one: Series, fired_at: float) -> float:
    return min(max(fired_at, float(one.times[0])), float(one.times[-1])) if len(one.times) else fired_at


def _draft(
    source: Source,
    at: float,
    source_id: str,
    kind: str,
    title: str,
    service: str,
    data: Mapping[str, Any],
    severity: Severity = Severity.INFO,
) -> EventDraft:
    return EventDraft(
        source=source,
        source_id=source_id,
        timestamp=_time(at),
        event_type=kind,
        title=title,
        service=service[: LIMITS["service"]],
        severity=severity,
        data={name: value for name, value in data.items() if value not in ("", {}, [], None)},
    )


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _digest(*told: Any) -> str:
    return blake2b(repr(told).encode(errors="replace"), digest_size=12).hexdigest()
