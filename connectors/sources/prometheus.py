"""Source: Prometheus and what speaks its API (VictoriaMetrics, Mimir, Thanos): range queries, watched for anomalies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from connectors.base import option
from connectors.errors import BadRecord, Refused
from connectors.http import Endpoint
from connectors.logins import TenantConfig
from connectors.reading import Part
from connectors.sources.metricpull import MetricConfig, MetricPull
from connectors.sources.metricseries import Series, finite

# What most installations have. A query that matches nothing costs one request and tells nothing.
QUERIES = {
    "up": "up",
    "error ratio": (
        'sum by (job, service) (rate(http_requests_total{code=~"5.."}[5m])) '
        "/ sum by (job, service) (rate(http_requests_total[5m]))"
    ),
    "request rate": "sum by (job, service) (rate(http_requests_total[5m]))",
    "latency p99 seconds": (
        "histogram_quantile(0.99, sum by (le, job, service) (rate(http_request_duration_seconds_bucket[5m])))"
    ),
    "cpu cores": "sum by (job, instance) (rate(process_cpu_seconds_total[5m]))",
    "memory bytes": "process_resident_memory_bytes",
    "disk used ratio": (
        'max by (instance, mountpoint) (1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} '
        "/ node_filesystem_size_bytes)"
    ),
}


@dataclass(frozen=True, kw_only=True)
class PrometheusConfig(TenantConfig, MetricConfig):
    """What the owner sets."""

    queries: dict[str, str] = option(
        "What is watched: a name for people, and a PromQL expression; each series it returns is judged by itself. "
        "Name the unit, as in «latency p99 seconds».",
        default=QUERIES,
    )


class Prometheus(MetricPull[PrometheusConfig]):
    """Asks what each query returned lately, and tells what is unlike what its series did before.

    Prometheus answers at most 11,000 samples a series at once; more is asked for in parts.
    """

    kind, label, Config = "prometheus", "Prometheus", PrometheusConfig
    points = 10_000

    @property
    def steps(self) -> MetricConfig:
        """The settings every source of metrics has."""
        return self.config

    def endpoint(self) -> Endpoint:
        """Return where it is."""
        config = self.config
        return Endpoint(url=config.url, headers=config.login(), requests_per_second=config.requests_per_second)

    def check(self) -> None:
        """Return when it answers a query."""
        self.http.get("api/v1/query", params={"query": "vector(1)"})

    def ask(self, start: datetime, end: datetime) -> Iterable[Series]:
        """Return what each query's series did; a query it cannot read is named, with the others left out too."""
        step = self.config.step
        for name, query in self.config.queries.items():
            asked = {"query": query, "start": start.timestamp(), "end": end.timestamp() - step, "step": step}
            try:
                answer = self.http.post("api/v1/query_range", form=asked)
            except Refused as refusal:
                said = f"queries: {name}: {refusal.said or refusal.message}"
                raise Refused(said, answered=refusal.answered) from refusal
            yield from self._series(name, query, answer.json())

    def _series(self, name: str, query: str, payload: Any) -> Iterator[Series]:
        url = f"{self.config.url.rstrip('/')}/graph?{urlencode({'g0.expr': query, 'g0.tab': 0})}"
        for labels, samples in series_in(payload):
            yield Series(
                metric=name,
                labels=labels,
                samples=samples,
                url=url,
                default_service=self.config.service,
                default_environment=self.config.environment,
            )


def series_in(payload: Any) -> Iterator[tuple[dict[str, str], list[tuple[float, float]]]]:
    """Yield the labels and samples of each series in the answer to a query: a matrix, a vector or a scalar.

    Raises:
        BadRecord: it is no successful answer.
    """
    body = Part(payload)
    if body.text("status") != "success":
        raise BadRecord(f"Prometheus says: {body.text('error') or 'neither success nor why not'}.")
    data = body["data"]
    for part in data.each("result"):
        values = part["values"].value or [part["value"].value]
        yield part.mapping("metric"), finite(_pairs(values))


def _pairs(values: Any) -> Iterator[tuple[float, float]]:
    """Yield (Unix seconds, value); values are texts, ``NaN`` and ``+Inf`` among them."""
    for pair in values if isinstance(values, list) else ():
        try:
            at, value = pair
            yield float(at), float(value)
        except (TypeError, ValueError):
            continue
