"""Decisions every source of traces shares: a record is one trace, read with what is usual known. No database here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from connectors.base import Cursor, Page, Record, option
from connectors.errors import BadRecord
from connectors.http import HTTPConfig, OverHTTP
from connectors.reading import Part
from connectors.sources.spanevents import draft, seconds
from connectors.sources.spanreading import READERS
from connectors.sources.spans import Span
from connectors.sources.traceanalysis import Baseline, Culprit, Tree, culprit, operation, sampled
from connectors.windows import Windowed
from events.drafts import EventDraft

MAX_SERVICES = 50


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


def told_of(trace: Any, kind: str) -> list[Span]:
    """Return the spans in ``trace``, which is written as ``kind`` says.

    Raises:
        BadRecord: they cannot be read.
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
    slow = [span for span in spans if span.milliseconds > limits.get(operation(span), slow_ms)]
    late = {(span.trace_id, span.span_id) for span in slow}
    for span, left_out in sampled(spans, slow):
        more: dict[str, Any] = {"like_it": left_out} if left_out else {}
        if limit := limits.get(operation(span)):
            more["usual_limit_ms"] = limit
        found = None if span.failed else culprit(tree, span, limits)
        if found:
            more["culprit"] = _culprit(found)
        yield draft(
            span,
            slow=(span.trace_id, span.span_id) in late,
            below=tree.failed_child(span),
            because=_because(span, found) if found else "",
            more=more,
            url=page.format(trace=span.trace_id) if page else "",
        )


def _because(victim: Span, found: Culprit) -> str:
    """Say who is to blame: "checkout is slow because of payments POST /charge: 2.1 s of 2.4 s"."""
    name = f"{found.span.service} {found.span.what}".strip()
    shares = f"{seconds(found.own / 1e6)} of {seconds(victim.milliseconds)}"
    return f": {victim.service or 'it'} is slow because of {name}: {shares}"


def _culprit(found: Culprit) -> dict[str, Any]:
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

    written: ClassVar[str]
    settle: ClassVar[timedelta] = timedelta(seconds=30)
    history: ClassVar[timedelta] = timedelta(hours=1)

    @property
    def page(self) -> str:
        """Address of a trace at the vendor's, with {trace} where its id goes; empty: there is none."""
        return ""

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield traces window by window, each with what is usual for its operations."""
        baseline = Baseline(cursor.get("usual"))
        for page in super().read(cursor):
            records = [self._with_limits(record, baseline) for record in page.records]
            yield replace(page, records=records, cursor={**page.cursor, "usual": baseline.state()})

    def _with_limits(self, record: Record, baseline: Baseline) -> Record:
        try:
            spans = told_of(record.value, record.kind)
        except BadRecord:
            return record  # decode says what is wrong with it
        limits = baseline.limits(spans)
        baseline.learn(spans)
        return Record.of(record.reference, record.kind, {"trace": record.value, "limits": limits}) if limits else record

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the spans that failed and those unusually slow."""
        body = Part(record.value)
        noted = isinstance(body["limits"].value, dict)
        trace = body["trace"].value if noted else record.value
        spans = told_of(trace, record.kind or self.written)
        for span in spans:
            span.service = span.service or self.config.service
            span.environment = span.environment or self.config.environment
        limits = {name: limit for name in body["limits"].value if (limit := body["limits"].real(name))} if noted else {}
        return list(explained(spans, limits, slow_ms=self.config.slow_ms, page=self.page))
