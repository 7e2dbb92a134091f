"""Decision: what the data points of an OTLP request say, each as a sample of a series. No database here."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, DataPointFlags, Metric

from connectors.errors import BadRecord
from connectors.sources.metricseries import Form, Series
from connectors.sources.otlp_values import MAX_KEY, Resource, attributes, moment
from rcaplatform.kit.errors import DomainError

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
# What tells two processes of one service apart. The other attributes of a resource change with each release.
_WHO: tuple[str, ...] = ("service.name", "service.namespace", "service.instance.id", "host.name", "k8s.pod.name")
_WHO += ("deployment.environment.name", "deployment.environment", "environment")
MAX_LABEL = 200
# A sample from the future would make all that follow it look old; one this old is past what is learned from.
AHEAD, OLDEST = timedelta(minutes=10), timedelta(hours=24)


def count(request: ExportMetricsServiceRequest) -> int:
    """Return how many data points there are."""
    return sum(
        len(_points(metric))
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def points(request: ExportMetricsServiceRequest, *, now: datetime) -> Iterator[list[Series] | DomainError]:
    """Yield of each data point the series it is a sample of, or why it is no good.

    Of a histogram there is the mean of what was measured; of a sum that only grows, its rate. A summary is a gauge of
    each quantile. A point that says that there is no value, or measured nothing, is a sample of none.
    """
    for told in request.resource_metrics:
        who = {name: value for name, value in Resource.of(told.resource).attributes.items() if name in _WHO}
        for scope in told.scope_metrics:
            for metric in scope.metrics:
                for point in _points(metric):
                    try:
                        yield _read(metric, point, who, now)
                    except DomainError as problem:
                        yield problem


def _points(metric: Metric) -> Sequence[Any]:
    kind = metric.WhichOneof("data")
    found: Sequence[Any] = getattr(metric, kind).data_points if kind else ()
    return found


def _read(metric: Metric, point: Any, who: dict[str, Any], now: datetime) -> list[Series]:
    at = moment(point.time_unix_nano)
    if not metric.name:
        raise BadRecord("A metric has no name.")
    if at > now + AHEAD:
        raise BadRecord(f"A time is more than {AHEAD // timedelta(minutes=1)} minutes ahead.")
    if at < now - OLDEST:
        raise BadRecord(f"A time is more than {OLDEST // timedelta(hours=1)} hours ago.")
    if point.flags & NO_VALUE:
        return []
    told = {**who, **attributes(point.attributes)}
    labels = {name[:MAX_KEY]: str(value)[:MAX_LABEL] for name, value in told.items()}
    found = []
    for suffix, more, form, value in _values(metric, point):
        if not all(map(isfinite, value if isinstance(value, tuple) else (value,))):
            continue
        since = point.start_time_unix_nano / 1e9 if form is not Form.GAUGE else 0.0
        found.append(
            Series(
                metric=metric.name[:MAX_KEY] + suffix,
                labels={**labels, **more},
                samples=[(at.timestamp(), value)],
                form=form,
                unit=metric.unit[:MAX_KEY],
                since=since,
            )
        )
    return found


def _values(metric: Metric, point: Any) -> Iterator[tuple[str, dict[str, str], Form, Any]]:
    """Yield what is watched of a point: the end of its name, further labels, its form and its value."""
    kind = metric.WhichOneof("data")
    if kind == "summary":
        for one in point.quantile_values:
            yield "", {"quantile": f"{one.quantile:g}"}, Form.GAUGE, one.value
        return
    if kind in ("gauge", "sum"):
        value = float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)
        if kind == "gauge" or not metric.sum.is_monotonic:
            yield "", {}, Form.GAUGE, value
        elif metric.sum.aggregation_temporality == CUMULATIVE:
            yield " per second", {}, Form.COUNTER, value
        elif passed := _seconds(point):
            yield " per second", {}, Form.GAUGE, value / passed
        else:
            yield "", {}, Form.GAUGE, value
        return
    if not (kind and point.HasField("sum")):
        return
    if getattr(metric, kind).aggregation_temporality == CUMULATIVE:
        yield " mean", {}, Form.RATIO, (point.sum, float(point.count))
    elif point.count:
        yield " mean", {}, Form.GAUGE, point.sum / point.count


def _seconds(point: Any) -> float:
    """Return how long a delta was counted; 0 where it does not say."""
    passed: int = point.time_unix_nano - point.start_time_unix_nano
    return passed / 1e9 if point.start_time_unix_nano and passed > 0 else 0.0
