"""Every recorded trace is understood as before, and does no harm however it is mutilated."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Record
from connectors.errors import BadRecord
from connectors.sources.spanreading import READERS
from connectors.sources.tracepolling import told_of
from connectors.sources.zipkin import Zipkin, ZipkinConfig
from connectors.tests.corpus import DROPPED, STRANGE, assert_golden, mutilated, places, told
from events.drafts import EventDraft
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

LIVE = "recorded-from-live-servers"


def recorded() -> Iterator[tuple[str, str, Any]]:
    """Yield each trace: its name, how it is written, and itself."""
    for name in ("trace_v1", "trace_v2"):
        yield f"tempo/{name}", "otlp", _json(LIVE, "tempo-3.0.3", f"{name}.json")
    for place, trace in enumerate(_json(LIVE, "victoria-traces-jaeger", "traces.json")["data"]):
        yield f"victoria/{place}", "jaeger", trace
    yield "zipkin/exporter", "zipkin", _json(LIVE, "zipkin-otel-exporter-1.45", "spans.1.json")["body"]
    for name in ("simple-db-p6", "envoy", "skew", "yelp", "messaging"):
        yield f"zipkin/{name}", "zipkin", _json("zipkin", "openzipkin", f"{name}.json")
    converter = ("internal", "uimodel", "converter", "v1", "json", "fixtures")
    yield "jaeger/ui", "jaeger", _json("jaeger", "jaegertracing", *converter, "ui_01.json")
    for call in _json("datadog", "recorded-api-client", "v2_test_search_spans_returns_ok_response.json"):
        yield "datadog/search", "datadog", call["response"]["body"]


def _json(*parts: str) -> Any:
    return orjson.loads(payloads(*parts).read_bytes())


TRACES = list(recorded())


def decode(written: str, trace: Any) -> list[EventDraft]:
    source = Zipkin(ZipkinConfig(token="t", slow_ms=1), workspace=Path(), now=datetime(2026, 1, 1, tzinfo=UTC))
    return list(source.decode(Record("r", trace, b"", written)))


def test_every_recorded_trace_becomes_the_events_it_became_before() -> None:
    assert_golden("traces/recorded", {name: told(decode(written, trace)) for name, written, trace in TRACES})


PLACES = [(written, trace, list(places(trace))) for _, written, trace in TRACES]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_that_is_dropped_or_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    written, trace, ways = data.draw(st.sampled_from(PLACES))
    way = data.draw(st.sampled_from(ways))
    with suppress(BadRecord, Invalid):
        decode(written, mutilated(trace, way, data.draw(st.just(DROPPED) | STRANGE)))


@pytest.mark.parametrize("written", READERS)
def test_a_trace_of_another_shape_makes_a_dead_letter_at_most(written: str) -> None:
    for value in (None, 1, "x", [None], {"spans": 1}, {"data": [1]}):
        with suppress(BadRecord):
            assert told_of(value, written).spans == []


def test_unset_is_no_error() -> None:
    victoria = [
        span for name, written, trace in TRACES if name.startswith("victoria") for span in told_of(trace, written).spans
    ]
    assert {span.failed for span in victoria} == {False, True}


@pytest.mark.parametrize("name", ["tempo/trace_v2", "victoria/0", "zipkin/yelp", "datadog/search"])
def test_a_bad_span_is_left_out_and_counted_and_the_rest_is_read(name: str) -> None:
    written, trace = next((written, trace) for known, written, trace in TRACES if known == name)
    whole = len(told_of(trace, written).spans)
    way = next(
        way
        for way in places(trace)
        if way[-1] in {"spanId", "spanID", "span_id", *({"id"} if written == "zipkin" else ())}
    )
    reading = told_of(mutilated(trace, way, DROPPED), written)
    assert (len(reading.spans), reading.unreadable) == (whole - 1, 1)


def test_a_trace_without_one_readable_span_is_bad() -> None:
    with pytest.raises(BadRecord):
        told_of(_json("jaeger", "jaegertracing", "apiv3_snapshots", "FindTraces.json"), "otlp")


def test_what_a_server_did_hangs_below_its_half_of_a_shared_span() -> None:
    at = {"traceId": "a", "timestamp": 1_700_000_000_000_000, "duration": 10}
    web, shop, store = ({"localEndpoint": {"serviceName": name}} for name in ("web", "shop", "store"))
    spans = [
        {**at, **web, "id": "2", "kind": "CLIENT"},
        {**at, **shop, "id": "2", "kind": "SERVER", "shared": True},
        {**at, **shop, "id": "3", "parentId": "2", "kind": "CLIENT"},
        {**at, **web, "id": "4", "parentId": "2"},
        {**at, **store, "id": "5", "parentId": "2"},
    ]
    _, server, *below = told_of(spans, "zipkin").spans
    client = "2".zfill(16)
    assert (server.parent_id, [span.parent_id for span in below]) == (
        client,
        [server.span_id, client, server.span_id],
    )
