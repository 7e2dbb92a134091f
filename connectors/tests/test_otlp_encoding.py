"""Protobuf and JSON say the same, and what is neither is refused in words."""

import gzip
from typing import Any

import orjson
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from connectors.sources import otlp_encoding
from connectors.sources.otlp_encoding import JSON, PROTOBUF, Encoding
from connectors.tests.otlp import ERROR, as_json, recorded, span, traces
from rcaplatform.kit.errors import Invalid, TooLarge

HEX = "0102030405060708090A0b0c0d0e0f10"


def from_json(body: Any) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    JSON.read(orjson.dumps(body), message)
    return message


def json_span(**fields: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}


def only(message: ExportTraceServiceRequest) -> Any:
    return message.resource_spans[0].scope_spans[0].spans[0]


def test_ids_are_hexadecimal_in_any_case() -> None:
    read = only(from_json(json_span(traceId=HEX, spanId="EEE19B7EC3C1B174", parentSpanId="")))
    assert (read.trace_id, read.span_id, read.parent_span_id) == (
        bytes(range(1, 17)),
        bytes.fromhex("eee19b7ec3c1b174"),
        b"",
    )


@pytest.mark.parametrize("written", [1544712660000000000, "1544712660000000000"])
def test_long_integers_are_texts_or_numbers(written: Any) -> None:
    assert only(from_json(json_span(startTimeUnixNano=written))).start_time_unix_nano == 1544712660000000000


def test_enumerations_are_numbers_and_unknown_ones_are_kept() -> None:
    assert only(from_json(json_span(kind=3))).kind == 3
    assert only(from_json(json_span(kind=99))).kind == 99


def test_fields_nobody_knows_yet_are_ignored() -> None:
    assert only(from_json(json_span(name="x", traceState=None, novelty={"traceId": "00"}))).name == "x"


def test_an_attribute_may_be_called_like_an_id() -> None:
    pair = {"key": "traceId", "value": {"stringValue": "not hexadecimal"}}
    assert only(from_json(json_span(attributes=[pair]))).attributes[0].value.string_value == "not hexadecimal"


def test_what_the_sdk_sent_reads_the_same_in_both_encodings() -> None:
    message, again = ExportTraceServiceRequest(), ExportTraceServiceRequest()
    PROTOBUF.read(gzip.decompress(recorded("traces.pb.gz").read_bytes()), message)
    JSON.read(as_json(message), again)
    assert again == message


@pytest.mark.parametrize("encoding", [PROTOBUF, JSON], ids=lambda encoding: encoding.media_type)
def test_nothing_is_an_empty_request(encoding: Encoding) -> None:
    message = ExportLogsServiceRequest()
    encoding.read(b"", message)
    assert message == ExportLogsServiceRequest()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a JSON ExportTraceServiceRequest"),
        (b"null", "not a JSON ExportTraceServiceRequest"),
        (b'{"resourceSpans": 1}', "resourceSpans"),
        (b'{"resourceSpans": [1]}', "resourceSpans"),
        (orjson.dumps(json_span(traceId="lW8s62RY22008Z2usPwoug==")), "traceId: .* is not hexadecimal"),
        (orjson.dumps(json_span(traceId=5)), "resourceSpans"),
        (orjson.dumps(json_span(startTimeUnixNano=-1)), "resourceSpans"),
        (b'{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}", "not JSON"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_json_that_is_no_request_is_refused_in_words(body: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        JSON.read(body, ExportTraceServiceRequest())


def test_json_that_holds_very_much_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_encoding, "MAX_VALUES", 10)
    assert from_json({"novelty": [0] * 8}) == ExportTraceServiceRequest()
    with pytest.raises(TooLarge, match="10 values"):
        from_json({"novelty": [0] * 9})


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\x05", b'{"resourceSpans": []}'])
def test_bytes_that_are_no_request_are_refused_in_words(body: bytes) -> None:
    with pytest.raises(Invalid, match="not a protobuf ExportTraceServiceRequest"):
        PROTOBUF.read(body, ExportTraceServiceRequest())


def test_an_answer_is_written_in_both() -> None:
    request = traces(span(status=ERROR))
    assert ExportTraceServiceRequest.FromString(PROTOBUF.write(request)) == request
    assert orjson.loads(JSON.write(request))["resourceSpans"]


@pytest.mark.parametrize("said", ["", "no", "ü" * 100, "x" * 20_000], ids=len)
def test_a_problem_is_a_status_in_both(said: str) -> None:
    assert Status.FromString(PROTOBUF.problem(400, said)) == Status(code=3, message=said)
    assert orjson.loads(JSON.problem(503, said)) == {"code": 14, "message": said}
