"""Decision: whether the instances that carry a new release are worse off than those that do not, at the same time.

The difference between new and old instances, less what was there before the release, is the release's; what everybody
suffers from is not. Difference in differences: Li et al., "Gandalf" (NSDI 2020); Yu et al., "ChangeRCA" (FSE 2024).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from investigations.suspects.metrics import Facet, facet
from investigations.suspects.scene import Deploy, Floats, Scene, Series
from investigations.suspects.shifts import AFTER, BEFORE, centre

_FEWEST = 3  # samples on either side
_FACETS = frozenset({Facet.LATENCY, Facet.ERRORS, Facet.HEALTH, Facet.RESOURCE})
CLEAR, _MOST, _LEAST = 3.0, 30.0, 0.1


@dataclass(frozen=True, slots=True)
class Contrast:
    """How much worse off the new instances are.

    Attributes:
        z: in spreads of the old ones; 0 where they do as well.
        metric: by which.
        aside: whether old ones ran at the same time, so that the comparison is one of a kind.
        later: in spreads of the time before, where they do as well as old ones at the same time but were worse off
            later, when no old ones were left: that may be the release, or what all suffer from.
    """

    z: float
    metric: str
    new: float
    old: float
    aside: bool
    later: float = 0.0

    @property
    def worse(self) -> bool:
        """Whether they are clearly worse off."""
        return self.z >= CLEAR


def contrast(scene: Scene, release: Sequence[Deploy]) -> Contrast | None:
    """Return how the instances of a release do beside the others of its service; None where that is not measured."""
    service = release[0].service
    began, end = min(one.at for one in release), scene.alert.fired_at + AFTER
    carriers = {name for one in release for name in one.added}
    versions = {one.version for one in release if one.version}
    found = []
    for metric, series in _by_metric(scene, service).items():
        labelled = [one for one in series if one.instance or one.version]
        mine = [one for one in labelled if _carries(one, carriers, versions, began)]
        others = [one for one in labelled if one not in mine]
        if mine:
            told = _compare(metric, mine, others, began, end)
            if told:
                found.append(told)
    return max(found, key=lambda one: (one.z, one.metric), default=None)


def _by_metric(scene: Scene, service: str) -> dict[str, list[Series]]:
    """Return the series of a service by metric, those of its calls by peer besides."""
    found = defaultdict[str, list[Series]](list)
    for one in scene.series:
        if one.service == service and facet(one.metric) in _FACETS:
            found[f"{one.metric}{f' of calls {one.direction} {one.peer}' if one.peer else ''}"].append(one)
    return dict(sorted(found.items()))


def _carries(one: Series, carriers: set[str], versions: set[str], began: float) -> bool:
    if one.instance and carriers:
        return one.instance in carriers
    if one.version and one.version in versions:
        return True
    return bool(one.instance and len(one.times) and one.times[0] >= began)


def _compare(
    metric: str, mine: Sequence[Series], others: Sequence[Series], began: float, end: float
) -> Contrast | None:
    """Compare new instances with old ones while both ran; where they hardly did, with the time before the release."""
    ends = [float(one.times[-1]) for one in others if len(one.times)]
    both = min(max(ends, default=0.0), end)
    first = max(min(float(one.times[0]) for one in mine if len(one.times)), began)
    new, old = _pooled(mine, first, end), _pooled([*others, *mine], began - 4 * BEFORE, began - 1)
    new_beside, old_beside = _pooled(mine, first, both), _pooled(others, first, both)
    most = max((float(part.max()) for part in (new, old, old_beside) if len(part)), default=0.0)
    if facet(metric) is Facet.HEALTH:
        new, old, new_beside, old_beside = most - new, most - old, most - new_beside, most - old_beside
    later = _worse(metric, new, old, old, aside=False)
    if min(len(new_beside), len(old_beside)) < _FEWEST:
        return later
    beside = _worse(metric, new_beside, old_beside, old, aside=True)
    return replace(beside, later=later.z if later else 0.0) if beside else None


def _worse(metric: str, new: Floats, old: Floats, usual: Floats, *, aside: bool) -> Contrast | None:
    if len(new) < _FEWEST or len(old) < _FEWEST:
        return None
    median, spread = centre(old, new)
    if len(usual) >= _FEWEST:
        spread = max(spread, centre(usual, new)[1])
    now = float(np.percentile(new, 60))
    enough = abs(now - median) >= _LEAST * abs(median)
    return Contrast(min((now - median) / spread, _MOST) if enough else 0.0, metric, now, median, aside)


def _pooled(series: Sequence[Series], start: float, end: float) -> Floats:
    parts = [one.values[(one.times >= start) & (one.times <= end)] for one in series]
    return np.concatenate(parts) if parts else np.zeros(0)
