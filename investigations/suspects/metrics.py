"""Decision: what a metric is about, by the words of its name. Units do not matter."""

import re
from enum import StrEnum
from functools import lru_cache


class Facet(StrEnum):
    """What a metric says of a service."""

    ERRORS = "errors"
    HEALTH = "health"  # errors the other way round: it is bad when it falls
    LATENCY = "latency"
    RESOURCE = "resource"
    TRAFFIC = "traffic"
    OTHER = "other"


# In this order: "request_queue_depth" is a resource, "http_5xx_per_sec" counts errors.
_FACETS: tuple[tuple[Facet, re.Pattern[str]], ...] = tuple(
    (facet, re.compile(words))
    for facet, words in (
        (Facet.HEALTH, r"availab|success|uptime|healthy|hit_?(ratio|rate)|hits\b|apdex"),
        (
            Facet.ERRORS,
            (
                r"err\b|error|fail|[45]xx|exception|panic|abort|reject|cancel|throttl|timeout|dropped|unavail|restart|loss"
                r"|oom|retr(y|ies)|denied|invalid|dead_?letter|mismatch|stale|evict|miss(es)?\b|miss_?(ratio|rate)"
            ),
        ),
        (
            Facet.RESOURCE,
            (
                r"cpu|mem|\brss\b|\bram\b|heap|disk|file|\bfs\b|\bio\b|io_?(wait|util)|diskio|sockets?|\bfds?\b|descriptor|thread|goroutine"
                r"|\bgc\b|conn|pool|queue|depth|\blag\b|backlog|\bage\b|oldest|util|saturat|capacity|rows|bytes|swap|\bnet|packet"
                r"|replica|pods|load_?(avg|1|5)|read_?|write_?|inode|cache_?(size|entries|keys)"
            ),
        ),
        (Facet.LATENCY, r"latenc|duration|response_?time|\brt\b|elapsed|delay|\bp\d\d\d?\b|_p\d\d|time_?(ms|s|us)\b"),
        (
            Facet.TRAFFIC,
            (
                r"request|\brps\b|\bqps\b|workload|throughput|\bops\b|traffic|invocation|calls|messages|per_?(sec|min|s)\b"
                r"|flushed|processed|orders|visits|sessions|count\b|rate\b"
            ),
        ),
    )
)
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=10_000)
def facet(metric: str) -> Facet:
    """Return what a metric is about."""
    name = _CAPITAL.sub("_", metric).casefold().replace("-", "_").replace(".", "_").replace(" ", "_")
    spaced = f"{name} {name.replace('_', ' ')}"
    return next((about for about, words in _FACETS if words.search(spaced)), Facet.OTHER)


def per_call(metric: str) -> bool:
    """Tell whether a metric counts something in each request, which traffic alone does not raise."""
    return bool(re.search(r"per_?(request|call|req|query|transaction|op)\b", metric.casefold()))


def per_event(metric: str) -> bool:
    """Tell whether a metric of errors or health is a share of what is done, so that traffic makes a count of it."""
    return bool(re.search(r"ratio|rate|pct|percent|%|availab|success|uptime|share|apdex", metric.casefold()))


def waiting(metric: str) -> bool:
    """Tell whether a metric of a resource rises when calls merely take longer: connections, threads, queues."""
    return bool(
        re.search(r"conn|socket|thread|queue|goroutine|pool|in_?flight|pending|\bfds?\b|descriptor", metric.casefold())
    )


def share(metric: str, most: float) -> float | None:
    """Return what of this metric of errors or health is all; None where it counts rather than shares out.

    Args:
        most: the largest value that is seen.
    """
    if not per_event(metric):
        return 1.0 if most <= 1.0 else None
    if re.search(r"%|pct|percent", metric.casefold()) or 1.5 < most <= 100.5:
        return 100.0
    return 1.0 if most <= 1.0 else None


def preference(metric: str) -> tuple[int, str]:
    """Return a key by which one of several statistics is chosen: means first, they add up, then low quantiles."""
    name = metric.casefold()
    for place, words in enumerate((r"avg|average|mean", r"p50|median|-50", r"p9[05]|-9[05]", r"p99|-99")):
        if re.search(words, name):
            return place, name
    return 1, name
