"""The real client of OpenTelemetry for Python tells this server, over a socket, of what went wrong."""
# mypy: disable-error-code="no-untyped-call"

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind
from pytest_django import Settings
from rest_framework.exceptions import Throttled

from accounts.models import User
from accounts.tokens import AccessToken
from connectors import otlp, pushing
from connectors.errors import BadRecord
from connectors.models import Connector, PushedSamples, PushedSeries
from connectors.polling import poll
from connectors.sources import otlp_traces
from connectors.telemetry import keep
from events.drafts import EventDraft
from events.models import Dependency, Event

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


def one_service_calls_another() -> list[ReadableSpan]:
    """Return the spans of one request through two services, as a Collector that stands between hands them on."""
    memory = InMemorySpanExporter()
    names = ("checkout", "payments")
    resources = [Resource.create({"service.name": name, "deployment.environment.name": "prod"}) for name in names]
    providers = [TracerProvider(resource=resource, shutdown_on_exit=False) for resource in resources]
    for provider in providers:
        provider.add_span_processor(SimpleSpanProcessor(memory))
    checkout, payments = (provider.get_tracer("shop") for provider in providers)
    with (
        checkout.start_as_current_span("POST /pay", kind=SpanKind.SERVER),
        checkout.start_as_current_span("POST payments", kind=SpanKind.CLIENT, attributes={"peer.service": "payments"}),
        payments.start_as_current_span("POST /charge", kind=SpanKind.SERVER),
    ):
        pass
    for provider in providers:
        provider.shutdown()
    return list(memory.get_finished_spans())


def test_a_batch_whose_answer_is_lost_counts_its_calls_once(
    reach: Any, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [Throttled(wait=0.1)]

    def stored_and_then_lost(**given: Any) -> Any:
        kept = keep(**given)
        if lost:
            raise lost.pop()
        return kept

    monkeypatch.setattr(otlp, "keep", stored_and_then_lost)
    exporter = OTLPSpanExporter(**reach("traces"))
    assert exporter.export(one_service_calls_another()) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert lost == []
    edge = Dependency.objects.get()
    assert (edge.caller, edge.callee, edge.environment, edge.calls) == ("checkout", "payments", "prod", 1)


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


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [note.getMessage() for note in caplog.records if note.name.startswith("opentelemetry")]


@pytest.fixture
def _own_data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path


def judge_what_was_told() -> list[Event]:
    connector = Connector.objects.select_related("origin").get()
    poll(connector=connector, now=timezone.now() + timedelta(minutes=1))
    return list(Event.objects.order_by("timestamp"))


@pytest.mark.usefixtures("_own_data")
@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
def test_instruments_of_every_kind_are_taken_whole(
    reach: Any, caplog: pytest.LogCaptureFixture, temporality: AggregationTemporality
) -> None:
    kinds = (Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter, ObservableGauge)
    exporter = OTLPMetricExporter(**reach("metrics"), preferred_temporality=dict.fromkeys(kinds, temporality))
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    meter = provider.get_meter("shop")
    meter.create_observable_gauge("disk.used.percent", [lambda _: [Observation(97.5, {"device": "sda"})]], unit="%")
    paid, took = meter.create_counter("paid"), meter.create_histogram("took", unit="s")
    waiting = meter.create_up_down_counter("waiting")
    for _ in range(3):
        paid.add(5, {"method": "card"})
        took.record(0.25)
        waiting.add(1)
        assert provider.force_flush()
    provider.shutdown()
    assert complaints(caplog) == []
    names = sorted(str(one) for one in PushedSeries.objects.all())
    assert names == ["disk.used.percent", "paid per second", "took mean", "waiting"]
    (event,) = judge_what_was_told()
    assert (event.service, event.environment, event.component) == ("checkout", "prod", "sda")
    assert (event.severity, event.title) == (
        "critical",
        "disk.used.percent{device=sda}: disk in use at or above 95%, 97.5 %",
    )


def minutely(values: list[float], *, from_now: int) -> MetricsData:
    """Return what an exporter is handed: a gauge whose samples are a minute apart."""
    at = [time.time_ns() + (from_now + minute) * 60 * 10**9 for minute in range(len(values))]
    points = [NumberDataPoint({}, at[place], at[place], value) for place, value in enumerate(values)]
    metric = Metric("queue.length", "", "{job}", Gauge(points))
    scope = ScopeMetrics(InstrumentationScope("shop"), [metric], "")
    return MetricsData([ResourceMetrics(RESOURCE, [scope], "")])


@pytest.mark.usefixtures("_own_data")
def test_a_client_that_tells_of_something_unlike_before_and_sends_it_again_tells_of_one_event(
    reach: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = OTLPMetricExporter(**reach("metrics"))
    values = [20 + minute % 7 / 10 for minute in range(240)]
    for first in range(0, 240, 20):
        told = minutely(values[first : first + 20], from_now=first - 240)
        assert exporter.export(told) is MetricExportResult.SUCCESS
    assert judge_what_was_told() == []
    refusals, genuine = [Throttled(wait=0.1)], pushing.take

    def once_too_busy(**given: Any) -> Any:
        kept = genuine(**given)
        if refusals:  # the answer is lost after it was stored, as when a proxy gives up
            raise refusals.pop()
        return kept

    monkeypatch.setattr(otlp, "take", once_too_busy)
    assert exporter.export(minutely([90.0], from_now=0)) is MetricExportResult.SUCCESS
    exporter.shutdown()
    assert refusals == []
    (event,) = judge_what_was_told()
    assert event.title.startswith("queue.length: spike, 90 {job} (usually 20 to 20.6)")


@pytest.mark.usefixtures("_own_data")
def test_a_client_that_tells_of_too_many_series_hears_how_many_and_does_not_send_again(
    reach: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "MOST_SERIES", 2)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(**reach("metrics")), export_interval_millis=60_000)
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    paid = provider.get_meter("shop").create_counter("paid")
    for customer in range(5):
        paid.add(1, {"customer": customer})
    assert provider.force_flush()
    provider.shutdown()
    assert PushedSeries.objects.count() == 2
    assert sum(PushedSamples.objects.values_list("number", flat=True)) == 4  # twice: once more at shutdown
