"""Decision: how surprising is a sample, given the past of its series alone. Streaming, of bounded memory, no training.

Five views look at each sample. Each measures how odd it is in its own way, and compares that with how odd samples of
this series usually are: the share of its past that was as odd is a conformal p-value (V. Vovk et al., Algorithmic
Learning in a Random World, 2005; R. Laxhammar, Conformal anomaly detection, 2014), which needs no assumption about the
distribution and does not change with the unit. The surprise is the mean of -log10 p over the three views that are
surprised most; so one view alone raises no alarm.

- level: the mean of the last 20 samples against the median of the past;
- novelty: the distance of the sample to the nearest value of the past;
- drift: the distance of the mean of the last 20 to the nearest such mean of the past;
- hour: the sample against the median of the same hour of other days;
- shape: the last 18 samples against the most similar stretch of the past (nearest discord: E. Keogh et al., HOT SAX,
  2005), as six means of three, by the largest difference.
"""

from dataclasses import dataclass
from math import isfinite, log10
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PAST = 4_000  # samples that are remembered
LEARNING = 50  # samples before anything is judged
MEAN_OF = 20
BLOCK, SHAPE = 3, 6
SAME_HOUR = 6  # samples of the same hour on other days before that view speaks
TOP = 3
QUIET = 120  # samples after an alarm in which no further one is raised
VIEWS = ("level", "novelty", "drift", "hour", "shape")
# Frozen on the 31 public series of the Numenta benchmark that are at hand: there it is the best one of its profile
# "standard", and from 2.1 to 2.4 the result hardly changes (docs/performance.md).
SURPRISE = 2.2
THRESHOLD = 0.5  # of the score, which is surprise / (surprise + SURPRISE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the detector makes of one sample.

    Attributes:
        score: 0 to 1; an alarm from `THRESHOLD` on. For 120 samples after an alarm it is 0.
        surprise: the same before that silence, not bounded by 1: mean of -log10 p.
        expected: the median of the past, or of the same hour of other days where that is known.
        low, high: between these lay nine in ten samples of the past.
        views: how surprised each view is, -log10 p.
    """

    score: float
    surprise: float
    expected: float
    low: float
    high: float
    views: dict[str, float]


class Ring:
    """The newest numbers, as many as fit."""

    def __init__(self, size: int) -> None:
        self._room = np.zeros(2 * size)
        self._size, self._end, self._count = size, 0, 0

    def add(self, number: float) -> None:
        """Append a number; the oldest one goes when there is no room."""
        if self._end == len(self._room):
            self._room[: self._size] = self._room[-self._size :]
            self._end = self._size
        self._room[self._end] = number
        self._end += 1
        self._count = min(self._count + 1, self._size)

    def fill(self, numbers: Floats) -> None:
        """Put ``numbers`` in the place of what is there."""
        kept = numbers[-self._size :]
        self._room[: len(kept)] = kept
        self._end = self._count = len(kept)

    @property
    def all(self) -> Floats:
        """The numbers, oldest first; not to be changed."""
        return self._room[self._end - self._count : self._end]

    def __len__(self) -> int:
        return self._count


class Detector:
    """Judges the samples of one series, one after the other."""

    def __init__(self) -> None:
        self._times, self._values, self._means = Ring(PAST), Ring(PAST), Ring(PAST)
        self._blocks = Ring(PAST // BLOCK)
        self._odd = {view: Ring(PAST) for view in VIEWS}
        self._block: list[float] = []
        self._quiet = 0

    def update(self, at: float, value: float) -> Reading:
        """Judge a sample and learn it.

        Args:
            at: when, in Unix seconds. A sample that is not newer than the last one is neither judged nor learned.
            value: what was measured; one that is no finite number is neither judged nor learned.
        """
        known = self._values.all
        if not (isfinite(value) and isfinite(at)) or (len(known) and at <= self._times.all[-1]):
            return Reading(0.0, 0.0, *(self._usual(known) if len(known) else (0.0, 0.0, 0.0)), {})
        hour = self._same_hour(at)
        usual = self._usual(known) if len(known) else (value, value, value)
        expected = float(np.median(hour)) if len(hour) >= SAME_HOUR else usual[0]
        odd = self._oddities(value, hour)
        self._times.add(at)
        self._values.add(value)
        views = {view: self._rarity(view, odd[view]) for view in VIEWS}
        surprise = sum(sorted(views.values())[-TOP:]) / TOP if len(self._values) > LEARNING else 0.0
        return Reading(self._score(surprise), surprise, expected, usual[1], usual[2], views)

    def _score(self, surprise: float) -> float:
        if self._quiet:
            self._quiet -= 1
            return 0.0
        if surprise >= SURPRISE:
            self._quiet = QUIET
        return surprise / (surprise + SURPRISE)

    @staticmethod
    def _usual(known: Floats) -> tuple[float, float, float]:
        low, middle, high = np.percentile(known, (5, 50, 95))
        return float(middle), float(low), float(high)

    def _same_hour(self, at: float) -> Floats:
        """Return the values of this hour on other days."""
        hours = (self._times.all // 3_600) % 24
        today = self._times.all // 3_600 == at // 3_600
        found: Floats = self._values.all[(hours == (at // 3_600) % 24) & ~today]
        return found

    def _oddities(self, value: float, hour: Floats) -> dict[str, float]:
        known = self._values.all
        recent = (float(known[1 - MEAN_OF :].sum()) + value) / (len(known[1 - MEAN_OF :]) + 1)
        means = self._means.all[: 1 - MEAN_OF]
        odd = {
            "level": abs(recent - float(np.median(known))) if len(known) >= LEARNING else 0.0,
            "novelty": _nearest(known, value),
            "drift": _nearest(means, recent),
            "hour": abs(value - float(np.median(hour))) if len(hour) >= SAME_HOUR else 0.0,
            "shape": self._shape(value),
        }
        self._means.add(recent)
        return odd

    def _shape(self, value: float) -> float:
        """Return how far the newest stretch is from the most similar one before it, where a block just ended."""
        self._block.append(value)
        if len(self._block) < BLOCK:
            return 0.0
        self._blocks.add(sum(self._block) / BLOCK)
        self._block.clear()
        blocks = self._blocks.all
        if len(blocks) <= 2 * SHAPE:
            return 0.0
        stretches = np.lib.stride_tricks.sliding_window_view(blocks, SHAPE)
        return float(np.abs(stretches[:-1] - stretches[-1]).max(axis=1)[: -SHAPE + 1].min())

    def _rarity(self, view: str, odd: float) -> float:
        """Return -log10 of the share of the past that was as odd; nothing where the view sees nothing."""
        past = self._odd[view]
        past.add(odd)
        if odd <= 0 or len(past) <= LEARNING:
            return 0.0
        return -log10(np.count_nonzero(past.all >= odd) / (len(past) + 1))

    def _rings(self) -> list[Ring]:
        return [self._times, self._values, self._means, self._blocks, *self._odd.values()]

    def state(self) -> Floats:
        """Return all it has learned, as numbers: at most 34,000."""
        rings = [ring.all for ring in self._rings()]
        head = [float(self._quiet), float(len(self._block)), *self._block, *(float(len(ring)) for ring in rings)]
        return np.concatenate([np.array(head), *rings])

    @classmethod
    def restore(cls, state: Floats) -> Self:
        """Return a detector that goes on where another one was."""
        made = cls()
        made._quiet, blocks = int(state[0]), int(state[1])
        made._block = [float(number) for number in state[2 : 2 + blocks]]
        rings, at = made._rings(), 2 + blocks
        sizes = [int(size) for size in state[at : at + len(rings)]]
        at += len(rings)
        for ring, size in zip(rings, sizes, strict=True):
            ring.fill(state[at : at + size])
            at += size
        return made


def _nearest(past: Floats, value: float) -> float:
    return float(np.abs(past - value).min()) if len(past) else 0.0
