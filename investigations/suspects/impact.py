"""Decision: how much of what a service shows is its own, by arithmetic along the call graph.

Waiting time and failures add up: what a service waits, or fails, in all is its own part and that of its callees. So a
service's own part is its change less those of its callees, each multiplied by its traffic, all of one metric and
thereby of one unit; only ratios of these are used. Exclusive time is an old measure of profilers; along service calls
it is that of CRISP (Zhang et al., USENIX ATC 2022).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from investigations.suspects.metrics import Facet, per_event, preference
from investigations.suspects.scene import Alert
from investigations.suspects.shifts import Shift
from investigations.suspects.topology import Topology

LEAST = 2.0  # spreads from which on a change counts


class Impact:
    """The change of one metric at every service, times its traffic where the metric is of each call.

    Attributes:
        metric: which one; empty where no two services share one.
        total: by service.
    """

    def __init__(self, moved: Iterable[Shift], facets: frozenset[Facet], alert: Alert, graph: Topology) -> None:
        told = list(moved)
        self.graph = graph
        self.metric = _common([one for one in told if one.facet in facets], alert)
        traffic = _traffic(told) if Facet.LATENCY in facets or per_event(self.metric) else {}
        usual = sorted(traffic.values())[len(traffic) // 2] if traffic else 1.0
        self.total: defaultdict[str, float] = defaultdict(float)
        self.factor: dict[str, float] = {}
        self.seen = frozenset(one.series.about for one in told if one.series.metric == self.metric)
        for one in told:
            if one.series.metric == self.metric and one.z >= LEAST:
                value = (one.after - one.before) * traffic.get(one.series.about, usual)
                self.total[one.series.about] = max(self.total[one.series.about], value)
                factor = max(one.change, 0.0) if Facet.LATENCY in facets else one.after - one.before
                if one.significant:
                    self.factor[one.series.about] = max(self.factor.get(one.series.about, 0.0), factor)

    def own(self, service: str) -> float | None:
        """Return the share of the change that no callee explains, 0 to 1; None where it cannot be told."""
        mine = self.total.get(service, 0.0)
        if mine <= 0:
            return None
        below = sum(self.total.get(name, 0.0) for name in sorted(self.graph.callees.get(service, ())))
        return max(mine - below, 0.0) / mine

    def relative(self, service: str) -> float:
        """Return how much larger the change is, beside what is usual, than at any other service: 0 to 1.

        What a caller waits holds what its callee takes. So the factor by which it slows cannot exceed that of the
        callee that slows it, nor can the share of its requests that fail: the largest factor is the culprit's, even
        where nobody knows who calls whom.
        """
        most = max(self.factor.values(), default=0.0)
        return self.factor.get(service, 0.0) / most if most > 0 else 1.0

    def weight(self, service: str, alerted: str) -> float | None:
        """Return how much of the trouble of the alerted service this could explain, 0 to 1; None if not told."""
        mine, theirs = self.total.get(service, 0.0), self.total.get(alerted, 0.0)
        if theirs <= 0:
            theirs = max(self.total.values(), default=0.0)
        return min(mine / theirs, 1.0) if theirs > 0 else None


def _common(moved: list[Shift], alert: Alert) -> str:
    """Return the metric to compare services by: the alerted one, else the one that most of them have."""
    names = Counter(one.series.metric for one in moved)
    if names[alert.metric] > 1:
        return alert.metric
    return min(names, key=lambda name: (-names[name], preference(name)), default="") if len(names) else ""


def _traffic(moved: list[Shift]) -> dict[str, float]:
    """Return how many calls a service gets, in the unit of the one metric of traffic that most services have."""
    told = [one for one in moved if one.facet is Facet.TRAFFIC]
    names = Counter(one.series.metric for one in told)
    metric = min(names, key=lambda name: (-names[name], name), default="")
    found: defaultdict[str, float] = defaultdict(float)
    for one in told:
        if one.series.metric == metric:
            found[one.series.about] += max(one.after, 0.0)
    return dict(found)
