"""Decision: what is remarkable in the samples of many series, each judged by its own past. No database here."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from connectors.anomaly.detector import THRESHOLD, Detector, Floats, Reading
from connectors.anomaly.judgement import in_words, severity_of, shape_of
from connectors.anomaly.kinds import Kind, kind_of, violation
from connectors.sources.metricseries import Form, Series, Value
from events.choices import Severity

# Calm samples in a row that end an anomaly; one alone may be chance.
CALM = 5
# Samples shown with an event, so that people see the shape without asking the source.
RECENT = 60
MOST_SERIES = 1_000
_WORST_FIRST = list(Severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """One remarkable thing about a series: it began to behave unlike before, or grew worse.

    Attributes:
        at: when, in Unix seconds.
        onset: when it began: what tells one anomaly of a series from the next.
        why: in words.
        recent: the samples up to then, (Unix seconds, value).
    """

    series: Series
    kind: Kind
    at: float
    onset: float
    value: float
    severity: Severity
    shape: str
    why: str
    reading: Reading
    recent: list[tuple[float, float]]

    @property
    def reference(self) -> str:
        """What identifies it, however often the samples are read."""
        return f"{self.series.key}/{self.onset:.0f}/{self.severity}"

    def told(self) -> dict[str, Any]:
        """Return it as the JSON of a record."""
        return {
            "metric": self.series.metric,
            "shown": self.series.shown,
            "labels": dict(self.series.labels),
            "unit": self.series.unit,
            "url": self.series.url,
            "service": self.series.service,
            "component": self.series.component,
            "environment": self.series.environment,
            "kind": self.kind.name,
            "at": self.at,
            "onset": self.onset,
            "value": self.value,
            "expected": self.reading.expected,
            "low": self.reading.low,
            "high": self.reading.high,
            "score": round(self.reading.score, 3),
            "severity": str(self.severity),
            "shape": self.shape,
            "why": self.why,
            "samples": [[round(at), value] for at, value in self.recent],
        }


@dataclass(slots=True)
class Judge:
    """What is known of one series: its detector, its newest samples, and the anomaly that has not ended.

    Attributes:
        last: the time of the newest sample looked at; earlier ones were looked at before.
        counted: the newest value of a counter, or sum and count of a ratio.
        since: from when on it counted.
        severity: of the anomaly that has not ended; None when there is none.
    """

    detector: Detector = field(default_factory=Detector)
    last: float = 0.0
    counted: Any = None
    since: float = 0.0
    recent: list[tuple[float, float]] = field(default_factory=list)
    onset: float = 0.0
    severity: Severity | None = None
    calm: int = 0

    def look(self, series: Series, kind: Kind, *, apart: float = 0.0) -> Iterator[Finding]:
        """Yield what is remarkable in samples that were not looked at before.

        Args:
            apart: a sample that follows within so many seconds is passed over, unless it is bad by itself.
        """
        for at, value in series.samples:
            if at <= self.last or (at - self.last < apart and not self._is_news(series, kind, value)):
                continue
            if series.since != self.since:
                self.counted, self.since = None, series.since
            shown = self._shown(at, value, series.form)
            self.last = at
            if shown is not None:
                self.recent = [*self.recent[1 - RECENT :], (at, shown)]
                if found := self._judged(series, kind, at, shown):
                    yield found

    def _is_news(self, series: Series, kind: Kind, value: Value) -> bool:
        """Tell whether a value is beyond a limit of its kind while nothing is known to be wrong."""
        if self.severity or series.form is not Form.GAUGE or isinstance(value, tuple):
            return False
        return violation(kind, value, metric=series.metric, unit=series.unit) is not None

    def _judged(self, series: Series, kind: Kind, at: float, value: float) -> Finding | None:
        reading = self.detector.update(at, value)
        limit = violation(kind, value, metric=series.metric, unit=series.unit)
        alarm = reading.score >= THRESHOLD
        outside = not reading.low <= value <= reading.high
        if not (alarm or limit or (self.severity and outside)):
            self._calm_down()
            return None
        self.calm = 0
        lasted = at - self.onset if self.severity else 0.0
        severity = severity_of(kind, value, reading, lasted=lasted)
        why = in_words(value, reading)
        if limit and not _worse(severity, limit.severity):
            severity, why = limit.severity, f"{kind.name} {limit.limit}: {why}"
        if self.severity and not _worse(severity, self.severity):
            return None
        self.onset, self.severity = (self.onset if self.severity else at), severity
        shape = shape_of([sample for _, sample in self.recent], reading)
        if limit and not alarm:
            shape = f"{kind.name} {limit.limit}"
        return Finding(series, kind, at, self.onset, value, severity, shape, why, reading, list(self.recent))

    def _calm_down(self) -> None:
        self.calm += 1
        if self.calm >= CALM:
            self.severity = None

    def _shown(self, at: float, value: Value, form: Form) -> float | None:
        """Return what people look at: of a counter the rate, of a ratio the mean since the last sample."""
        if not isinstance(value, tuple) and form is Form.GAUGE:
            return float(value)
        before, self.counted = self.counted, value
        if before is None:
            return None
        if isinstance(value, tuple):
            total, count = value[0] - before[0], value[1] - before[1]
            return total / count if count > 0 else None
        grown, passed = value - before, at - self.last
        return grown / passed if grown >= 0 and passed > 0 else None


class Watch:
    """The judges of many series, the most recently told ones when there are more than fit.

    Args:
        apart: seconds between two samples of a series at least; see `Judge.look`.
    """

    def __init__(self, *, apart: float = 0.0) -> None:
        self.apart = apart
        self.judges: OrderedDict[str, Judge] = OrderedDict()
        self.until = ""

    def look(self, series: Series) -> list[Finding]:
        """Return what is remarkable in what is told of a series."""
        judge = self.judges.setdefault(series.key, Judge())
        self.judges.move_to_end(series.key)
        if len(self.judges) > MOST_SERIES:
            self.judges.popitem(last=False)
        return list(judge.look(series, kind_of(series.metric), apart=self.apart))

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Return what is known: what is JSON, and what the detectors have learned."""
        told = {
            key: [one.last, one.counted, one.since, one.recent, one.onset, one.severity, one.calm]
            for key, one in self.judges.items()
        }
        return {"until": self.until, "judges": told}, {key: one.detector.state() for key, one in self.judges.items()}

    @classmethod
    def restore(cls, told: dict[str, Any], learned: dict[str, Floats], *, apart: float = 0.0) -> Self:
        """Return a watch that goes on where another one was."""
        made = cls(apart=apart)
        made.until = told["until"]
        for key, (last, counted, since, recent, onset, severity, calm) in told["judges"].items():
            made.judges[key] = Judge(
                detector=Detector.restore(learned[key]),
                last=last,
                counted=tuple(counted) if isinstance(counted, list) else counted,
                since=since,
                recent=[(at, value) for at, value in recent],
                onset=onset,
                severity=Severity(severity) if severity else None,
                calm=calm,
            )
        return made


def together(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return findings that began in one service within five minutes as groups, the worst of each first."""
    groups: dict[tuple[str, str, int], list[Finding]] = {}
    for one in findings:
        place = (one.series.service, one.series.environment, int(one.onset // 300))
        groups.setdefault(place if one.series.service else (one.series.key, "", 0), []).append(one)
    return [sorted(group, key=lambda one: (_WORST_FIRST.index(one.severity), one.onset)) for group in groups.values()]


def _worse(one: Severity, other: Severity) -> bool:
    return _WORST_FIRST.index(one) < _WORST_FIRST.index(other)
