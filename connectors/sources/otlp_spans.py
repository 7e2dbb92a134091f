"""Decisions about spans in OTLP messages: which failed, and each read into `Span`. No I/O."""

from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from connectors.errors import BadRecord
from connectors.sources.loglines import LogLine
from connectors.sources.otlp_values import Resource, attributes, moment
from connectors.sources.spans import MAX_DETAIL, MAX_NAME, STATUSES, Span

_TRACE_ID, _SPAN_ID = 16, 8
_KINDS = {
    Message.SPAN_KIND_INTERNAL: "internal",
    Message.SPAN_KIND_SERVER: "server",
    Message.SPAN_KIND_CLIENT: "client",
    Message.SPAN_KIND_PRODUCER: "producer",
    Message.SPAN_KIND_CONSUMER: "consumer",
}

# A span, and who told of it: the resource and the scope.
Told = tuple[Message, Resource, str]


def failed(span: Message) -> bool:
    """Tell whether it failed: its status says so, or says nothing and it met an exception or answered HTTP 5xx."""
    if span.status.code != Status.STATUS_CODE_UNSET:
        return bool(span.status.code == Status.STATUS_CODE_ERROR)
    if any(event.name == "exception" for event in span.events):
        return True
    return span.kind == Message.SPAN_KIND_SERVER and any(
        pair.key in STATUSES and pair.value.int_value >= 500 for pair in span.attributes
    )


def each(request: ExportTraceServiceRequest) -> Iterator[Told]:
    """Yield every span and who told of it."""
    for told in request.resource_spans:
        resource = Resource.of(told.resource)
        for scope in told.scope_spans:
            for span in scope.spans:
                yield span, resource, scope.scope.name


def require_ids(span: Message) -> None:
    """Raise BadRecord when an id is missing."""
    for what, given, length in (("trace", span.trace_id, _TRACE_ID), ("span", span.span_id, _SPAN_ID)):
        if len(given) != length or not any(given):
            raise BadRecord(f"A {what} id is missing or not {length} bytes long.")


def check(span: Message) -> None:
    """Raise BadRecord when an id or a time is missing or impossible."""
    require_ids(span)
    moment(span.start_time_unix_nano)
    moment(span.end_time_unix_nano)


def neutral(told: Told) -> Span:
    """Return a span in the words of no protocol."""
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
