"""Source: metrics told over OTLP. Values that are bad by themselves become events."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from connectors.anomaly.kinds import kind_of, violation
from connectors.errors import BadRecord
from connectors.sources.metricseries import Form, Series, finite
from connectors.sources.otlp_values import MAX_KEY, Resource, attributes, moment
from events.choices import Source
from events.drafts import EventDraft
from rcaplatform.kit.errors import DomainError

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
# What tells two processes of one service apart. The other attributes of a resource change with each release.
_WHO: tuple[str, ...] = ("service.name", "service.namespace", "service.instance.id", "host.name", "k8s.pod.name")
_WHO += ("deployment.environment.name", "deployment.environment", "environment")
MAX_LABEL = 200


def count(request: ExportMetricsServiceRequest) -> int:
    """Return how many data points there are."""
    return sum(
        len(_points(metric))
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def series(request: ExportMetricsServiceRequest) -> Iterator[Series | DomainError]:
    """Yield a sample of a series for each data point, in no order, and why a point is no good.

    Of a histogram there is the mean of what was measured; of a sum that only grows, its rate. A summary is a gauge of
    each quantile.
    """
    for told in request.resource_metrics:
        who = {name: value for name, value in Resource.of(told.resource).attributes.items() if name in _WHO}
        for scope in told.scope_metrics:
            for metric in scope.metrics:
                for point in _points(metric):
                    yield from _read(metric, point, who)


def _points(metric: Metric) -> Sequence[Any]:
    kind = metric.WhichOneof("data")
    points: Sequence[Any] = getattr(metric, kind).data_points if kind else ()
    return points


def _read(metric: Metric, point: Any, who: dict[str, Any]) -> Iterator[Series | DomainError]:
    try:
        at = moment(point.time_unix_nano).timestamp()
        if not metric.name:
            raise BadRecord("A metric has no name.")
    except DomainError as problem:
        yield problem
        return
    told = {**who, **attributes(point.attributes)}
    labels = {name[:MAX_KEY]: str(value)[:MAX_LABEL] for name, value in told.items()}
    for suffix, more, form, value in _values(metric, point):
        yield Series(
            metric=metric.name[:MAX_KEY] + suffix,
            labels={**labels, **more},
            samples=[(at, value)] if form is Form.RATIO else finite([(at, value)]),
            form=form,
            unit=metric.unit[:MAX_KEY],
        )


def _values(metric: Metric, point: Any) -> Iterator[tuple[str, dict[str, str], Form, Any]]:
    """Yield what is watched of a point: the end of its name, further labels, its form and its value."""
    kind = metric.WhichOneof("data")
    if kind == "summary":
        for one in point.quantile_values:
            yield "", {"quantile": f"{one.quantile:g}"}, Form.GAUGE, one.value
        return
    if kind in ("gauge", "sum"):
        value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
        grows = kind == "sum" and metric.sum.is_monotonic
        cumulative = grows and metric.sum.aggregation_temporality == CUMULATIVE
        yield (" per second" if cumulative else ""), {}, Form.COUNTER if cumulative else Form.GAUGE, value
        return
    if not (kind and point.HasField("sum")):
        return
    if getattr(metric, kind).aggregation_temporality == CUMULATIVE:
        yield " mean", {}, Form.RATIO, (point.sum, float(point.count))
    elif point.count:
        yield " mean", {}, Form.GAUGE, point.sum / point.count


def drafts(request: ExportMetricsServiceRequest) -> Iterator[EventDraft | DomainError]:
    """Yield an event for each value that is bad by itself, at most one an hour of a series, and why a point is no good.

    Whether a value is unlike those before it is judged where series can be read again: by sources that are polled.
    """
    for told in series(request):
        if isinstance(told, DomainError):
            yield told
        elif told.form is Form.GAUGE:
            yield from _violations(told)


def _violations(told: Series) -> Iterator[EventDraft]:
    kind = kind_of(told.metric)
    for at, value in told.samples:
        bad = None if isinstance(value, tuple) else violation(kind, value, metric=told.metric, unit=told.unit)
        if bad is None:
            continue
        yield EventDraft(
            source=Source.METRICS,
            source_id=f"{told.key}/{at // 3_600:.0f}/{bad.severity}",
            timestamp=datetime.fromtimestamp(at, UTC),
            event_type="threshold_violation",
            title=f"{told.shown}: {value:.3g}{told.unit and ' '}{told.unit}, {kind.name} {bad.limit}",
            severity=bad.severity,
            data={"metric": told.metric, "labels": dict(told.labels), "value": value, "unit": told.unit},
            service=told.service,
            component=told.component,
            environment=told.environment,
        )
