"""What a trace tells of a request to a source."""

from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from connectors import outbound_metrics
from connectors.outbound_metrics import telling
from rcaplatform.kit.errors import DomainError

REQUEST = httpx.Request(
    "GET", "https://logs.example/query?api_key=hunter2", headers={"Authorization": "Bearer hunter2"}
)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(outbound_metrics, "tracer", provider.get_tracer("test"))
    yield kept
    provider.shutdown()


def the_span(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


def test_a_request_to_a_source_is_a_span_of_a_client(spans: InMemorySpanExporter) -> None:
    with telling(REQUEST) as told:
        told.status = 200
    span = the_span(spans)
    assert (span.name, span.kind) == ("GET logs.example", SpanKind.CLIENT)
    assert span.attributes == {
        "http.request.method": "GET",
        "server.address": "logs.example",
        "url.path": "/query",
        "http.response.status_code": 200,
        "rca.outcome": "ok",
    }


def test_a_failed_request_is_a_span_in_error(spans: InMemorySpanExporter) -> None:
    with pytest.raises(DomainError), telling(REQUEST):
        raise DomainError("no")
    assert the_span(spans).status.status_code == StatusCode.ERROR


def test_a_span_holds_no_secret(spans: InMemorySpanExporter) -> None:
    with telling(REQUEST):
        pass
    assert "hunter2" not in the_span(spans).to_json()
