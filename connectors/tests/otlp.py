"""OTLP requests for tests: spans, log records and data points, as a client would send them."""

import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.shared import payloads

PROTOBUF, JSON = "application/x-protobuf", "application/json"
IDS = {"traceId", "spanId", "parentSpanId"}
START = 1_900_000_000_000_000_000
MS = 1_000_000
TRACE_ID = bytes(range(1, 17))
OK, ERROR = Status.STATUS_CODE_OK, Status.STATUS_CODE_ERROR
SERVER, CLIENT, CONSUMER, INTERNAL = (
    Span.SPAN_KIND_SERVER,
    Span.SPAN_KIND_CLIENT,
    Span.SPAN_KIND_CONSUMER,
    Span.SPAN_KIND_INTERNAL,
)


def recorded(name: str) -> Path:
    """Return what the Python SDK sent to a real receiver."""
    return payloads("recorded-from-live-servers", "otlp-python-1.45", name)


def example(name: str) -> bytes:
    """Return one of the protocol's own examples, in JSON."""
    return payloads("otlp", "proto-examples", name).read_bytes()


def any_value(value: Any) -> AnyValue:
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    fields = {bool: "bool_value", str: "string_value", int: "int_value", float: "double_value", bytes: "bytes_value"}
    return AnyValue() if value is None else AnyValue(**{fields[type(value)]: value})


def pairs(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def exception(kind: str, said: str, stack: str = "") -> Span.Event:
    told = {"exception.type": kind, "exception.message": said, "exception.stacktrace": stack}
    return Span.Event(name="exception", attributes=pairs(told))


def span(
    number: int = 1,
    *,
    parent: int = 0,
    name: str = "POST /pay",
    kind: int = SERVER,
    status: int = 0,
    said: str = "",
    took_ms: float = 5,
    attributes: dict[str, Any] | None = None,
    events: list[Span.Event] | None = None,
    **fields: Any,
) -> Span:
    """Return a span of five milliseconds; numbers are ids."""
    given: dict[str, Any] = {
        "trace_id": TRACE_ID,
        "span_id": number.to_bytes(8, "big"),
        "parent_span_id": parent.to_bytes(8, "big") if parent else b"",
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + int(took_ms * MS),
        "kind": kind,
    }
    code: Any = status
    return Span(
        **given | fields,
        name=name,
        status=Status(code=code, message=said),
        attributes=pairs(attributes or {}),
        events=events or [],
    )


def traces(*spans: Span, scope: str = "", **resource: str) -> ExportTraceServiceRequest:
    """Return a request; names of resource attributes are written with ``_`` for the dot."""
    request = ExportTraceServiceRequest()
    told = request.resource_spans.add()
    told.resource.attributes.extend(pairs(_dotted(resource)))
    told.scope_spans.add(spans=spans).scope.name = scope
    return request


def record(body: Any = "failed", number: int = 17, text: str = "", **fields: Any) -> LogRecord:
    """Return a log record of an error; `attributes` is a mapping."""
    attributes = pairs(fields.pop("attributes", {}))
    given = {"time_unix_nano": START, "severity_number": number} | fields
    return LogRecord(**given, severity_text=text, body=any_value(body), attributes=attributes)


def logs(*records: LogRecord, scope: str = "", **resource: str) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    told = request.resource_logs.add()
    told.resource.attributes.extend(pairs(_dotted(resource)))
    told.scope_logs.add(log_records=records).scope.name = scope
    return request


def metrics(points: int) -> ExportMetricsServiceRequest:
    """Return a request with the newest so many samples of a gauge."""
    return told(*(Metric(name="cpu", gauge=Gauge(data_points=[point(number, -number)])) for number in range(points)))


def point(value: float, seconds: float = 0.0, *, counts_since: float | None = None, **fields: Any) -> NumberDataPoint:
    """Return a data point; times are seconds from now."""
    since = 0 if counts_since is None else nanoseconds(counts_since)
    labels = pairs(fields.pop("attributes", {}))
    at = {"time_unix_nano": nanoseconds(seconds), "start_time_unix_nano": since}
    return NumberDataPoint(**at | fields, as_double=value, attributes=labels)


def nanoseconds(seconds: float) -> int:
    """Return the Unix time so many seconds from now."""
    return time.time_ns() + int(seconds * 1e9)


def gauge(name: str, *points: NumberDataPoint, unit: str = "") -> Metric:
    return Metric(name=name, unit=unit, gauge=Gauge(data_points=points))


def told(*metrics: Metric, **resource: str) -> ExportMetricsServiceRequest:
    """Return a request; names of resource attributes are written with ``_`` for the dot."""
    request = ExportMetricsServiceRequest()
    one = request.resource_metrics.add()
    one.resource.attributes.extend(pairs(_dotted(resource)))
    one.scope_metrics.add(metrics=metrics)
    return request


def as_json(message: Message) -> bytes:
    """Return a request in OTLP's JSON: ids are hexadecimal, enumerations numbers."""

    def written(value: Any) -> Any:
        if isinstance(value, list):
            return [written(item) for item in value]
        if isinstance(value, dict):
            return {key: b64decode(item).hex() if key in IDS else written(item) for key, item in value.items()}
        return value

    return orjson.dumps(written(MessageToDict(message, use_integers_for_enums=True)))


def _dotted(names: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "."): value for name, value in names.items()}
