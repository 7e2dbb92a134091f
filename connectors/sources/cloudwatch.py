"""Source: metrics of Amazon CloudWatch, watched for anomalies."""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from connectors.base import option, secret
from connectors.http import Endpoint
from connectors.reading import Part
from connectors.sources.metricpull import MetricConfig, MetricPull
from connectors.sources.metricseries import Series, finite

TARGET = "GraniteServiceVersion20100801.{}"
JSON = "application/x-amz-json-1.0"
# What one call may ask for and answer with.
QUERIES_A_CALL, POINTS_A_CALL = 500, 100_800
# CloudWatch forgets fine samples: how old they may be, and the period that is kept longer.
_KEPT = ((timedelta(days=15), 60), (timedelta(days=63), 300), (timedelta(days=455), 3600))
_STAT = re.compile(r"(?P<namespace>[\w./#-]+):(?P<metric>[\w. /%-]+):(?P<stat>[\w.]+)(?:\{(?P<dimensions>[^}]*)\})?")


@dataclass(frozen=True, kw_only=True)
class CloudWatchConfig(MetricConfig):
    """What the owner sets."""

    url: str = option("Another address than Amazon's, such as of an emulator; empty: that of the region.", default="")
    region: str = option("The region, such as eu-central-1.")
    access_key_id: str = option("Access key of a user who may cloudwatch:GetMetricData and nothing else.")
    secret_access_key: str = secret("The secret of that key.")
    session_token: str = secret("Session token, where the key is temporary.", default="")
    queries: dict[str, str] = option(
        "What is watched: a name for people, and either namespace:metric:statistic{Dimension=value, …}, as in "
        "AWS/RDS:CPUUtilization:Average{DBInstanceIdentifier=orders}, or a metric math expression such as SEARCH(…)."
    )

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found = super().wrong() if self.url else {}
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", self.region):
            found["region"] = "Give a region such as eu-central-1."
        if len(self.queries) > QUERIES_A_CALL:
            found["queries"] = f"At most {QUERIES_A_CALL}."
        bad = [name for name, query in self.queries.items() if not (_STAT.fullmatch(query) or "(" in query)]
        if bad:
            found["queries"] = f"{bad[0]}: give namespace:metric:statistic{{Dimension=value}}, or an expression."
        return found


class CloudWatch(MetricPull[CloudWatchConfig]):
    """Asks GetMetricData for each query, and tells what is unlike what its series did before.

    Samples arrive late at CloudWatch: the newest three minutes are left for the next poll. Samples of a minute are kept
    for 15 days; of older times, coarser ones are asked for.
    """

    kind, label, Config = "cloudwatch", "Amazon CloudWatch", CloudWatchConfig
    points = 1_440
    settle = timedelta(minutes=3)

    @property
    def steps(self) -> MetricConfig:
        """The settings every source of metrics has."""
        return self.config

    def endpoint(self) -> Endpoint:
        """Return where the region's API is."""
        config = self.config
        return Endpoint(
            url=config.url or f"https://monitoring.{config.region}.amazonaws.com",
            sign=Signed(config.access_key_id, config.secret_access_key, config.session_token, config.region),
            requests_per_second=config.requests_per_second,
        )

    def check(self) -> None:
        """Return when it lets us ask for metrics."""
        self._data(self.now - timedelta(minutes=10), self.now)

    def ask(self, start: datetime, end: datetime) -> Iterable[Series]:
        """Return what each query's series did."""
        found: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for part in self._data(start, end):
            name = self._names.get(part.text("Id"), "")
            found.setdefault((name, part.text("Label")), []).extend(samples_of(part))
        for (name, label), samples in found.items():
            yield self._series(name, label, samples)

    @property
    def _names(self) -> dict[str, str]:
        return {f"q{place}": name for place, name in enumerate(self.config.queries)}

    def _data(self, start: datetime, end: datetime) -> Iterator[Part]:
        """Yield a part of a series at a time: answers come in pages, and a series may be spread over several."""
        period = period_for(self.config.step, self.now - start)
        queries = [query_of(id_, self.config.queries[name], period) for id_, name in self._names.items()]
        asked: dict[str, Any] = {
            "StartTime": start.timestamp(),
            "EndTime": end.timestamp(),
            "ScanBy": "TimestampAscending",
            "MaxDatapoints": POINTS_A_CALL,
            "MetricDataQueries": queries,
        }
        while True:
            answer = self.http.post(
                "/", json=asked, headers={"X-Amz-Target": TARGET.format("GetMetricData"), "Content-Type": JSON}
            )
            body = Part(answer.json())
            yield from body.each("MetricDataResults")
            if not (token := body.text("NextToken", 10_000)):
                return
            asked["NextToken"] = token

    def _series(self, name: str, label: str, samples: list[tuple[float, float]]) -> Series:
        stat = _STAT.fullmatch(self.config.queries.get(name, ""))
        labels = dimensions(stat["dimensions"]) if stat else {"label": label}
        region = self.config.region
        return Series(
            metric=name,
            labels={**labels, "region": region},
            samples=finite(samples),
            url=f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#metricsV2:",
            default_service=self.config.service,
            default_environment=self.config.environment,
        )


class Signed(httpx.Auth):
    """Signs requests as Amazon asks (Signature Version 4)."""

    requires_request_body = True

    def __init__(self, key: str, secret_key: str, token: str, region: str) -> None:
        self._signer = SigV4Auth(Credentials(key, secret_key, token or None), "monitoring", region)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the signature."""
        named = ("content-type", "x-amz-target", "host")
        headers = {name: request.headers[name] for name in named if name in request.headers}
        unsigned = AWSRequest(request.method, str(request.url), headers=headers, data=request.content)
        self._signer.add_auth(unsigned)
        request.headers.update(dict(unsigned.headers.items()))
        yield request


def query_of(id_: str, text: str, period: int) -> dict[str, Any]:
    """Return what GetMetricData is asked for a query of the settings."""
    stat = _STAT.fullmatch(text)
    if not stat:
        return {"Id": id_, "Expression": text, "Period": period, "ReturnData": True}
    named = [{"Name": name, "Value": value} for name, value in dimensions(stat["dimensions"]).items()]
    metric = {"Namespace": stat["namespace"], "MetricName": stat["metric"], "Dimensions": named}
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat["stat"]}, "ReturnData": True}


def dimensions(text: str | None) -> dict[str, str]:
    """Return ``Name=value, …`` as a mapping."""
    pairs = (pair.partition("=") for pair in (text or "").split(",") if "=" in pair)
    return {name.strip(): value.strip() for name, _, value in pairs}


def period_for(step: int, age: timedelta) -> int:
    """Return the finest period of at least ``step`` seconds that is still kept at this age."""
    kept = next((period for oldest, period in _KEPT if age < oldest), 3600)
    return max(-(-step // 60) * 60, kept)


def samples_of(part: Part) -> Iterator[tuple[float, float]]:
    """Yield (Unix seconds, value) of one part of an answer; times are numbers or ISO 8601."""
    for at, value in zip(part.each("Timestamps"), part.each("Values"), strict=False):
        moment = Part({"at": at.value}).time_or_none("at")
        if moment and isinstance(value.value, int | float):
            yield moment.timestamp(), float(value.value)
