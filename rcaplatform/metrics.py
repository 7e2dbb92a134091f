"""Composition: /metrics. What processes count, and what the stores know: the same from whichever process is asked."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import Error, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Metric, exposition
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import Redis, RedisError

from accounts.models import Switch
from accounts.notifications import delivery
from connectors import health
from connectors.choices import BreakerState
from events.models import Event
from investigations import analytics
from investigations.models import Investigation
from rcaplatform import broker
from rcaplatform.kit import figures, replica

log = structlog.get_logger(__name__)
QUEUES = sorted({"celery", *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())})
MOST_COUNTED = 100_000
MTTR_WINDOW = timedelta(days=30)
FRESH = 5.0  # seconds that an answer of the stores is good for: several scrapers ask them once


class Stores(Collector):
    """Gauges read from PostgreSQL and Redis when somebody asks. A store that is away takes only its own with it."""

    def __init__(self) -> None:
        self.read_at, self.kept = 0.0, list[Metric]()

    def collect(self) -> Iterator[Metric]:
        """Yield each gauge with its samples."""
        if time.monotonic() - self.read_at > FRESH:
            self.kept, self.read_at = list(_asked()), time.monotonic()
        yield from self.kept


def _asked() -> Iterator[Metric]:
    reachable = GaugeMetricFamily("rca_store_reachable", "Whether a store answers.", labels=["store"])
    asked: list[tuple[str, Callable[[], Iterator[Metric]], tuple[type[Exception], ...]]] = [
        ("postgresql", _database, (Error,)),
        ("redis", _redis, (RedisError,)),
    ]
    if not broker.is_redis():
        asked.append(("broker", _broker, broker.AWAY))
    if replica.REPLICA in settings.DATABASES:
        asked.append(("replica", _replica, (Error,)))
    for store, ask, problems in asked:
        try:
            yield from list(ask())
            reachable.add_metric([store], 1)
        except problems as problem:
            log.warning("metrics.store", store=store, error=str(problem))
            reachable.add_metric([store], 0)
    yield reachable


def _database() -> Iterator[Metric]:
    now = timezone.now()
    yield from connectors(health.report(now))
    off = GaugeMetricFamily("rca_switched_off", "1 for each feature that is switched off.", labels=["feature"])
    for feature in Switch.objects.values_list("feature", flat=True):
        off.add_metric([feature], 1)
    yield off
    unlinked = GaugeMetricFamily("rca_events_waiting", "Stored events not linked yet, up to 100,000.")
    unlinked.add_metric([], Event.objects.unlinked().values("pk")[:MOST_COUNTED].count())
    yield unlinked
    counts, late = delivery.standing(now)
    letters = GaugeMetricFamily("rca_notifications", "Notifications that have not left, by why.", labels=["state"])
    for state, number in counts.items():
        letters.add_metric([state], number)
    yield letters
    lag = GaugeMetricFamily("rca_notifications_lag_seconds", "For how long the longest due one has not been tried.")
    lag.add_metric([], late)
    yield lag
    recent = Investigation.objects.alive().filter(resolved_at__gte=now - MTTR_WINDOW)
    mttr = GaugeMetricFamily(
        "rca_mttr_seconds", "Mean time to resolve, of what was resolved in 30 days.", labels=["severity"]
    )
    for row in analytics.time_to_resolve(recent)["severities"]:
        if row["mean_minutes"] is not None:
            mttr.add_metric([row["severity"]], row["mean_minutes"] * 60)
    yield mttr
    cases = GaugeMetricFamily("rca_investigations", "Investigations that are worked on.", labels=["severity"])
    for row in analytics.by_severity(Investigation.objects.active()):
        cases.add_metric([row["severity"]], row["active"])
    yield cases


def _replica() -> Iterator[Metric]:
    behind = GaugeMetricFamily("rca_replica_lag_seconds", "For how long, at most, the standby has missed what is told.")
    behind.add_metric([], replica.standby.look())
    if replica.standby.away:
        raise OperationalError("The standby does not answer.")
    yield behind


def connectors(report: Iterable[health.Health]) -> Iterator[Metric]:
    """Yield how each connector fares. Pure."""
    named = ["connector"]
    state = GaugeMetricFamily("rca_connector_state", "1 at the state it is in.", labels=[*named, "kind", "state"])
    breaker = GaugeMetricFamily("rca_breaker_state", "1 at the state it is in.", labels=[*named, "state"])
    plain = {
        "failures": GaugeMetricFamily("rca_connector_failures", "Failed polls in a row.", labels=named),
        "lag": GaugeMetricFamily("rca_connector_lag_seconds", "How long what is due has waited.", labels=named),
        "dead": GaugeMetricFamily("rca_dead_letters", "Items that could not be processed.", labels=named),
        "pending": GaugeMetricFamily("rca_deliveries_waiting", "Deliveries not digested yet.", labels=named),
        "gaps": GaugeMetricFamily("rca_connector_gaps", "Spans of a day that a source withheld.", labels=named),
        "blind": GaugeMetricFamily("rca_connector_blind", "1 while the timeline knows it is not heard.", labels=named),
        "heard": GaugeMetricFamily("rca_connector_last_success_timestamp_seconds", "Last good poll.", labels=named),
    }
    for row in report:
        name = row.connector.name
        for known in health.STATES:
            state.add_metric([name, row.connector.kind, known], row.state == known)
        for known in BreakerState.values:
            breaker.add_metric([name, known], row.breaker.state == known)
        plain["failures"].add_metric([name], row.connector.failures)
        plain["lag"].add_metric([name], row.lag_seconds)
        plain["dead"].add_metric([name], row.dead_letters)
        plain["pending"].add_metric([name], row.pending)
        plain["gaps"].add_metric([name], row.gaps)
        plain["blind"].add_metric([name], row.connector.blind_since is not None)
        if row.connector.last_success_at:
            plain["heard"].add_metric([name], row.connector.last_success_at.timestamp())
    yield from (state, breaker, *plain.values())


def _broker() -> Iterator[Metric]:
    depth = GaugeMetricFamily("rca_queue_depth", "Tasks that wait for a worker.", labels=["queue"])
    for queue, length in broker.depths(QUEUES).items():
        depth.add_metric([queue], length)
    yield depth


def _redis() -> Iterator[Metric]:
    with Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS) as client:
        client.ping()
    if broker.is_redis():
        yield from _broker()


_registry = CollectorRegistry()
_registry.register(figures.Counted())
_registry.register(Stores())


@require_safe
def expose(request: HttpRequest) -> HttpResponse:
    """Answer in the format the scraper prefers."""
    encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_registry), content_type=content_type)
