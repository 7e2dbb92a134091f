"""Decision: what a change can do to a service and how that shows; what comes from outside. Read from knowledge.toml.

Each mechanism joins what is seen in a diff with what is seen in telemetry; only both together speak for a change. They
follow published studies of incidents: Ghosh et al., "How to fight production incidents?" (SoCC 2022); Liu et al., "What
bugs cause production cloud incidents?" (HotOS 2019); Gunawi et al., "Why does the cloud stop computing?" (SoCC 2016).
"""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Way = Literal["", "down", "up", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One way in which a change breaks a service.

    Attributes:
        does: what the change does, to follow "It".
        removed, added: what there is less, or more, of in the lines that changed.
        knob, way: a number beside this word that was turned down, or up.
        shape: what the lines do that no single line tells: "call in loop", "guard removed", "renamed field", "flipped".
        shows: what logs, spans and the alert then say.
        metrics: which metrics then move.
        slow: whether hours may pass before it shows.
        sure: how much such a diff by itself says that it breaks something.
    """

    name: str
    does: str
    shows: str
    removed: str = ""
    added: str = ""
    knob: str = ""
    way: Way = ""
    shape: str = ""
    metrics: str = ""
    slow: bool = False
    sure: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a cause outside of every change makes services say.

    Attributes:
        odds: how much that speaks for it, in log-odds.
        excused: the mechanisms of changes that would leave the same traces.
    """

    name: str
    says: str
    odds: float
    remediation: str
    excused: frozenset[str]


@lru_cache(maxsize=1_000)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern, compiled once."""
    return re.compile(pattern, re.IGNORECASE)


def _joined(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with each list of patterns as one."""
    return {name: "|".join(value) if isinstance(value, list) else value for name, value in row.items()}


_KNOWN = tomllib.loads(Path(__file__).with_name("knowledge.toml").read_text(encoding="utf-8"))
MECHANISMS = tuple(Mechanism(**_joined(row)) for row in _KNOWN["mechanism"])
TRACES = tuple(Trace(**{**_joined(row), "excused": frozenset(row["excused"])}) for row in _KNOWN["outside"])
