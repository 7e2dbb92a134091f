"""Decisions about how servers of traces write spans in JSON, and how each is read into `Span`. No I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from connectors.errors import BadRecord
from connectors.reading import Part
from connectors.sources import otlp_json
from connectors.sources.loglines import LogLine
from connectors.sources.otlp_values import short
from connectors.sources.spans import MAX_DETAIL, MAX_NAME, Span, answered_badly, hex_id, parent_of, says_error, values
from events.drafts import EARLIEST

_MICRO, _MILLI = 1_000, 1_000_000
_SERVER = ".server"
_ENVIRONMENTS = ("deployment.environment.name", "deployment.environment", "environment", "env")
_EXCEPTIONS = {
    "exception.type": ("exception.type", "error.kind", "error.type", "error.class"),
    "exception.message": ("exception.message", "message", "error.message", "error.object"),
    "exception.stacktrace": ("exception.stacktrace", "stack", "error.stack"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The spans that could be read, and how many could not."""

    spans: list[Span]
    unreadable: int = 0


One = TypeVar("One")


def each_readable(written: Iterable[One], read: Callable[[One], Span]) -> Reading:
    """Read spans one by one, so that a bad one spoils no other.

    Raises:
        BadRecord: there are some, and none can be read; the first says why.
    """
    spans, problems = list[Span](), list[BadRecord]()
    for one in written:
        try:
            spans.append(read(one))
        except BadRecord as problem:
            problems.append(problem)
    if problems and not spans:
        raise problems[0]
    return Reading(spans, len(problems))


def otlp(payload: Any) -> Reading:
    """Read OTLP as Jaeger's API v3 (ids in hexadecimal) and Tempo (ids in base64, names of enums) write it."""
    body = Part(payload)
    found = body["result"] if body["result"].value else body["trace"] if body["trace"].value else body
    resources = found.each("resourceSpans") or found.each("batches")
    return each_readable(otlp_json.each(resources), otlp_json.read)


def jaeger(payload: Any) -> Reading:
    """Read one trace of Jaeger's first API: {processes, spans}."""
    trace = Part(payload)
    processes = trace["processes"]
    return each_readable(trace.each("spans"), lambda span: _jaeger_span(span, processes))


def _jaeger_span(span: Part, processes: Part) -> Span:
    process = span["process"] if span["process"].value else processes[span.text("processID")]
    tags, resource = _pairs(span, "tags"), _pairs(process, "tags")
    kind = short(tags, 20, "span.kind").lower()
    exception = _exception([_pairs(log, "fields") for log in span.each("logs")])
    code = short(tags, 20, "otel.status_code").upper()
    refs = span.each("references")
    parents = [ref.text("spanID") for ref in refs if ref.text("refType").replace("-", "_").upper() == "CHILD_OF"]
    parents = parents or [ref.text("spanID") for ref in refs]
    unset = code not in {"OK", "ERROR"}
    bad = says_error(tags.get("error")) or code == "ERROR"
    return Span(
        trace_id=hex_id(span["traceID"].value, 32, "trace"),
        span_id=hex_id(span["spanID"].value, 16, "span"),
        parent_id=parent_of(span.text("parentSpanID") or (parents[0] if parents else "")),
        service=process.text("serviceName", MAX_NAME),
        environment=short(resource, 100, *_ENVIRONMENTS),
        name=span.text("operationName", MAX_NAME).strip(),
        kind=kind,
        start=_nanos(span, "startTime", _MICRO),
        duration=_took(span, "duration", _MICRO),
        failed=bad or (unset and (bool(exception) or answered_badly(kind, tags))),
        status=short(tags, MAX_DETAIL, "otel.status_description", "error.message"),
        exception=exception,
        attributes=tags,
        resource=resource,
        scope=short(tags, MAX_NAME, "otel.scope.name", "otel.library.name"),
        links=[f"{ref.text('traceID', 32)}/{ref.text('spanID', 16)}" for ref in refs[1:20]],
    )


def _pairs(part: Part, name: str) -> dict[str, Any]:
    pairs = part.each(name)
    return values({pair.text("key"): pair["value"].value for pair in pairs if pair.text("key")})


