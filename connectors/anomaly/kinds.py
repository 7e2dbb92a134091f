"""Decision: what a metric measures, judged by its name and unit, and when its value alone is bad. No database here."""

import re
from dataclasses import dataclass

from events.choices import Severity

UP, DOWN, EITHER = "up", "down", "either"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a metric measures.

    Attributes:
        name: in words.
        pattern: what its name looks like, spelled with underscores.
        worse: the direction in which it gets worse.
        limits: (severity, from this value on), worst first; shares are 0..1.
        share: whether it is a share of a whole, which some write in percent.
    """

    name: str
    pattern: re.Pattern[str]
    worse: str = EITHER
    limits: tuple[tuple[Severity, float], ...] = ()
    share: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """A value beyond a limit that holds for its kind, whatever the series did before."""

    severity: Severity
    limit: str


def _kind(name: str, pattern: str, worse: str = EITHER, *limits: tuple[Severity, float], share: bool = False) -> Kind:
    return Kind(name, re.compile(pattern), worse, limits, share)


_C, _H, _M = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM
# The first that matches counts: the more telling words stand above.
KINDS = (
    _kind(
        "certificate expiry in days",
        r"cert\w*_(expiry|expires|days)\w*days|days_until\w*expir",
        DOWN,
        (_C, 2),
        (_H, 14),
    ),
    _kind(
        "disk in use",
        r"(disk|filesystem|fs|volume|storage)\w*(used|usage|utili[sz]ation|full)\w*",
        UP,
        (_C, 0.95),
        (_H, 0.9),
        share=True,
    ),
    _kind(
        "disk free",
        r"(disk|filesystem|fs|volume|storage)\w*(free|avail)\w*(ratio|percent|pct)",
        DOWN,
        (_C, 0.05),
        (_H, 0.1),
        share=True,
    ),
    _kind(
        "memory in use",
        r"(mem|memory|heap)\w*(used|usage|utili[sz]ation)\w*(ratio|percent|pct)|memoryutilization",
        UP,
        (_C, 0.97),
        (_H, 0.92),
        share=True,
    ),
    _kind(
        "cpu in use",
        r"cpu\w*(used|usage|utili[sz]ation|percent|pct|ratio|busy)|cpuutilization",
        UP,
        (_H, 0.97),
        share=True,
    ),
    _kind(
        "error share",
        r"error\w*(ratio|rate_percent|percent|pct|share)|failure_ratio",
        UP,
        (_C, 0.25),
        (_H, 0.05),
        share=True,
    ),
    _kind("availability", r"availability|success\w*(ratio|percent|pct)", DOWN, (_C, 0.9), (_H, 0.99), share=True),
    _kind("target up", r"^up$|(^|_)(up|healthy|alive)(_|$)", DOWN, (_H, 0.0)),
    _kind("out of memory kills", r"oom", UP, (_H, 1)),
    _kind("errors", r"error|fail|exception|5xx|reject|drop|timeout", UP),
    _kind("latency", r"latency|duration|response_time|elapsed|_seconds$|_ms$|p9[059]|p50", UP),
    _kind("saturation", r"queue|lag|backlog|pending|saturation|throttl|wait|iowait|load|connections|restart", UP),
    _kind("traffic", r"request|throughput|qps|rps|rate|count|bytes|packets|hits", EITHER),
    _kind("free resources", r"free|avail|idle|remaining", DOWN),
)
OTHER = Kind("other", re.compile(""))
_PERCENT = frozenset({"percent", "%", "pct"})


def kind_of(metric: str) -> Kind:
    """Return what a metric of this name measures."""
    spelled = re.sub(r"[^a-z0-9]+", "_", metric.lower()).strip("_")
    return next((kind for kind in KINDS if kind.pattern.search(spelled)), OTHER)


def violation(kind: Kind, value: float, *, metric: str = "", unit: str = "") -> Violation | None:
    """Return how bad ``value`` is for its kind by itself, or nothing.

    A share is read as percent when its name or unit says so, or when it is above 1.5.
    """
    percent = kind.share and (unit.lower() in _PERCENT or _says_percent(metric) or value > 1.5)
    given = value / 100 if percent else value
    if kind.share and not 0 <= given <= 1.5:
        return None
    for severity, limit in kind.limits:
        beyond = given >= limit if kind.worse == UP else given <= limit
        if beyond:
            shown = f"{limit:.0%}" if kind.share else f"{limit:g}"
            return Violation(severity, f"{'at or above' if kind.worse == UP else 'at or below'} {shown}")
    return None


def _says_percent(metric: str) -> bool:
    return bool(re.search(r"percent|pct|utilization$", metric.lower()))
