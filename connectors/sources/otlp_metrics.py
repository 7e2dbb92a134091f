"""Source: metrics told over OTLP. They are counted and not kept."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

NOT_KEPT = "This release keeps no metric points: send it traces and logs."


def count(request: ExportMetricsServiceRequest) -> int:
    """Return how many data points there are."""
    return sum(
        _points(metric)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def _points(metric: Metric) -> int:
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0
