"""Decision: what spans say: who calls whom, whose own time grew, who failed first, who is called more often.

Own time is what a span does not wait for its callees; a failure belongs to the deepest span of a chain of failures.
Both are how MicroRank (Yu et al., WWW 2021) and TraceRCA (Li et al., IWQoS 2021) tell a culprit from its victims.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log, sqrt

import numpy as np

from investigations.suspects.scene import Call, Window

_FEWEST, _CLEAR, _LEAST_SPREAD = 8, 4.0, 0.1  # spans; deviations of their median; of the logarithm of durations


class Forest:
    """All spans, by who called them. A parent that its trace does not hold is looked for by its id alone."""

    def __init__(self, spans: Sequence[Call]) -> None:
        self.spans = spans
        named = {(span.trace_id, span.span_id): span for span in reversed(spans)}
        alone = Counter(span.span_id for span in spans)
        loose = {span.span_id: span for span in spans if alone[span.span_id] == 1}
        self.parents: dict[int, Call] = {}
        self.children = defaultdict[int, list[Call]](list)
        for span in spans:
            parent = named.get((span.trace_id, span.parent_id)) or loose.get(span.parent_id)
            if span.parent_id and parent is not None and parent is not span:
                self.parents[id(span)] = parent
                self.children[id(parent)].append(span)

    def calls(self) -> set[tuple[str, str]]:
        """Return (caller, callee) of services."""
        pairs = {(self.parents[id(span)].service, span.service) for span in self.spans if id(span) in self.parents}
        return {(caller, callee) for caller, callee in pairs if caller and callee and caller != callee}

    def own(self, span: Call) -> float:
        """Return the milliseconds in which a span waited for none of its children."""
        until, waited, end = span.start, 0.0, span.start + span.milliseconds / 1e3
        for child in sorted(self.children[id(span)], key=lambda one: one.start):
            start, stop = max(child.start, until), min(child.start + child.milliseconds / 1e3, end)
            waited += max(stop - start, 0.0)
            until = max(until, stop)
        return max(span.milliseconds - waited * 1e3, 0.0)

    def parts(self, span: Call) -> list[tuple[str, float]]:
        """Return (service, milliseconds) of the time a span spent by itself.

        Where all it does is to wait for one call to another service, what is lost on the way is half of either end's.
        """
        children, own = self.children[id(span)], self.own(span)
        if len(children) == 1 and children[0].service != span.service:
            return [(span.service, own / 2), (children[0].service, own / 2)]
        return [(span.service, own)]

    def failed_below(self, span: Call) -> bool:
        """Tell whether a span failed because another service it called did."""
        return any(child.failed for child in self.children[id(span)] if child.service != span.service)


@dataclass(slots=True)
class Tally:
    """What the spans of one service did in one window."""

    own: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    spans: int = 0
    failed: int = 0
    failures: list[Call] = field(default_factory=list)
    fan: defaultdict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Work:
    """How the spans of a service changed.

    Attributes:
        slower: logarithm of the factor by which its own time grew, weighed by how sure that is.
        failing: share of its spans that failed by themselves, less the usual share; ``sure`` is by how many deviations.
        fans: (operation called, factor) of what it calls more often in one request.
    """

    service: str
    slower: float
    own_before: float
    own_after: float
    failing: float
    sure: float
    failures: tuple[Call, ...]
    fans: tuple[tuple[str, float], ...]


def work(forest: Forest, usual: Window, during: Window) -> dict[str, Work]:
    """Return how the spans of each service changed from ``usual`` to ``during``."""
    before, after = _tallies(forest, usual), _tallies(forest, during)
    return {service: _compared(service, before.get(service, Tally()), after[service]) for service in sorted(after)}


def _tallies(forest: Forest, window: Window) -> dict[str, Tally]:
    found = defaultdict[str, Tally](Tally)
    for span in forest.spans:
        if window.start <= span.start <= window.end:
            tally = found[span.service]
            tally.spans += 1
            for service, spent in forest.parts(span):
                found[service].own[span.name].append(spent)
            if span.failed and not forest.failed_below(span):
                tally.failed += 1
                tally.failures.append(span)
            for name, times in Counter(child.name for child in forest.children[id(span)]).items():
                tally.fan[span.name, name].append(times)
    return found


def _compared(service: str, before: Tally, after: Tally) -> Work:
    slower, pair = _slower(before.own, after.own)
    usual = before.failed / before.spans if before.spans else 0.0
    fans = []
    for key, times in sorted(after.fan.items()):
        past = before.fan.get(key)
        factor = float(np.mean(times)) / (float(np.mean(past)) if past else 1.0)
        if factor >= 2.5 and np.mean(times) >= 3:
            fans.append((key[1], factor))
    failing = after.failed / after.spans - usual
    sure = (after.failed - usual * after.spans) / sqrt(usual * (1 - usual) * after.spans + 1)
    return Work(service, slower, *pair, failing, sure, tuple(after.failures[:5]), tuple(fans))


def _slower(before: Mapping[str, list[float]], after: Mapping[str, list[float]]) -> tuple[float, tuple[float, float]]:
    """Return the growth of own time over the operations known from both times, weighed by the time they take."""
    total, pair, best = 0.0, (0.0, 0.0), 0.0
    weight = sum(sum(after[name]) for name in after if name in before) or 1.0
    for name in sorted(after):
        if name not in before:
            continue
        past, now = float(np.median(before[name])), float(np.median(after[name]))
        growth = max(log((now + 1.0) / (past + 1.0)), 0.0)
        few = min(len(before[name]), len(after[name]))
        usual = max(float(np.std(np.log(np.array(before[name]) + 1.0))), _LEAST_SPREAD)
        clear = growth * sqrt(few) / (1.25 * usual) >= _CLEAR and few >= _FEWEST
        part = sum(after[name]) / weight * growth if clear else 0.0
        total += part
        if part > best:
            best, pair = part, (past, now)
    return total, pair


def repeated(calls: Iterable[Call]) -> int:
    """Return how often the most frequent operation stands among ``calls``."""
    return max(Counter(one.name for one in calls).values(), default=0)
