"""Decision: what a metric series is, whoever tells of it, and which service it speaks of. No database here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from math import isfinite

from connectors.reading import fit

# Names that people give to the same thing, the surest first. Dots and dashes count as underscores.
SERVICE = (
    *("service_name", "service", "app", "app_kubernetes_io_name", "application", "functionname", "job", "container"),
    *("servicename", "loadbalancer", "dbinstanceidentifier", "queuename", "tablename", "cacheclusterid"),
)
COMPONENT = (
    *("component", "handler", "route", "endpoint", "operation", "device", "mountpoint", "queue", "topic", "table"),
    *("pod", "instance", "host", "hostname", "node", "instanceid", "autoscalinggroupname"),
)
ENVIRONMENT = (
    *("deployment_environment_name", "deployment_environment", "environment", "env", "stage", "cluster"),
    "namespace",
)
# What tells one process of many from the others, and not one series from another as people see them.
UNTOLD = frozenset({"__name__", "le", "quantile", "service.instance.id"})
SHOWN_LABELS = 6


class Form(StrEnum):
    """What the values of a series are.

    A counter only grows, and starts at zero again with its process: people look at its rate. A ratio is two such, as
    the sum and the count of a histogram: people look at the mean of what came in between.
    """

    GAUGE = "gauge"
    COUNTER = "counter"
    RATIO = "ratio"


Value = float | tuple[float, float]


@dataclass(frozen=True)
class Series:
    """Samples of one series in the order of time.

    Attributes:
        metric: its name, or what the query that made it is called.
        labels: what tells it from the others of that name.
        unit: as the source writes it (``s``, ``By``, ``Percent``); empty when it does not say.
        samples: (Unix seconds, value); values are finite. Of a ratio, a value is (sum, count).
        since: from when on a counter or a ratio counts, in Unix seconds, where the source says so: a later one means
            that it started again from zero.
    """

    metric: str
    labels: Mapping[str, str]
    samples: Sequence[tuple[float, Value]]
    form: Form = Form.GAUGE
    unit: str = ""
    url: str = ""
    default_service: str = ""
    default_environment: str = ""
    since: float = 0.0
    _folded: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        folded = {folded_name(name): value for name, value in self.labels.items() if value}
        object.__setattr__(self, "_folded", folded)

    @cached_property
    def key(self) -> str:
        """What identifies it, whenever it is told."""
        told = "\0".join([self.metric, *(f"{name}={value}" for name, value in sorted(self.labels.items()))])
        return blake2b(told.encode(errors="replace"), digest_size=12).hexdigest()

    @property
    def service(self) -> str:
        """The service it speaks of, or that of the connector."""
        return fit("service", self._first(SERVICE) or self.default_service)

    @property
    def component(self) -> str:
        """The part of the service it speaks of."""
        return fit("component", self._first(COMPONENT))

    @property
    def environment(self) -> str:
        """Where."""
        return fit("environment", self._first(ENVIRONMENT) or self.default_environment)

    @cached_property
    def shown(self) -> str:
        """How people read it: its name and the labels that are neither the service nor where it runs."""
        said = {self.service, self.environment}
        told = {name: value for name, value in sorted(self.labels.items()) if name not in UNTOLD and value not in said}
        labels = ", ".join(f"{name}={value}" for name, value in list(told.items())[:SHOWN_LABELS])
        return f"{self.metric}{{{labels}}}" if labels else self.metric

    def _first(self, names: Iterable[str]) -> str:
        return next((self._folded[name] for name in names if name in self._folded), "")


def folded_name(name: str) -> str:
    """Return a label's name as `SERVICE` and the others spell it."""
    return name.lower().replace(".", "_").replace("-", "_").replace("/", "_")


def finite(samples: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return samples in the order of time, without those that are no number: they say that there was none."""
    return sorted((at, value) for at, value in samples if isfinite(at) and isfinite(value))
