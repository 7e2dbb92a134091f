"""Log lines in the shapes common loggers write: each becomes the same kind of event."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sources.logfields import read_object
from connectors.sources.loglevels import LEVEL_NAMES
from connectors.sources.loglines import LogLine
from events.choices import Severity
from events.drafts import EventDraft
from tests.shared import payloads

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EPOCH = 1_772_366_400
TRACE = 'Traceback (most recent call last):\n  File "/srv/pay.py", line 7, in charge\nTimeoutError: no answer'
JAVA_TRACE = "java.net.ConnectException: refused\n\tat com.shop.Net.open(Net.java:7)"
NODE_TRACE = "RangeError: too many\n    at cart (/srv/cart.js:3:1)"


def draft(fields: Mapping[str, Any], **given_by_source: Any) -> EventDraft:
    return LogLine(fields).draft(source_id="x", raw=fields, **given_by_source)


SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Elastic Common Schema": (
        {
            "@timestamp": "2026-03-01T12:00:00.000Z",
            "log.level": "ERROR",
            "message": "charge failed",
            "service": {"name": "pay", "environment": "live"},
            "log": {"logger": "shop.gateway", "origin": {"function": "charge"}},
            "trace": {"id": "ABC"},
            "span.id": "d1",
            "http": {"request": {"id": "r1"}},
            "user": {"id": "u1"},
            "event": {"action": "checkout"},
            "error": {"type": "Timeout", "message": "no answer", "stack_trace": TRACE},
        },
        {"service": "pay", "environment": "live", "component": "shop.gateway", "trace_id": "abc", "span_id": "d1",
         "request_id": "r1", "user": "u1", "user_action": "checkout", "exception": ("Timeout", "no answer", 1)},
    ),
    "Logstash encoder for Logback": (
        {
            "@timestamp": "2026-03-01T13:00:00+01:00",
            "@version": "1",
            "message": "charge failed",
            "logger_name": "com.shop.Pay",
            "thread_name": "main",
            "level": "ERROR",
            "level_value": 40000,
            "stack_trace": JAVA_TRACE,
            "traceId": "abc",
        },
        {"component": "com.shop.Pay", "trace_id": "abc", "exception": ("java.net.ConnectException", "refused", 1)},
    ),
    "Log4j": (
        {
            "instant": {"epochSecond": EPOCH},
            "timestamp": "2026-03-01 12:00:00,000",
            "level": "ERROR",
            "loggerName": "com.shop.Pay",
            "message": "charge failed",
            "contextMap": {"requestId": "r1"},
            "thrown": {
                "name": "java.net.ConnectException",
                "message": "refused",
                "extendedStackTrace": [{"class": "com.shop.Net", "method": "open", "file": "Net.java", "line": 7}],
            },
        },
        {"component": "com.shop.Pay", "request_id": "r1", "exception": ("java.net.ConnectException", "refused", 1)},
    ),
    "Bunyan": (
        {
            "name": "pay", "hostname": "web1", "pid": 1, "v": 0, "level": 50, "msg": "charge failed",
            "time": "2026-03-01T12:00:00.000Z", "req_id": "r1",
            "err": {"name": "RangeError", "message": "too many", "stack": NODE_TRACE},
        },
        {"service": "pay", "request_id": "r1", "exception": ("RangeError", "too many", 1)},
    ),
    "Pino": (
        {
            "level": 50, "time": EPOCH * 1000, "pid": 1, "hostname": "web1", "msg": "charge failed", "reqId": "r1",
            "err": {"type": "RangeError", "message": "too many", "stack": NODE_TRACE},
        },
        {"request_id": "r1", "exception": ("RangeError", "too many", 1)},
    ),
    "Winston": (
        {"level": "error", "message": "charge failed", "timestamp": "2026-03-01T12:00:00.000Z", "stack": NODE_TRACE},
        {"exception": ("RangeError", "too many", 1)},
    ),
    "Zap": (
        {
            "level": "error", "ts": EPOCH + 0.0, "logger": "pay", "caller": "pay/charge.go:12", "msg": "charge failed",
            "error": "dial tcp: refused", "stacktrace": "main.charge\n\t/srv/charge.go:12\nmain.main\n\t/srv/main.go:3",
        },
        {"component": "pay", "exception": (None, "dial tcp: refused", 2)},
    ),
    "structlog": (
        {
            "event": "charge failed", "level": "error", "timestamp": "2026-03-01T12:00:00Z", "logger": "shop.pay",
            "request_id": "r1", "user_id": 7, "exception": TRACE,
        },
        {"component": "shop.pay", "request_id": "r1", "user": "7", "exception": ("TimeoutError", "no answer", 1)},
    ),
    "structlog with dictionaries": (
        {
            "event": "charge failed", "level": "error", "timestamp": "2026-03-01T12:00:00Z",
            "exception": [
                {"exc_type": "TimeoutError", "exc_value": "no answer",
                 "frames": [{"filename": "/srv/pay.py", "lineno": 7, "name": "charge"}]},
            ],
        },
        {"exception": ("TimeoutError", "no answer", 1)},
    ),
    "python-json-logger": (
        {
            "asctime": "2026-03-01 12:00:00,000", "levelname": "ERROR", "levelno": 40, "name": "shop.pay",
            "message": "charge failed", "exc_info": TRACE, "otelTraceID": "0", "dd.trace_id": "99",
        },
        {"component": "shop.pay", "service": "", "trace_id": "99", "exception": ("TimeoutError", "no answer", 1)},
    ),
    "Serilog, compact": (
        {
            "@t": "2026-03-01T12:00:00.0000000Z", "@l": "Error", "@mt": "charge {What} {@Order:l} {Absent}",
            "What": "failed", "Order": 7, "SourceContext": "Shop.Pay", "@tr": "abc", "@sp": "d1",
            "@x": "System.TimeoutException: late\n   at Shop.Pay.Charge() in /src/Pay.cs:line 42",
        },
        {"title": "charge failed 7 {Absent}", "component": "Shop.Pay", "trace_id": "abc", "span_id": "d1",
         "exception": ("System.TimeoutException", "late", 1)},
    ),
    "Google Cloud": (
        {
            "timestamp": "2026-03-01T12:00:00Z", "severity": "ERROR", "jsonPayload": {"message": "charge failed"},
            "logging.googleapis.com/trace": "projects/shop/traces/ABC", "resource": {"labels": {"service_name": "pay"}},
        },
        {"service": "pay", "trace_id": "abc"},
    ),
    "OpenTelemetry data model": (
        {
            "Timestamp": str(EPOCH * 10**9), "SeverityText": "ERROR", "SeverityNumber": 17, "Body": "charge failed",
            "TraceId": "ABC", "SpanId": "D1",
            "Resource": {"service.name": "pay", "deployment.environment.name": "live"},
            "Attributes": {
                "exception.type": "TimeoutError", "exception.message": "late", "exception.stacktrace": TRACE,
            },
        },
        {"service": "pay", "environment": "live", "trace_id": "abc", "span_id": "d1",
         "exception": ("TimeoutError", "late", 1)},
    ),
    "Docker": (
        {
            "log": orjson.dumps({"level": "error", "msg": "charge failed", "service": "pay"}).decode() + "\n",
            "stream": "stdout", "time": "2026-03-01T12:00:00.000000000Z",
        },
        {"service": "pay"},
    ),
    "Fluent Bit on Kubernetes": (
        {
            "date": EPOCH + 0.0, "log": "charge failed\n", "level": "error",
            "kubernetes": {"labels": {"app.kubernetes.io/name": "pay"}, "container_name": "app"},
        },
        {"service": "pay"},
    ),
    "Monolog": (
        {
            "message": "charge failed", "context": {"exception": {"class": "PDOException", "message": "gone away",
            "code": 0, "trace": ["/srv/pay.php:12", "/srv/index.php:3"]}}, "level": 400, "level_name": "ERROR",
            "channel": "pay", "datetime": "2026-03-01T12:00:00.000000+00:00", "extra": [],
        },
        {"component": "pay", "exception": ("PDOException", "gone away", 2)},
    ),
    "Loguru": (
        {
            "text": "12:00 | ERROR | charge failed\n",
            "record": {
                "level": {"name": "ERROR", "no": 40}, "message": "charge failed", "name": "shop.pay",
                "time": {"repr": "2026-03-01 12:00:00+00:00", "timestamp": EPOCH + 0.0},
                "exception": {"type": "TimeoutError", "value": "no answer", "traceback": True},
            },
        },
        {"component": "shop.pay", "exception": ("TimeoutError", "no answer", 0)},
    ),
    "Lambda Powertools": (
        {
            "level": "ERROR", "location": "charge:12", "message": "charge failed",
            "timestamp": "2026-03-01 12:00:00,000+0000",
            "service": "pay", "function_request_id": "r1", "xray_trace_id": "1-abc", "exception_name": "TimeoutError",
            "exception": TRACE,
        },
        {"service": "pay", "request_id": "r1", "trace_id": "1-abc", "exception": ("TimeoutError", "no answer", 1)},
    ),
    "tracing for Rust": (
        {
            "timestamp": "2026-03-01T12:00:00.000000Z", "level": "ERROR", "target": "shop::pay",
            "fields": {"message": "charge failed", "error": "declined"},
        },
        {"component": "shop::pay", "exception": (None, "declined", 0)},
    ),
    "the systemd journal": (
        {
            "__REALTIME_TIMESTAMP": str(EPOCH * 10**6), "PRIORITY": "3", "SYSLOG_IDENTIFIER": "pay",
            "MESSAGE": "charge failed",
        },
        {"service": "pay"},
    ),
    "GELF": (
        {
            "version": "1.1", "host": "web1", "short_message": "charge failed", "full_message": JAVA_TRACE,
            "timestamp": EPOCH + 0.0, "level": 3, "_request_id": "r1",
        },
        {"request_id": "r1"},
    ),
    "MongoDB": (
        {"t": {"$date": "2026-03-01T12:00:00.000+00:00"}, "s": "E", "c": "NETWORK", "id": 1, "msg": "charge failed"},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_says_when_how_bad_and_what(name: str) -> None:
    fields, expected = SHAPES[name]
    event = draft(fields)
    assert event.timestamp == NOON
    assert event.severity == Severity.HIGH
    assert event.event_type == "log_error"
    assert event.title == expected.get("title", "charge failed")
    assert event.raw_data == fields


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_says_whose_request_failed_and_where(name: str) -> None:
    fields, expected = SHAPES[name]
    event = draft(fields)
    for field in ("service", "environment", "component"):
        assert getattr(event, field) == expected.get(field, ""), field
    for field in ("trace_id", "span_id", "request_id", "user", "user_action"):
        assert event.data.get(field) == expected.get(field), field


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_tells_its_exception(name: str) -> None:
    fields, expected = SHAPES[name]
    event = draft(fields)
    if "exception" not in expected:
        assert "exception" not in event.data
        return
    kind, message, frames = expected["exception"]
    found = event.data["exception"]
    assert (found.get("type"), found["message"], len(found.get("frames", []))) == (kind, message, frames)
    assert list(event.tags) == ([kind] if kind else [])


def test_a_source_that_knows_the_time_is_believed() -> None:
    assert draft({"msg": "x"}, timestamp=NOON).timestamp == NOON


def test_the_source_fills_in_what_a_line_does_not_say() -> None:
    event = draft({"ts": EPOCH, "msg": "x"}, service="pay", environment="live")
    assert (event.service, event.environment) == ("pay", "live")
    event = draft({"ts": EPOCH, "msg": "x", "service": "cart", "env": "test"}, service="pay", environment="live")
    assert (event.service, event.environment) == ("cart", "test")


@pytest.mark.parametrize(
    ("level", "kind"),
    [
        ("fatal", "log_error"),
        ("error", "log_error"),
        ("warn", "log_warning"),
        ("notice", "log_line"),
        ("info", "log_line"),
    ],
)
def test_the_type_of_event_follows_severity(level: str, kind: str) -> None:
    assert draft({"ts": EPOCH, "level": level, "msg": "x"}).event_type == kind


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"message": "\n first \n second"}, "first"),
        ({"message": "", "error": "refused"}, "refused"),
        ({"message": TRACE}, "TimeoutError: no answer"),
        ({"exception": TRACE}, "TimeoutError: no answer"),
        ({"message": {"en": "x"}, "msg": ["a", 1]}, '["a",1]'),
        ({"message": 42}, "42"),
        ({"method": "GET", "status": 500, "took": {"ms": 3}}, "method=GET status=500"),
        ({}, "(a line without words)"),
        ({"message": "\x00"}, "(a line without words)"),
        ({"message": "x" * 600}, "x" * 499 + "…"),
    ],
)
def test_the_title_is_the_first_line_that_says_something(fields: dict[str, Any], title: str) -> None:
    assert draft({**fields, "ts": EPOCH}).title == title


def test_a_stack_without_a_name_takes_it_from_the_message() -> None:
    event = draft({"ts": EPOCH, "level": "error", "msg": "panic: no map", "stack": "pay/charge.go:118 Charge.read"})
    frame = {"file": "pay/charge.go", "line": 118, "function": "Charge.read"}
    assert (event.data["exception"]["type"], event.data["exception"]["message"]) == ("panic", "no map")
    assert event.data["exception"]["frames"] == [frame]


def test_a_line_cut_inside_its_envelope_is_taken_as_words() -> None:
    assert draft({"log": '{"level":"error","msg":"charge', "time": EPOCH}).title == '{"level":"error","msg":"charge'


def test_what_no_field_took_is_kept_as_attributes() -> None:
    event = draft({"ts": EPOCH, "level": "warn", "msg": "x", "service": "pay", "took_ms": 3, "http": {"status": 500}})
    assert event.data == {"message": "x", "level": "warn", "attributes": {"took_ms": 3, "http": {"status": 500}}}


@pytest.mark.parametrize("nothing", ["", "0", "0" * 32, "-", "null", None, False])
def test_an_empty_id_is_none(nothing: Any) -> None:
    assert draft({"ts": EPOCH, "msg": "x", "trace_id": nothing, "dd.trace_id": "7"}).data["trace_id"] == "7"


def test_over_long_values_are_cut_and_not_refused() -> None:
    long = "x" * 30_000
    event = draft(
        {"ts": EPOCH, "msg": long, "service": long, "logger": long, "env": long, "trace_id": long, "error": long}
    )
    assert len(event.service) == 200
    assert len(event.data["message"]) == 10_000
    assert len(event.data["trace_id"]) == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KNOWN = st.sampled_from(
    [*LEVEL_NAMES, "timestamp", "message", "error", "exception", "stack", "user", "service", "env", "log"]
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KNOWN | st.text(max_size=8), JSON, max_size=8))
def test_any_object_is_an_event_or_refused_by_name(fields: dict[str, Any]) -> None:
    event = draft(fields, timestamp=NOON)
    assert event.title


def test_lines_a_server_sent_on_are_understood() -> None:
    answer = orjson.loads(payloads("recorded-from-live-servers", "loki-3.4.6", "promtail_jsonlines.json").read_bytes())
    lines = [value[1] for stream in answer["data"]["result"] for value in stream["values"]]
    found = [draft(orjson.loads(line), timestamp=NOON) for line in lines]
    assert [(event.title, event.severity, event.data.get("trace_id")) for event in found] == [
        ("ok", Severity.INFO, None),
        ("late", Severity.HIGH, "zzz"),
        ("db timeout", Severity.HIGH, "abc"),
    ]


def test_documents_of_a_search_engine_are_understood() -> None:
    folder = payloads("elasticsearch", "specification")
    answer = orjson.loads(
        (folder / "_global__search__examples__200_response__SearchResponseExample1.json").read_bytes()
    )
    event = draft(answer["value"]["hits"]["hits"][0]["_source"])
    assert event.title == "GET /search HTTP/1.1 200 1070000"
    assert event.timestamp == datetime(2099, 11, 15, 14, 12, 12, tzinfo=UTC)
    assert event.data["user"] == "kimchy"


def test_the_logs_of_published_incidents_are_understood() -> None:
    expected = {"INFO": Severity.INFO, "WARN": Severity.MEDIUM, "ERROR": Severity.HIGH}
    files = sorted(payloads("..", "incidents", "bundles").glob("*/data/logs.ndjson"))
    assert files
    for file in files:
        for raw in file.read_bytes().splitlines():
            fields = read_object(raw)
            event = draft(fields)
            assert event.severity == expected[fields["severity_text"]]
            assert (event.service, event.data["trace_id"]) == (fields["service"], fields["trace_id"])
            assert ("exception" in event.data) == ("stack" in fields)
