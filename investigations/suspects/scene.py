"""Decision: what the suspects engine looks at. Values alone: no database, no files, no clock.

Moments are Unix seconds. Nothing here needs to be sorted, and every source but the alert may be empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Window(NamedTuple):
    """From when to when."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What called for help. Without service and metric it is about the whole system."""

    fired_at: float
    service: str = ""
    metric: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One metric of one service.

    Attributes:
        instance, version: of the pod it was measured at, where known.
        peer: the other end of a call. ``direction`` is then "out" (service calls peer) or "in" (peer calls service).
    """

    service: str
    metric: str
    times: Floats
    values: Floats
    instance: str = ""
    version: str = ""
    peer: str = ""
    direction: str = ""

    @property
    def about(self) -> str:
        """The service whose work it measures: of a call that goes out, that is the peer."""
        return self.peer if self.peer and self.direction == "out" else self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One log line. ``attributes`` hold what else it says, as text."""

    at: float
    service: str
    text: str
    severity: str = ""
    trace_id: str = ""
    instance: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One span of a trace."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    start: float
    milliseconds: float
    failed: bool = False
    error: str = ""
    instance: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A change to code or configuration. ``diff`` is empty where it is not known."""

    sha: str
    at: float
    message: str = ""
    author: str = ""
    files: tuple[str, ...] = ()
    diff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """A release reaching a service: all commits up to ``sha``. A rolling release has one of these for each step."""

    at: float
    service: str
    sha: str
    version: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A feature flag that changed."""

    at: float
    flag: str
    service: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a provider said of itself on its status page."""

    at: float
    provider: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One incident, as far as it is known.

    Attributes:
        calls: (caller, callee), where a call graph is known; more are inferred from spans and from metrics with a peer.
        baseline: a window known to be free of faults, where there is one.
    """

    alert: Alert
    series: tuple[Series, ...] = ()
    lines: tuple[Line, ...] = ()
    spans: tuple[Call, ...] = ()
    commits: tuple[Commit, ...] = ()
    deploys: tuple[Deploy, ...] = ()
    flips: tuple[Flip, ...] = ()
    notices: tuple[Notice, ...] = ()
    calls: frozenset[tuple[str, str]] = frozenset()
    baseline: Window | None = None
