"""Source: spans told over OTLP. Those that failed and those that took long become events."""

from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from connectors.errors import BadRecord
from connectors.sources.loglines import LogLine
from connectors.sources.otlp_values import Resource, attributes, moment
from connectors.sources.spanevents import draft
from connectors.sources.spans import MAX_DETAIL, MAX_NAME, STATUSES, Span
from events.drafts import EventDraft
from rcaplatform.kit.errors import DomainError

_TRACE_ID, _SPAN_ID = 16, 8
_KINDS = {
    Message.SPAN_KIND_INTERNAL: "internal",
    Message.SPAN_KIND_SERVER: "server",
    Message.SPAN_KIND_CLIENT: "client",
    Message.SPAN_KIND_PRODUCER: "producer",
    Message.SPAN_KIND_CONSUMER: "consumer",
}

# The child span that failed and who told of it, by the trace and the span that waited for it.
Failures = Mapping[tuple[bytes, bytes], "Told"]
Told = tuple[Message, Resource, str]


def count(request: ExportTraceServiceRequest) -> int:
    """Return how many spans there are."""
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def drafts(request: ExportTraceServiceRequest, *, slow_ms: int) -> Iterator[EventDraft | DomainError]:
    """Yield an event for each span that failed or took longer than ``slow_ms``, and why a span is no good."""
    told = list(_told(request))
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


def spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    """Yield every span in the words of `Span`.

    Raises:
        BadRecord: an id or a time is missing or impossible.
    """
    for told in _told(request):
        _require(told[0])
        yield _neutral(told)


def failed(span: Message) -> bool:
    """Tell whether it failed: its status says so, or says nothing and it met an exception or answered HTTP 5xx."""
    if span.status.code != Status.STATUS_CODE_UNSET:
        return bool(span.status.code == Status.STATUS_CODE_ERROR)
    if any(event.name == "exception" for event in span.events):
        return True
    return span.kind == Message.SPAN_KIND_SERVER and any(
        pair.key in STATUSES and pair.value.int_value >= 500 for pair in span.attributes
    )


def _told(request: ExportTraceServiceRequest) -> Iterator[Told]:
    for told in request.resource_spans:
        resource = Resource.of(told.resource)
        for scope in told.scope_spans:
            for span in scope.spans:
                yield span, resource, scope.scope.name


def _draft(told: Told, failures: Failures, slow_ms: int) -> EventDraft | None:
    """Return the event, or None when it neither failed nor took long; most do neither and are not read whole."""
    span = told[0]
    _require(span)
    slow = span.end_time_unix_nano - span.start_time_unix_nano > slow_ms * 1_000_000
    if not slow and not failed(span):
        return None
    below = failures.get((span.trace_id, span.span_id))
    return draft(_neutral(told), slow=slow, below=_neutral(below) if below else None)


def _require(span: Message) -> None:
    for what, given, length in (("trace", span.trace_id, _TRACE_ID), ("span", span.span_id, _SPAN_ID)):
        if len(given) != length or not any(given):
            raise BadRecord(f"A {what} id is missing or not {length} bytes long.")
    moment(span.start_time_unix_nano)
    moment(span.end_time_unix_nano)


def _neutral(told: Told) -> Span:
    span, resource, scope = told
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id[:_SPAN_ID].hex(),
        service=resource.service,
        environment=resource.environment,
        name=span.name[:MAX_NAME].strip(),
        kind=_KINDS.get(span.kind, ""),
        start=span.start_time_unix_nano,
        duration=max(span.end_time_unix_nano - span.start_time_unix_nano, 0),
        failed=failed(span),
        status=span.status.message[:MAX_DETAIL],
        exception=_exception(span),
        attributes=attributes(span.attributes),
        resource=resource.attributes,
        scope=scope[:MAX_NAME],
        links=[f"{link.trace_id.hex()}/{link.span_id.hex()}" for link in span.links[:20]],
    )


def _exception(span: Message) -> dict[str, Any]:
    """Return {type, message, frames, stack} of the last exception it met, as far as known: that one ended it."""
    met = [event for event in span.events if event.name == "exception"]
    return LogLine(attributes(met[-1].attributes)).exception if met else {}
