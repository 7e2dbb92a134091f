"""Decision: whether the instances that carry a new release are worse off than those that do not, at the same time.

The difference between new and old instances, less what was there before the release, is the release's; what everybody
suffers from is not. Difference in differences: Li et al., "Gandalf" (NSDI 2020); Yu et al., "ChangeRCA" (FSE 2024).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from investigations.suspects.metrics import Facet, facet
from investigations.suspects.scene import Deploy, Floats, Scene, Series
from investigations.suspects.shifts import AFTER, BEFORE, centre

_FEWEST = 3  # samples on either side
_FACETS = frozenset({Facet.LATENCY, Facet.ERRORS, Facet.HEALTH, Facet.RESOURCE})
_CLEAR, _MOST, _LEAST = 3.0, 30.0, 0.1


@dataclass(frozen=True, slots=True)
class Contrast:
    """How much worse off the new instances are.

    Attributes:
        z: in spreads of the old ones; 0 where they do as well.
        metric: by which.
        aside: whether old ones ran at the same time, so that the comparison is one of a kind.
    """

    z: float
    metric: str
    new: float
    old: float
    aside: bool

    @property
    def worse(self) -> bool:
        """Whether they are clearly worse off."""
        return self.z >= _CLEAR


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
    """Return the series of a service, and those of its callers that measure it, by metric."""
    found = defaultdict[str, list[Series]](list)
    for one in scene.series:
        if one.service == service and one.direction != "out" and facet(one.metric) in _FACETS:
            found[f"{one.metric}{' of calls' if one.peer else ''}"].append(one)
    return dict(sorted(found.items()))


def _carries(one: Series, carriers: set[str], versions: set[str], began: float) -> bool:
    if one.instance and carriers:
        return one.instance in carriers
    if one.version and one.version in versions:
        return True
    return bool(one.instance and len(one.times) and one.times[0] >= began)


def _compare(metric: str, mine: Sequence[Series], others: Sequence[Series], began: float, end: float) -> Contrast | None:
    new = _pooled(mine, began, end)
    first = min(float(one.times[0]) for one in mine if len(one.times))
    beside, before = _pooled(others, first, end), _pooled([*others, *mine], began - 4 * BEFORE, began)
    old = beside if len(beside) >= _FEWEST else before
    if len(new) < _FEWEST or len(old) < _FEWEST:
        return None
    if facet(metric) is Facet.HEALTH:
        most = max(float(new.max()), float(old.max()))
        new, old, before = most - new, most - old, most - before
    median, spread = centre(old, new)
    now = float(np.percentile(new, 60))
    if len(before) >= _FEWEST:
        spread = max(spread, centre(before, new)[1])
    z = min((now - median) / spread, _MOST)
    enough = abs(now - median) >= _LEAST * abs(median)
    return Contrast(z if enough else 0.0, metric, now, median, len(beside) >= _FEWEST)


def _pooled(series: Sequence[Series], start: float, end: float) -> Floats:
    parts = [one.values[(one.times >= start) & (one.times <= end)] for one in series]
    return np.concatenate(parts) if parts else np.zeros(0)
