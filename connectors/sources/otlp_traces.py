"""Source: spans told over OTLP. Those that failed and those that took long become events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from connectors.errors import BadRecord
from connectors.sources.loglines import LogLine
from connectors.sources.otlp_values import Resource, attributes, moment, short
from events.choices import Severity, Source
from events.drafts import LIMITS, MAX_TAG, EventDraft
from rcaplatform.kit.errors import DomainError

MAX_NAME = 200
MAX_DETAIL = 300
_TRACE_ID, _SPAN_ID = 16, 8
_KINDS = {
    Span.SPAN_KIND_INTERNAL: "internal",
    Span.SPAN_KIND_SERVER: "server",
    Span.SPAN_KIND_CLIENT: "client",
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
}
_ENTRANCES = {Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER}
_METHODS = ("http.request.method", "http.method")
_ROUTES = ("http.route", "url.path", "http.target")
_STATUSES = ("http.response.status_code", "http.status_code")

# The child span that failed, by the trace and the span that waited for it.
Failures = Mapping[tuple[bytes, bytes], Span]


def count(request: ExportTraceServiceRequest) -> int:
    """Return how many spans there are."""
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def drafts(request: ExportTraceServiceRequest, *, slow_ms: int) -> Iterator[EventDraft | DomainError]:
    """Yield an event for each span that failed or took longer than ``slow_ms``, and why a span is no good."""
    failures = {
        (span.trace_id, span.parent_span_id): span for span in _spans(request) if span.parent_span_id and failed(span)
    }
    for told in request.resource_spans:
        resource = Resource.of(told.resource)
        for scope in told.scope_spans:
            for span in scope.spans:
                try:
                    found = _Reading(span, resource, scope.scope.name).draft(slow_ms, failures)
                except DomainError as problem:
                    yield problem
                else:
                    if found:
                        yield found


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def failed(span: Span) -> bool:
    """Tell whether it failed: its status says so, or says nothing and it met an exception or answered HTTP 5xx."""
    if span.status.code != Status.STATUS_CODE_UNSET:
        return bool(span.status.code == Status.STATUS_CODE_ERROR)
    if any(event.name == "exception" for event in span.events):
        return True
    return span.kind == Span.SPAN_KIND_SERVER and any(
        pair.key in _STATUSES and pair.value.int_value >= 500 for pair in span.attributes
    )


def _exception(span: Span) -> dict[str, Any]:
    """Return {type, message, frames, stack} of the last exception it met, as far as known: that one ended it."""
    met = [event for event in span.events if event.name == "exception"]
    return LogLine(attributes(met[-1].attributes)).exception if met else {}


def _what(span: Span, found: Mapping[str, Any]) -> str:
    """Return what it did: its name, with the route where the name is only the method."""
    name, method = span.name[:MAX_NAME].strip() or "A span without a name", short(found, 20, *_METHODS)
    route = short(found, MAX_NAME, *_ROUTES)
    return f"{method} {route}" if method and route and name.removeprefix("HTTP ") == method else name


@dataclass(slots=True)
class _Reading:
    """One span that is being read."""

    span: Span
    resource: Resource
    scope: str

    def draft(self, slow_ms: int, failures: Failures) -> EventDraft | None:
        """Return the event, or None when it neither failed nor took long.

        Raises:
            BadRecord: an id or a time is missing or impossible.
        """
        span = self.span
        for what, given, length in (("trace", span.trace_id, _TRACE_ID), ("span", span.span_id, _SPAN_ID)):
            if len(given) != length or not any(given):
                raise BadRecord(f"A {what} id is missing or not {length} bytes long.")
        start, _ = moment(span.start_time_unix_nano), moment(span.end_time_unix_nano)
        took = max(span.end_time_unix_nano - span.start_time_unix_nano, 0) / 1e6
        broken = failed(span)
        if not broken and took <= slow_ms:
            return None
        found, exception = attributes(span.attributes), _exception(span)
        what = _what(span, found)
        return EventDraft(
            source=Source.TRACES,
            source_id=f"{span.trace_id.hex()}/{span.span_id.hex()}",
            content_addressed=True,
            timestamp=start,
            title=self._failure(what, exception, found, failures) if broken else f"{what} took {_seconds(took)}",
            event_type="span_error" if broken else "slow_span",
            severity=self._severity(broken=broken),
            service=self.resource.service,
            component=(short(found, LIMITS["component"], "code.namespace") or self.scope)[: LIMITS["component"]],
            environment=self.resource.environment,
            tags=self._tags(found, exception, slow=took > slow_ms),
            data=self._data(found, exception, took),
        )

    def _failure(self, what: str, exception: dict[str, Any], found: dict[str, Any], failures: Failures) -> str:
        """Say why it failed; a span that only passes on what a span below it met names that one instead."""
        below = failures.get((self.span.trace_id, self.span.span_id))
        if below is not None and (not exception or _same(exception, _exception(below))):
            return f"{what} failed after {_what(below, attributes(below.attributes))} failed"
        kind, said = exception.get("type", "").rpartition(".")[2], exception.get("message", "")
        detail = f"{kind}: {said}" if kind and said else kind or said or self.span.status.message
        lines = detail.strip()[:MAX_DETAIL].splitlines()
        answered = short(found, 10, *_STATUSES)
        reason = lines[0] if lines else answered and f"HTTP {answered}"
        return f"{what} failed: {reason}" if reason else f"{what} failed"

    def _severity(self, *, broken: bool) -> Severity:
        """Grade by place: at an entrance (server, consumer, start of a trace) somebody waits; below it may be met."""
        entrance = self.span.kind in _ENTRANCES or not self.span.parent_span_id
        if broken:
            return Severity.HIGH if entrance else Severity.MEDIUM
        return Severity.MEDIUM if entrance else Severity.LOW

    def _tags(self, found: dict[str, Any], exception: dict[str, Any], *, slow: bool) -> list[str]:
        told = [
            _KINDS.get(self.span.kind, ""),
            "slow" if slow else "",
            short(found, MAX_TAG, "http.route"),
            short(found, MAX_TAG, *_STATUSES),
            exception.get("type", ""),
        ]
        return [tag[:MAX_TAG] for tag in told if tag]

    def _data(self, found: dict[str, Any], exception: dict[str, Any], took: float) -> dict[str, Any]:
        span = self.span
        known = {
            "trace_id": span.trace_id.hex(),
            "span_id": span.span_id.hex(),
            "parent_span_id": span.parent_span_id[:_SPAN_ID].hex(),
            "name": span.name[:MAX_NAME],
            "kind": _KINDS.get(span.kind, ""),
            "status": span.status.message[:MAX_DETAIL],
            "exception": exception,
            "attributes": found,
            "resource": self.resource.attributes,
            "scope": self.scope[:MAX_NAME],
        }
        return {"duration_ms": round(took, 3)} | {name: value for name, value in known.items() if value}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(part) == other.get(part) for part in ("type", "message"))


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1_000:.1f} s" if milliseconds >= 1_000 else f"{milliseconds:.0f} ms"
