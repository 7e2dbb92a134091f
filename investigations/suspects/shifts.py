"""Decision: which series left their usual range, when, and how far.

The usual range is robust: the median and the widest of three estimates of spread over the time before; how far is the
upper quartile of the deviations during the incident, in units of that spread. So no unit matters, and one outlier is no
shift. Where no fault-free window is given, the time before ends at the split that a CUSUM statistic (E. S. Page,
Continuous Inspection Schemes, 1954) prefers. Robust z-scores after a change point are what BARO ranks by (Pham, Ha,
Zhang, FSE 2024).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import log

import numpy as np

from investigations.suspects.metrics import Facet, facet, share
from investigations.suspects.scene import Floats, Scene, Series, Window

AFTER = 600.0  # seconds after the alert that are looked at
BEFORE = 900.0  # seconds before the alert that count as the incident, unless the shift is younger
FEWEST = 4  # samples before anything is judged
SIGNIFICANT = 4.0  # spreads
MINOR = 0.03  # of the largest change of the same metric of errors
APART = 0.72
ENOUGH_SHARE, LEAST = 0.01, 0.2  # of requests that fail, to count in full; and of that, to count at all
_IN_FULL = {Facet.LATENCY: log(1.5), Facet.RESOURCE: log(2.0)}
RELATIVE = 0.1  # of the usual value; less is no incident, however steady the series is
LEFT = 3.0  # spreads from the median: the usual range ends here
LASTING = 0.75  # share of the samples since the onset that lie outside of it
_RELATIVE = {Facet.RESOURCE: 0.3, Facet.TRAFFIC: 0.25, Facet.OTHER: 0.25}
_MOST = 100.0
_HALVINGS = 4


@dataclass(frozen=True, eq=False)
class Shift:
    """How far one series is from its usual range.

    Attributes:
        z: in spreads, negative when it fell.
        before, after: usual value, and value during the incident; of a metric of health, what it lacks to its ceiling.
        onset: when it left its usual range for good; None where it did not.
        apart: the share of pairs of a sample before and one during the incident that differ the same way (the statistic
            of Mann and Whitney, 1947): what is only now and then far away is no shift.
    """

    series: Series
    z: float
    before: float
    after: float
    spread: float
    onset: float | None
    ceiling: float = 0.0
    apart: float = 1.0

    @cached_property
    def facet(self) -> Facet:
        """What the metric is about."""
        return facet(self.series.metric)

    @property
    def change(self) -> float:
        """By which factor it changed, as a logarithm: symmetric, 0 for none, at most 7."""
        floor = max(abs(self.before), abs(self.after), self.spread) * 1e-3 or 1.0
        return log(max(abs(self.after), floor) / max(abs(self.before), floor))

    @property
    def significant(self) -> bool:
        """Whether it is out of its usual range by enough to mean something."""
        moved = abs(self.after - self.before)
        far = abs(self.z) >= SIGNIFICANT and moved >= _RELATIVE.get(self.facet, RELATIVE) * abs(self.before)
        return self.onset is not None and far and self.apart >= APART and self.matters >= LEAST

    @cached_property
    def matters(self) -> float:
        """How much it matters, 0 to 1: in full for a hundredth that fails, half a latency more, a resource twofold."""
        if self.facet not in (Facet.ERRORS, Facet.HEALTH):
            return min(abs(self.change) / _IN_FULL[self.facet], 1.0) if self.facet in _IN_FULL else 1.0
        whole = share(self.series.metric, self.ceiling or float(self.series.values.max()))
        return min(abs(self.after - self.before) / whole / ENOUGH_SHARE, 1.0) if whole else 1.0

    @property
    def bad(self) -> bool:
        """Whether it moved the way that hurts, as far as that is known."""
        if self.facet in (Facet.TRAFFIC, Facet.OTHER):
            return True
        return self.z > 0

    @property
    def strength(self) -> float:
        """How telling it is: 0 where it is in its usual range, 1 at some ten spreads, 2 at most."""
        if not self.significant:
            return 0.0
        return min(log(1 + abs(self.z) / SIGNIFICANT) / log(1 + 10 / SIGNIFICANT), 2.0) * self.matters

    def told(self) -> str:
        """Return it in words."""
        before, after = self.before, self.after
        if self.facet is Facet.HEALTH:
            before, after = self.ceiling - before, self.ceiling - after
        way = "rose" if after > before else "fell"
        return f"{self.series.metric} of {self.series.service} {way} from {before:.4g} to {after:.4g}"


def shifts(scene: Scene) -> list[Shift]:
    """Return the shift of every series that has enough samples, in the order of the series."""
    ordered = sorted(_with_past(scene.series), key=lambda one: (_kind(one), one.instance, one.version))
    found = (shift(series, scene.alert.fired_at, scene.baseline) for series in ordered)
    return _without_minor([one for one in found if one is not None])


def _without_minor(found: list[Shift]) -> list[Shift]:
    """Return the shifts, without an onset for those that are nothing beside the largest one of the same metric."""
    most = defaultdict[str, float](float)
    for one in found:
        if one.onset is not None and one.facet in (Facet.ERRORS, Facet.HEALTH):
            most[one.series.metric] = max(most[one.series.metric], abs(one.after - one.before))
    return [
        replace(one, onset=None) if abs(one.after - one.before) < MINOR * most[one.series.metric] else one
        for one in found
    ]


def _kind(one: Series) -> tuple[str, ...]:
    return one.service, one.metric, one.peer, one.direction


def _with_past(series: Iterable[Series]) -> Iterator[Series]:
    """Yield the series; one that begins late, of an instance that is new, goes on from what the others had before."""
    kinds = defaultdict[tuple[str, ...], list[Series]](list)
    for one in series:
        if len(one.times):
            kinds[_kind(one)].append(one)
    for siblings in kinds.values():
        first = min(float(one.times[0]) for one in siblings)
        for one in siblings:
            before = [other for other in siblings if other.times[0] < one.times[0]]
            late = one.times[0] - first > FEWEST * _step(one.times)
            yield _continued(one, before) if late and before else one


def _continued(one: Series, before: Iterable[Series]) -> Series:
    past = [
        (at, value)
        for other in before
        for at, value in zip(other.times, other.values, strict=True)
        if at < one.times[0]
    ]
    ordered = np.array(sorted(past))
    times, places = np.unique(ordered[:, 0], return_inverse=True)
    values = np.array([np.median(ordered[places == place, 1]) for place in range(len(times))])
    return replace(one, times=np.concatenate([times, one.times]), values=np.concatenate([values, one.values]))


def shift(series: Series, fired_at: float, baseline: Window | None) -> Shift | None:
    """Return how far ``series`` is from its usual range around ``fired_at``; None where that cannot be told."""
    times, values = series.times, series.values
    ceiling = 0.0
    if facet(series.metric) is Facet.HEALTH and len(values):
        ceiling = float(values.max())
        values = ceiling - values
    step = _step(times)
    end = fired_at + max(AFTER, 3 * step)
    usual = _usual(times, values, fired_at, end, baseline)
    if usual is None:
        return None
    known, rest = usual
    during = rest & (times <= end)
    if known.sum() < FEWEST or not during.any():
        return None
    median, spread = centre(values[known], values[during])
    z = (values[during] - median) / spread
    onset = _onset(times[during], z) or _brief(times[during], z, fired_at)
    lately_at = min(fired_at - BEFORE, float(times[during][-1]))
    since = max(onset, lately_at) if onset is not None else lately_at
    lately = times[during] >= since
    up, down = np.percentile(z[lately], 75), np.percentile(z[lately], 25)
    far = float(up if abs(up) >= abs(down) else down)
    return Shift(
        series,
        float(np.clip(far, -_MOST, _MOST)),
        median,
        median + far * spread,
        spread,
        onset,
        ceiling,
        _apart(values[known], values[during][lately], far),
    )


def centre(known: Floats, during: Floats) -> tuple[float, float]:
    """Return the median of ``known`` and its spread, which is never 0."""
    median = float(np.median(known))
    low, high = np.percentile(known, (5, 95))
    spread = max(1.4826 * float(np.median(np.abs(known - median))), float(high - low) / 3.3, 0.5 * float(known.std()))
    floor = max(0.02 * abs(median), 0.01 * float(np.abs(during - median).max()))
    return median, max(spread, floor) or 1.0


def _apart(known: Floats, now: Floats, far: float) -> float:
    ordered = np.sort(known if far >= 0 else -known)
    told = now if far >= 0 else -now
    below = np.searchsorted(ordered, told, side="left") + np.searchsorted(ordered, told, side="right")
    return float(below.mean() / (2 * len(ordered)))


def _step(times: Floats) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 60.0


Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def _usual(
    times: Floats, values: Floats, fired_at: float, end: float, given: Window | None
) -> tuple[Mask, Mask] | None:
    """Return which samples are known to be usual and which belong to the time that is judged."""
    if given is not None and given.start <= given.end:
        known = (times >= given.start) & (times <= given.end)
        if known.sum() >= FEWEST:
            later = times > given.end if given.end <= end else times < given.start
            return known, later & ~known
    told = times <= end
    count = int(told.sum())
    if count < FEWEST + 2:
        return None
    split = _earliest_split(values[:count])
    if times[split] > fired_at and (times < fired_at).sum() >= FEWEST:
        split = max(int((times < fired_at).sum()), FEWEST)
    quiet = split if split < 12 else split - split // 5
    places = np.arange(len(times))
    return places < quiet, places >= quiet


def _split(values: Floats) -> int:
    """Return where a CUSUM of the values prefers to cut them in two; both parts have some samples."""
    low, high = np.percentile(values, (2, 98))
    clipped = np.clip(values, low, high)
    count = len(values)
    places = np.arange(1, count)
    sums = np.cumsum(clipped - clipped.mean())[:-1]
    gain = np.abs(sums) / np.sqrt(places * (count - places))
    gain[: FEWEST - 1] = 0
    return int(np.argmax(gain)) + 1


def _earliest_split(values: Floats) -> int:
    """Return the split; where what is before it falls apart just as much (a slow rise), the one before."""
    split = _split(values)
    for _ in range(_HALVINGS):
        earlier = _split(values[:split]) if split >= 3 * FEWEST else split
        if earlier >= split or earlier < 2 * FEWEST:
            break
        median, spread = centre(values[:earlier], values[earlier:split])
        if abs(float(np.median(values[earlier:split])) - median) < SIGNIFICANT * spread:
            break
        split = earlier
    return split


def _onset(times: Floats, z: Floats) -> float | None:
    """Return since when the deviations lie outside of the usual range, on one side, for good."""
    best = None
    for side in (1.0, -1.0):
        out = side * z >= LEFT
        if not out.any():
            continue
        share = np.cumsum(out[::-1])[::-1] / np.arange(len(out), 0, -1)
        starts = np.flatnonzero(out & (share >= LASTING))
        if len(starts) and (len(out) - starts[0] >= 2 or len(out) < 3):
            reach = float(np.abs(z[starts[0] :]).sum())
            if best is None or reach > best[0]:
                best = (reach, float(times[starts[0]]))
    return best[1] if best else None


def _brief(times: Floats, z: Floats, fired_at: float) -> float | None:
    """Return when the deviations of the time around the alert began, where they did not last."""
    around = times >= min(fired_at - BEFORE, times[-1])
    side = 1.0 if np.percentile(z[around], 75) >= -np.percentile(z[around], 25) else -1.0
    out = np.flatnonzero(around & (side * z >= LEFT))
    return float(times[out[0]]) if len(out) >= 2 or (len(out) and around.sum() < 5) else None


def strongest(found: Iterable[Shift]) -> Shift | None:
    """Return the shift that is most telling."""
    return max(found, key=lambda one: (one.strength, abs(one.z)), default=None)
