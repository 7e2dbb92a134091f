"""Decisions every source of traces shares: a record is one trace, read with what is usual known. No database here."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar, TypeVar

from connectors.base import Cursor, Page, Record, option
from connectors.errors import BadRecord
from connectors.http import HTTPConfig, OverHTTP
from connectors.reading import Part
from connectors.sources.spanevents import draft, seconds
from connectors.sources.spanreading import READERS, Reading
from connectors.sources.spans import Span
from connectors.sources.traceanalysis import Baseline, Culprit, Tree, culprit, edges, operation, sampled
from connectors.windows import Windowed, sweep
from events.calls import Calls
from events.drafts import EARLIEST, EventDraft
from investigations.suspects.scene import Call

OBSERVED, OBSERVED_FLOOR = 2_500, timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class TracesConfig(HTTPConfig):
    """Settings that all sources of traces have."""

    slow_ms: int = option(
        "A span that took longer than this many milliseconds is an event, until enough are known of its operation "
        "to say what is usual.",
        default=1_000,
        at_least=1,
    )
    limit: int = option("Traces asked for at once.", default=200, at_least=1)


@dataclass(frozen=True, kw_only=True)
class TracePageConfig(TracesConfig):
    """Settings of a source of traces whose pages are elsewhere than its API."""

    trace_page: str = option(
        "Address of a trace for people with {trace} where its id goes; empty: events link to none.", default=""
    )

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found = super().wrong()
        if self.trace_page and not self.trace_page.startswith(("https://", "http://")):
            found["trace_page"] = "Give an http or https address."
        return found

    @property
    def page(self) -> str:
        """Address of a trace, to be formatted: braces around anything but {trace} are its own."""
        literal = self.trace_page.replace("{", "{{").replace("}", "}}")
        return literal.replace("{{trace}}", "{trace}")


def told_of(trace: Any, kind: str) -> Reading:
    """Return what can be read of the spans in ``trace``, which is written as ``kind`` says.

    Raises:
        BadRecord: not one can be read.
    """
    if (reader := READERS.get(kind)) is None:
        raise BadRecord(f"Traces are not written as {kind!r}.")
    return reader(trace)


def explained(spans: list[Span], limits: dict[str, float], *, slow_ms: float, page: str) -> Iterator[EventDraft]:
    """Yield the events in spans of one trace or more: errors, and what was slow with what made it so.

    Args:
        limits: beyond how many milliseconds an operation is unusual, where that is known; else ``slow_ms`` counts.
        page: address of a trace at the vendor's, with {trace} where its id goes.
    """
    tree = Tree(spans)
    for span in spans:
        slow = span.milliseconds > limits.get(operation(span), slow_ms)
        if not (span.failed or slow):
            continue
        limit, more = limits.get(operation(span)), dict[str, Any]()
        if limit:
            more["usual_limit_ms"] = limit
        found = None if span.failed else culprit(tree, span, limits)
        if found:
            more["culprit" if found.proven else "slowest_call"] = _told(found)
        yield draft(
            span,
            slow=slow,
            below=tree.failed_child(span),
            because=_because(span, found) if found else "",
            more=more,
            url=page.format(trace=span.trace_id) if page else "",
        )


def _because(victim: Span, found: Culprit) -> str:
    """Say who is to blame: "checkout is slow because payments POST /charge is: 2.1 s of 2.4 s".

    Without evidence that the call was unusual, say where the time went and blame nobody.
    """
    name = f"{found.span.service} {found.span.what}".strip()
    own, whole = seconds(found.own / 1e6), seconds(victim.milliseconds)
    if not found.proven:
        return f", {own} of it in {name}"
    because = f"{name} failed" if found.span.failed else f"{name} is"
    return f": {victim.service or 'it'} is slow because {because}: {own} of {whole}"


def _told(found: Culprit) -> dict[str, Any]:
    span = found.span
    return {
        "service": span.service,
        "operation": span.what,
        "span_id": span.span_id,
        "own_ms": round(found.own / 1e6, 3),
        "duration_ms": round(span.milliseconds, 3),
    }


Settings = TypeVar("Settings", bound=TracesConfig)


class TracePolling(OverHTTP[Settings], Windowed[Settings]):
    """A server that is asked for traces. The cursor is {until, usual}: what is usual, by operation.

    Attributes:
        written: how a trace is written when a record's kind does not say.
    """

    observable: ClassVar[bool] = True
    written: ClassVar[str]
    settle: ClassVar[timedelta] = timedelta(seconds=30)
    history: ClassVar[timedelta] = timedelta(hours=1)
    _last: tuple[Record, Reading] | None = None

    @property
    def page(self) -> str:
        """Address of a trace at the vendor's, with {trace} where its id goes; empty: there is none."""
        return ""

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield traces window by window, each with what is usual for its operations."""
        baseline, until = Baseline(cursor.get("usual")), str(cursor.get("until") or "")
        learned = _nanoseconds(until) if until else 0
        for page in super().read(cursor):
            records = [self._with_limits(record, baseline, learned) for record in page.records]
            learned = max(learned, _nanoseconds(page.cursor["until"]))
            yield replace(page, records=records, cursor={**page.cursor, "usual": baseline.state()})

    def _with_limits(self, record: Record, baseline: Baseline, learned: int) -> Record:
        """Return a record with what is usual, and learn from it unless an earlier window did: windows overlap."""
        try:
            spans = told_of(record.value, record.kind).spans
        except BadRecord:
            return record  # decode says what is wrong with it
        limits = baseline.limits(spans)
        if spans and min(span.start for span in spans) >= learned:
            baseline.learn(spans)
        return Record.of(record.reference, record.kind, {"trace": record.value, "limits": limits}) if limits else record

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the spans that failed and those unusually slow."""
        noted = Part(record.value)["limits"]
        limits = {name: limit for name in noted.value if (limit := noted.real(name))} if _is_noted(noted) else {}
        reading = self._read(record)
        drafts = list(explained(reading.spans, limits, slow_ms=self.config.slow_ms, page=self.page))
        for one in drafts if reading.unreadable else ():
            one.data["unreadable_spans"] = reading.unreadable
        return drafts

    def observe(self, start: datetime, end: datetime) -> Iterator[Call]:
        """Yield spans of either half of the time, the second first, at most 2,500 of each."""
        middle = start + (end - start) / 2
        for begins, ends in ((middle, end), (start, middle)):
            yield from islice(self._observed(begins, min(ends, self.now - self.settle)), OBSERVED)

    def _observed(self, start: datetime, end: datetime) -> Iterator[Call]:
        for window in sweep(start, end, self.fetch, span=self.span, floor=OBSERVED_FLOOR):
            for record in window.records:
                with suppress(BadRecord):
                    yield from (_call(span) for span in self._read(record).spans if span.service)

    def calls(self, record: Record) -> Iterable[Calls]:
        """Return who called whom in a trace."""
        return edges(self._read(record).spans)

    def choose(self, drafts: Sequence[EventDraft]) -> Iterable[EventDraft]:
        """Keep some of many alike."""
        return sampled(drafts)

    def _read(self, record: Record) -> Reading:
        """Return the spans of a record; those that do not say where they are from are from where the settings say.

        The last record is remembered: the engine asks for its events, then for its calls.
        """
        if self._last and self._last[0] is record:
            return self._last[1]
        body = Part(record.value)
        trace = body["trace"].value if _is_noted(body["limits"]) else record.value
        reading = told_of(trace, record.kind or self.written)
        for span in reading.spans:
            span.service = span.service or self.config.service
            span.environment = span.environment or self.config.environment
        self._last = record, reading
        return reading


def _call(span: Span) -> Call:
    """Return a span as the suspects engine looks at it."""
    return Call(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        service=span.service,
        name=span.what,
        start=span.start / 1e9,
        milliseconds=span.milliseconds,
        failed=span.failed,
        error=": ".join(filter(None, (span.exception.get("type"), span.exception.get("message")))) or span.status,
        instance=str(span.resource.get("service.instance.id") or span.resource.get("k8s.pod.name") or ""),
        attributes={name: str(value) for name, value in span.attributes.items()},
    )


def _is_noted(limits: Part) -> bool:
    return isinstance(limits.value, dict)


def _nanoseconds(moment: str) -> int:
    """Return a time in ISO 8601 as spans tell theirs."""
    return (datetime.fromisoformat(moment) - EARLIEST) // timedelta(microseconds=1) * 1_000