def _exception(logs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return {type, message, frames, stack} of the last exception that logs of a span tell of."""
    met = [log for log in logs if log.get("event") in {"exception", "error"} or "exception.type" in log]
    return exception_in(met[-1]) if met else {}


def exception_in(found: dict[str, Any]) -> dict[str, Any]:
    """Return {type, message, frames, stack} of the exception that attributes tell of, by the names vendors use."""
    told = {name: text for name, names in _EXCEPTIONS.items() if (text := short(found, 20_000, *names))}
    return LogLine(told).exception if told else {}


def zipkin(payload: Any) -> Reading:
    """Read a list of spans of Zipkin's API v2; a server that shares its client's id gets one of its own."""
    listed = payload if isinstance(payload, list) else [payload]
    reading = each_readable((Part(span, f"[{place}]") for place, span in enumerate(listed)), zipkin_span)
    _below_their_server(reading.spans)
    return reading


def _below_their_server(spans: list[Span]) -> None:
    """Hang what a server did under its own half of a span that it shares with its client.

    What names the shared id as its parent is the server's, except what the client's service did itself.
    """
    servers = {(span.trace_id, span.parent_id): span for span in spans if span.span_id.endswith(_SERVER)}
    clients = {(span.trace_id, span.span_id): span for span in spans if span.kind == "client"}
    for span in spans:
        key = span.trace_id, span.parent_id
        server, client = servers.get(key), clients.get(key)
        if server is None or span is server:
            continue
        if client is None or span.service != client.service or span.service == server.service:
            span.parent_id = server.span_id


def zipkin_span(span: Part) -> Span:
    """Read one span of Zipkin's API v2."""
    tags = values(span["tags"].value) if isinstance(span["tags"].value, dict) else {}
    kind = span.text("kind", 20).lower()
    said = short(tags, MAX_DETAIL, "error", "otel.status_description")
    span_id = hex_id(span["id"].value, 16, "span")
    shared = span.flag("shared") and kind == "server"
    code = short(tags, 20, "otel.status_code").upper()
    bad = ("error" in tags and said.lower() not in {"false", "unset"}) or code == "ERROR"
    service = span["localEndpoint"].text("serviceName", MAX_NAME)
    return Span(
        trace_id=hex_id(span["traceId"].value, 32, "trace"),
        span_id=f"{span_id}{_SERVER}" if shared else span_id,
        parent_id=span_id if shared else parent_of(span.text("parentId")),
        service="" if service.startswith("unknown_service") else service,
        environment=short(tags, 100, *_ENVIRONMENTS),
        name=span.text("name", MAX_NAME).strip(),
        kind=kind,
        start=_nanos(span, "timestamp", _MICRO),
        duration=_took(span, "duration", _MICRO),
        failed=bad or (code != "OK" and answered_badly(kind, tags)),
        status="" if said.lower() in {"true", "false", "unset"} else said,
        attributes=tags,
        scope=short(tags, MAX_NAME, "otel.scope.name"),
    )


def datadog(payload: Any) -> Reading:
    """Read the spans that Datadog's search tells: {data: [{attributes}]}."""
    return each_readable((span["attributes"] for span in Part(payload).each("data")), _datadog_span)


def _datadog_span(span: Part) -> Span:
    custom = span["custom"]
    found = _flat(custom.value)
    kind = (short(found, 20, "span.kind") or span.text("type", 20)).lower()
    start = span.time("start_timestamp")
    nanos = (start - EARLIEST) // timedelta(microseconds=1) * 1_000
    end = span.time_or_none("end_timestamp")
    took = custom.number("duration") or ((end - start) // timedelta(microseconds=1) * 1_000 if end else 0)
    exception = exception_in({key: value for key, value in found.items() if key.startswith("error.")})
    return Span(
        trace_id=_decimal(span, "trace_id", 32),
        span_id=_decimal(span, "span_id", 16),
        parent_id=_decimal(span, "parent_id", 16) if span.text("parent_id").strip("0") else "",
        service=span.text("service", MAX_NAME),
        environment=span.text("env", 100) or short(found, 100, *_ENVIRONMENTS),
        name=(span.text("resource_name", MAX_NAME) or span.text("operation_name", MAX_NAME)).strip(),
        kind=kind if kind in {"server", "client", "producer", "consumer", "internal"} else _DATADOG.get(kind, ""),
        start=nanos,
        duration=max(took, 0),
        failed=span.text("status") == "error" or bool(exception) or found.get("error") in (1, True),
        exception=exception,
        attributes=found,
    )


_DATADOG = {"web": "server", "http": "client", "db": "client", "sql": "client", "queue": "consumer"}


def _decimal(span: Part, name: str, digits: int) -> str:
    """Return an id that is told in decimal digits, or in 32 hexadecimal ones."""
    text = span.id(name)
    whole = len(text) != 32 and text.isascii() and text.isdecimal()
    return hex_id(f"{int(text[:40]):x}" if whole else text, digits, name)


def _flat(value: Any, path: str = "", depth: int = 0) -> dict[str, Any]:
    if not isinstance(value, dict) or depth > 4:
        return {}
    found = {f"{path}{name}": item for name, item in value.items() if not isinstance(item, dict)}
    for name, item in value.items():
        found |= _flat(item, f"{path}{name}.", depth + 1)
    return values(found)


def newrelic(payload: Any) -> Reading:
    """Read the spans of a trace that NRQL tells, from agents of New Relic and from OpenTelemetry: {spans: [{…}]}."""
    return each_readable(Part(payload).each("spans"), _newrelic_span)


def _newrelic_span(span: Part) -> Span:
    row = span.value if isinstance(span.value, dict) else {}
    found = values({"http.status_code" if name == "http.statusCode" else name: value for name, value in row.items()})
    kind = short(row, 20, "span.kind").lower()
    kind = kind or ("server" if span.flag("nr.entryPoint") else _NEW_RELIC.get(span.text("category"), ""))
    errors = {name: value for name, value in row.items() if name.startswith(("error.", "exception."))}
    exception = {} if span.flag("error.expected") else exception_in(errors)
    code = short(row, 20, "otel.status_code").upper()
    milliseconds = span.real("duration.ms")
    if milliseconds is None:
        milliseconds = (span.real("duration") or 0) * 1_000
    return Span(
        trace_id=hex_id(_first(row, "trace.id", "traceId"), 32, "trace"),
        span_id=hex_id(_first(row, "id", "guid", "span.id"), 16, "span"),
        parent_id=parent_of(_first(row, "parent.id", "parentId")),
        service=short(row, MAX_NAME, "service.name", "entity.name", "appName"),
        environment=short(row, 100, *_ENVIRONMENTS),
        name=span.text("name", MAX_NAME).strip(),
        kind=kind,
        start=_nanos(span, "timestamp", _MILLI),
        duration=int(min(max(milliseconds, 0), 10**12) * _MILLI),
        failed=code == "ERROR"
        or (code != "OK" and (bool(exception) or says_error(row.get("error")) or answered_badly(kind, found))),
        status=short(row, MAX_DETAIL, "otel.status_description"),
        exception=exception,
        attributes=found,
        scope=short(row, MAX_NAME, "otel.scope.name", "otel.library.name", "instrumentation.name"),
    )


_NEW_RELIC = {"http": "client", "datastore": "client", "generic": "internal"}


def _first(row: dict[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name)), None)


def _nanos(span: Part, name: str, unit: int) -> int:
    given = span.real(name)
    if given is None or not 0 < given < 7e15 * 1_000 / unit * 1_000:
        raise BadRecord(f"{span.path}.{name} is not a time.", fields={name: "Not a time."})
    return int(given) * unit


def _took(span: Part, name: str, unit: int) -> int:
    return min(max(int(span.real(name) or 0), 0), 10**15) * unit


READERS: dict[str, Callable[[Any], Reading]] = {
    "otlp": otlp,
    "jaeger": jaeger,
    "zipkin": zipkin,
    "datadog": datadog,
    "newrelic": newrelic,
}
