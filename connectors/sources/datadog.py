"""Source: metrics of Datadog, watched for anomalies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.base import option
from connectors.http import Endpoint
from connectors.reading import Part
from connectors.sources.datadog_api import DatadogConfig
from connectors.sources.metricpull import MetricConfig, MetricPull
from connectors.sources.metricseries import Series, finite

MILLISECONDS = 1_000


@dataclass(frozen=True, kw_only=True)
class DatadogMetricsConfig(DatadogConfig, MetricConfig):
    """What the owner sets."""

    queries: dict[str, str] = option(
        "What is watched: a name for people, and a metric query such as "
        "avg:trace.http.request.errors{env:prod} by {service}; each series it returns is judged by itself."
    )

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        return super().wrong() or ({} if self.queries else {"queries": "Name at least one query."})


class Datadog(MetricPull[DatadogMetricsConfig]):
    """Asks for the points of each query, and tells what is unlike what its series did before."""

    kind, label, Config = "datadog", "Datadog metrics", DatadogMetricsConfig
    points = 1_000

    @property
    def steps(self) -> MetricConfig:
        """The settings every source of metrics has."""
        return self.config

    def endpoint(self) -> Endpoint:
        """Return where it is."""
        return self.config.endpoint()

    def check(self) -> None:
        """Return when both keys are accepted."""
        self.http.get("api/v2/validate_keys")

    def ask(self, start: datetime, end: datetime) -> Iterable[Series]:
        """Return what each query's series did."""
        for name, query in self.config.queries.items():
            answer = self.http.post("api/v2/query/timeseries", json=self._question(query, start, end))
            yield from self._series(name, query, answer.json())

    def _question(self, query: str, start: datetime, end: datetime) -> dict[str, Any]:
        attributes = {
            "formulas": [{"formula": "a"}],
            "queries": [{"data_source": "metrics", "name": "a", "query": query}],
            "from": int(start.timestamp() * MILLISECONDS),
            "to": int(end.timestamp() * MILLISECONDS) - 1,
            "interval": self.config.step * MILLISECONDS,
        }
        return {"data": {"type": "timeseries_request", "attributes": attributes}}

    def _series(self, name: str, query: str, payload: Any) -> Iterator[Series]:
        url = f"{self.config.app}/metric/explorer?exp_query={quote(query)}"
        for labels, unit, samples in series_in(payload):
            yield Series(
                metric=name,
                labels=labels,
                samples=samples,
                unit=unit,
                url=url,
                default_service=self.config.service,
                default_environment=self.config.environment,
            )


def series_in(payload: Any) -> Iterator[tuple[dict[str, str], str, list[tuple[float, float]]]]:
    """Yield labels, unit and samples of each series in an answer of either version of the API."""
    body = Part(payload)
    for part in body.each("series"):  # version 1
        tags = part.texts("tag_set") or part.text("scope").split(",")
        points = part["pointlist"].value
        yield _labels(tags), _unit(part), _samples(points if isinstance(points, list) else [])
    told = body["data"]["attributes"]
    times = [time.value for time in told.each("times")]
    for part, values in zip(told.each("series"), told.each("values"), strict=False):
        numbers = values.value if isinstance(values.value, list) else []
        yield _labels(part.texts("group_tags")), _unit(part), _samples(list(zip(times, numbers, strict=False)))


def _labels(tags: Iterable[str]) -> dict[str, str]:
    pairs = (tag.partition(":") for tag in tags if ":" in tag)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _unit(part: Part) -> str:
    units = part.each("unit")
    return units[0].text("short_name") or units[0].text("name") if units else ""


def _samples(points: Iterable[Any]) -> list[tuple[float, float]]:
    """Return (Unix seconds, value); a moment without a value has null."""
    pairs = (point for point in points if isinstance(point, list | tuple) and len(point) == 2)
    return finite(
        (at / MILLISECONDS, float(value))
        for at, value in pairs
        if isinstance(at, int | float) and isinstance(value, int | float)
    )
