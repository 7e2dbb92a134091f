"""Every recorded request is understood as before, and none, however mutilated, does harm."""

import gzip
import json
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
import pytest
from django.core.cache import cache as redis
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rest_framework.test import APIClient

from accounts.models import User
from connectors.sources import otlp_logs, otlp_traces
from connectors.sources.otlp_encoding import JSON, PROTOBUF
from connectors.tests.corpus import DROPPED, STRANGE, mutilated, places
from connectors.tests.otlp import ERROR, as_json, example, exception, logs, metrics, record, recorded, span, traces
from events.drafts import EventDraft
from tests.shared import ROOT

GOLDEN = ROOT / "tests" / "golden" / "otlp" / "drafts.json"
MESSAGES: dict[str, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


@cache
def corpus() -> dict[str, Message]:
    """Return every request there is, by name."""
    found = {}
    for signal, kind in MESSAGES.items():
        found[f"python-sdk/{signal}"] = kind()
        PROTOBUF.read(gzip.decompress(recorded(f"{signal}.pb.gz").read_bytes()), found[f"python-sdk/{signal}"])
    for name, signal in (("trace", "traces"), ("logs", "logs"), ("events", "logs"), ("metrics", "metrics")):
        found[f"examples/{name}"] = MESSAGES[signal]()
        JSON.read(example(f"{name}.json"), found[f"examples/{name}"])
    return found


def drafts(message: Message) -> Iterator[Any]:
    if isinstance(message, ExportTraceServiceRequest):
        return otlp_traces.drafts(message, slow_ms=999)
    if isinstance(message, ExportLogsServiceRequest):
        return otlp_logs.drafts(message)
    return iter(())


def test_every_recorded_request_becomes_the_events_it_became_before() -> None:
    """After an intended change, run it once with RCA_WRITE_GOLDEN=1 and review the difference."""
    found = {
        name: [
            [draft.event_type, draft.source, draft.severity, draft.service, draft.title, draft.source_id]
            for draft in drafts(message)
            if isinstance(draft, EventDraft)
        ]
        for name, message in corpus().items()
    }
    if os.environ.get("RCA_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    assert found == json.loads(GOLDEN.read_text())


REQUESTS: list[tuple[str, Message]] = [
    (
        "traces",
        traces(
            span(1, status=ERROR, attributes={"http.route": "/pay", "list": [1, {"a": b"b"}]}),
            span(2, parent=1, events=[exception("A", "b", "c\n at d (e.js:1)")]),
            service_name="checkout",
        ),
    ),
    ("logs", logs(record({"msg": "a", "b": [1.5]}, attributes={"exception.type": "A", "n": None}), service_name="x")),
    ("metrics", metrics(2)),
]


@pytest.fixture
def client(db: None, engineer: User) -> APIClient:
    client = APIClient(raise_request_exception=True)
    client.force_authenticate(engineer)
    return client


def taken(client: Any, signal: str, body: bytes, kind: str, **headers: str) -> None:
    redis.clear()
    answer = client.generic("POST", f"/otlp/v1/{signal}", body, content_type=kind, headers=headers)
    assert answer.status_code in {200, 400}
    assert answer["Content-Type"] == kind


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=250, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_no_byte_changed_in_a_protobuf_breaks_the_door(client: APIClient, data: st.DataObject) -> None:
    signal, message = data.draw(st.sampled_from(REQUESTS))
    body = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        if not body:
            break
    taken(client, signal, bytes(body), PROTOBUF.media_type)


@settings(max_examples=250, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_no_field_changed_in_a_json_breaks_the_door(client: APIClient, data: st.DataObject) -> None:
    signal, message = data.draw(st.sampled_from(REQUESTS))
    body = orjson.loads(as_json(message))
    for _ in range(data.draw(st.integers(1, 2))):
        ways = list(places(body))
        if ways:
            body = mutilated(body, data.draw(st.sampled_from(ways)), data.draw(st.just(DROPPED) | STRANGE))
    taken(client, signal, orjson.dumps(body), JSON.media_type)


@settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
@given(
    signal=st.sampled_from(sorted(MESSAGES)),
    body=st.binary(max_size=200),
    kind=st.sampled_from([PROTOBUF.media_type, JSON.media_type]),
    coding=st.sampled_from(["", "gzip"]),
)
def test_garbage_is_refused(client: APIClient, signal: str, body: bytes, kind: str, coding: str) -> None:
    taken(client, signal, body, kind, **{"Content-Encoding": coding})
