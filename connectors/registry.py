"""Which kinds of source there are. A new one is a file in `connectors/sources/` and a line here."""

from typing import Any

from connectors.base import Pull, Push, Source
from connectors.errors import Misconfigured
from connectors.sources.alertmanager import Alertmanager
from connectors.sources.buildkite import Buildkite
from connectors.sources.circleci import CircleCI
from connectors.sources.cloudevents import CDEvents, CloudEvents
from connectors.sources.cloudwatch import CloudWatch
from connectors.sources.datadog import Datadog
from connectors.sources.datadog_traces import DatadogTraces
from connectors.sources.elasticsearch import Elasticsearch
from connectors.sources.git import Git
from connectors.sources.gitea import Gitea
from connectors.sources.github import GitHub
from connectors.sources.gitlab import GitLab
from connectors.sources.grafana import Grafana
from connectors.sources.jaeger import Jaeger
from connectors.sources.jenkins import Jenkins
from connectors.sources.jsonlines import JSONLines
from connectors.sources.loki import Loki
from connectors.sources.newrelic import NewRelic
from connectors.sources.opsgenie import Opsgenie
from connectors.sources.pagerduty import PagerDuty
from connectors.sources.prometheus import Prometheus
from connectors.sources.pushedmetrics import PushedMetrics
from connectors.sources.tempo import Tempo
from connectors.sources.webhook import Webhook
from connectors.sources.zipkin import Zipkin

_SOURCES: tuple[type[Source[Any]], ...] = (
    Alertmanager,
    Buildkite,
    CDEvents,
    CircleCI,
    CloudEvents,
    CloudWatch,
    Datadog,
    DatadogTraces,
    Elasticsearch,
    Git,
    Gitea,
    GitHub,
    GitLab,
    Grafana,
    Jaeger,
    Jenkins,
    JSONLines,
    Loki,
    NewRelic,
    Opsgenie,
    PagerDuty,
    Prometheus,
    PushedMetrics,
    Tempo,
    Webhook,
    Zipkin,
)
SOURCES = {source.kind: source for source in _SOURCES}


def source_kind(kind: str) -> type[Source[Any]]:
    """Return the source class called ``kind``.

    Raises:
        Misconfigured: there is none.
    """
    try:
        return SOURCES[kind]
    except KeyError:
        known = ", ".join(sorted(SOURCES))
        raise Misconfigured(f"There is no source {kind!r}.", fields={"kind": f"One of {known}."}) from None


def is_pulled(kind: str) -> bool:
    """Tell whether connectors of this kind are polled."""
    return issubclass(source_kind(kind), Pull)


def is_pushed(kind: str, path: str = "") -> bool:
    """Tell whether connectors of this kind take deliveries, at the end ``path`` of their address where one is given."""
    source = source_kind(kind)
    return issubclass(source, Push) and (not path or path in source.paths)


def handshakes(kind: str, path: str = "") -> bool:
    """Tell whether senders to connectors of this kind ask first if they may."""
    source = source_kind(kind)
    return is_pushed(kind, path) and issubclass(source, Push) and source.handshakes
