"""Source: spans told over OTLP. Those that failed and those that took long become events."""

from collections.abc import Iterator, Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from connectors.sources.otlp_spans import Told, check, each, failed, neutral
from connectors.sources.spanevents import draft
from events.drafts import EventDraft
from rcaplatform.kit.errors import DomainError

# The child span that failed and who told of it, by the trace and the span that waited for it.
Failures = Mapping[tuple[bytes, bytes], Told]


def count(request: ExportTraceServiceRequest) -> int:
    """Return how many spans there are."""
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def drafts(request: ExportTraceServiceRequest, *, slow_ms: int) -> Iterator[EventDraft | DomainError]:
    """Yield an event for each span that failed or took longer than ``slow_ms``, and why a span is no good."""
    told = list(each(request))
    failures = {
        (span.trace_id, span.parent_span_id): (span, resource, scope)
        for span, resource, scope in told
        if span.parent_span_id and failed(span)
    }
    for one in told:
        try:
            found = _draft(one, failures, slow_ms)
        except DomainError as problem:
            yield problem
        else:
            if found:
                yield found


def _draft(told: Told, failures: Failures, slow_ms: int) -> EventDraft | None:
    """Return the event, or None when it neither failed nor took long; most do neither and are not read whole."""
    span = told[0]
    check(span)
    slow = span.end_time_unix_nano - span.start_time_unix_nano > slow_ms * 1_000_000
    if not slow and not failed(span):
        return None
    below = failures.get((span.trace_id, span.span_id))
    return draft(neutral(told), slow=slow, below=neutral(below) if below else None)
