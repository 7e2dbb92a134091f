"""The real client of OpenTelemetry for Python tells this server, over a socket, of what went wrong."""
# mypy: disable-error-code="no-untyped-call"

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from rest_framework.exceptions import Throttled

from accounts.models import User
from accounts.tokens import AccessToken
from connectors import otlp
from connectors.errors import BadRecord
from connectors.sources import otlp_traces
from connectors.telemetry import keep
from events.drafts import EventDraft
from events.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
RESOURCE = Resource.create({"service.name": "checkout", "deployment.environment.name": "prod"})


class Asked:
    """Counts what arrives at the door, and may turn the first of it away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times, self.refusals = 0, list[Exception]()
        monkeypatch.setattr(otlp, "keep", self)

    def __call__(self, **given: Any) -> Any:
        self.times += 1
        if self.refusals:
            raise self.refusals.pop()
        return keep(**given)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


@pytest.fixture
def reach(live_server: Any, engineer: User) -> Any:
    """Return how an exporter for a signal is made."""

    def options(signal: str) -> dict[str, Any]:
        return {
            "endpoint": f"{live_server.url}/otlp/v1/{signal}",
            "headers": {"Authorization": f"Bearer {AccessToken.for_user(engineer)}"},
            "compression": Compression.Gzip,
            "timeout": 20,
        }

    return options


def charge() -> None:
    raise TimeoutError("bank did not answer")


def failed_request() -> list[ReadableSpan]:
    """Return the spans of one request: a server that waits for a bank, which does not answer."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("shop.pay")
    with (
        pytest.raises(TimeoutError),
        tracer.start_as_current_span("POST /pay", kind=SpanKind.SERVER),
        tracer.start_as_current_span("POST bank", kind=SpanKind.CLIENT),
    ):
        charge()
    with tracer.start_as_current_span("GET /cart", kind=SpanKind.SERVER):
        pass
    provider.shutdown()
    return list(memory.get_finished_spans())


def titles() -> list[str]:
    return sorted(Event.objects.values_list("title", flat=True))


def test_spans_that_raised_become_events(reach: Any, asked: Asked) -> None:
    exporter = OTLPSpanExporter(**reach("traces"))
    assert exporter.export(failed_request()) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert titles() == [
        "POST /pay failed after POST bank failed",
        "POST bank failed: TimeoutError: bank did not answer",
    ]
    told = Event.objects.get(title__startswith="POST bank")
    assert (told.service, told.environment, told.component, told.severity) == ("checkout", "prod", "shop.pay", "medium")
    assert told.data["exception"]["frames"][0]["function"] == "charge"
    assert asked.times == 1


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("shop.pay")
    before = logger.level, logger.propagate, list(logger.handlers)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.level, logger.propagate, logger.handlers = before


@pytest.mark.filterwarnings("ignore:.*LoggingHandler.*:DeprecationWarning")
def test_log_records_with_exceptions_become_events(reach: Any, logger: logging.Logger) -> None:
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(**reach("logs"))))
    logger.addHandler(LoggingHandler(logger_provider=provider))
    logger.info("paid")
    logger.warning("the bank is slow", extra={"request_id": "r-1"})
    try:
        charge()
    except TimeoutError:
        logger.exception("charging failed")
    provider.shutdown()
    assert titles() == ["charging failed", "the bank is slow"]
    failure, warning = Event.objects.order_by("title")
    assert failure.data["exception"]["type"] == "TimeoutError"
    assert (failure.severity, failure.event_type, failure.service) == ("high", "log_error", "checkout")
    assert warning.data["request_id"] == "r-1"


def test_a_client_that_is_told_to_wait_sends_again(reach: Any, asked: Asked) -> None:
    asked.refusals = [Throttled(wait=0.1)]
    exporter = OTLPSpanExporter(**reach("traces"))
    assert exporter.export(failed_request()) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert (asked.times, len(titles())) == (2, 2)


def test_a_client_that_is_told_of_bad_items_does_not_send_again(
    reach: Any, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = otlp_traces.drafts

    def one_bad(request: Any, *, slow_ms: int) -> Iterator[Any]:
        good = [draft for draft in drafts(request, slow_ms=slow_ms) if isinstance(draft, EventDraft)]
        return iter([BadRecord("This one is no good."), *good])

    monkeypatch.setattr(otlp_traces, "drafts", one_bad)
    exporter = OTLPSpanExporter(**reach("traces"))
    assert exporter.export(failed_request()) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert (asked.times, len(titles())) == (1, 2)


def test_a_client_without_a_good_token_gives_up(reach: Any, asked: Asked) -> None:
    exporter = OTLPSpanExporter(**reach("traces") | {"headers": {"Authorization": "Bearer nonsense"}})
    assert exporter.export(failed_request()) is SpanExportResult.FAILURE
    exporter.shutdown()
    assert (asked.times, titles()) == (0, [])


def test_metrics_are_refused_once(reach: Any, caplog: pytest.LogCaptureFixture) -> None:
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(**reach("metrics")), export_interval_millis=60_000)
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    provider.get_meter("shop").create_counter("paid").add(1)
    assert provider.force_flush()
    provider.shutdown()
    assert titles() == []
    assert [note.getMessage() for note in caplog.records if note.name.startswith("opentelemetry")] == []
