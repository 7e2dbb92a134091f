"""Decisions about traces: which spans are unusually slow, what made them so, and who calls whom. No I/O.

What is usual is kept per service and operation as a decayed mean and variance of the logarithm of the duration:
durations are about log-normal, and two numbers fit into a cursor where a histogram does not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log, sqrt
from typing import Any

from connectors.sources.otlp_values import moment
from connectors.sources.spans import Span
from events.calls import Calls, together
from events.drafts import EventDraft

MAX_OPERATIONS = 500
_MIN_SAMPLES = 30
_Z = 4.0
_LEAST_SPREAD = 0.1
_MEMORY = 1_000
_FLOOR_MS = 100.0
_MAX_HOPS = 100
KEPT_ERRORS = 3


def operation(span: Span) -> str:
    """Return what its usual duration is kept under."""
    return f"{span.service}\t{span.name}"[:300]


@dataclass(slots=True)
class Usual:
    """How long one operation takes, in logarithms of milliseconds, and from how many spans that is known."""

    count: float = 0
    mean: float = 0
    variance: float = 0

    def add(self, milliseconds: float) -> None:
        """Count one in; after a thousand spans old ones fade."""
        value = log(max(milliseconds, 0.001))
        self.count = min(self.count + 1, _MEMORY)
        step, part = value - self.mean, 1 / self.count
        self.mean += step * part
        self.variance = (1 - part) * (self.variance + part * step * step)

    @property
    def limit(self) -> float | None:
        """The duration in milliseconds beyond which one is unusual; nothing while too few are known."""
        if self.count < _MIN_SAMPLES:
            return None
        return max(exp(self.mean + _Z * max(sqrt(self.variance), _LEAST_SPREAD)), _FLOOR_MS)


class Baseline:
    """What is usual, by operation, at most 500 of them: those not seen for longest are forgotten."""

    def __init__(self, state: Any = None) -> None:
        self._usual: dict[str, Usual] = {}
        for name, numbers in list(state.items())[-MAX_OPERATIONS:] if isinstance(state, dict) else ():
            if isinstance(numbers, list) and len(numbers) == 3 and all(map(_is_number, numbers)):
                self._usual[str(name)] = Usual(*numbers)

    def limits(self, spans: Iterable[Span]) -> dict[str, float]:
        """Return beyond how many milliseconds the operations of ``spans`` are unusual, where that is known."""
        known = {name: self._usual[name].limit for name in {operation(span) for span in spans} & self._usual.keys()}
        return {name: round(limit, 3) for name, limit in sorted(known.items()) if limit is not None}

    def learn(self, spans: Iterable[Span]) -> None:
        """Count spans in. One that is unusual counts as just usual, so that an outage does not become the norm."""
        for span in spans:
            if span.failed:
                continue
            name = operation(span)
            usual = self._usual.pop(name, None) or Usual()
            usual.add(min(span.milliseconds, usual.limit or span.milliseconds))
            self._usual[name] = usual
        while len(self._usual) > MAX_OPERATIONS:
            del self._usual[next(iter(self._usual))]

    def state(self) -> dict[str, list[float]]:
        """Return all of it as JSON keeps it."""
        return {
            name: [usual.count, round(usual.mean, 4), round(usual.variance, 4)] for name, usual in self._usual.items()
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


class Tree:
    """The spans of one trace, or of several, by who waits for whom."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = {(span.trace_id, span.span_id): span for span in spans}
        self._below: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
        for span in spans:
            if span.parent_id and span.parent_id != span.span_id:
                self._below[span.trace_id, span.parent_id].append(span)

    def parent(self, span: Span) -> Span | None:
        """Return the span that called it, if it is told."""
        return self.spans.get((span.trace_id, span.parent_id)) if span.parent_id else None

    def children(self, span: Span) -> list[Span]:
        """Return the spans it called."""
        return self._below.get((span.trace_id, span.span_id), [])

    def failed_child(self, span: Span) -> Span | None:
        """Return the last child that failed."""
        return next((child for child in reversed(self.children(span)) if child.failed), None)

    def waits(self, span: Span) -> list[tuple[Span, int]]:
        """Return the children it waited for, last first, and for how many nanoseconds each.

        Walks back from its end, as CRISP does (Zhang et al., USENIX ATC 2022): the child that ended last was waited
        for, then the one that ended last before that one began. What reaches beyond its parent was not waited for.
        """
        at, found = span.end, []
        told = [(*_within(child, span), child) for child in self.children(span)]
        for start, end, child in sorted(told, key=lambda one: (one[1], one[0]), reverse=True):
            if start < at and (waited := min(end, at) - start) > 0:
                found.append((child, waited))
                at = start
        return found

    def critical_path(self, root: Span) -> list[tuple[Span, int]]:
        """Return the spans that made ``root`` take as long as it did, and the nanoseconds each did by itself."""
        path, rest, seen = list[tuple[Span, int]](), [(root, root.duration)], set[str]()
        while rest and len(path) < _MAX_HOPS:
            span, within = rest.pop()
            if span.span_id in seen:
                continue
            seen.add(span.span_id)
            waits = self.waits(span)
            path.append((span, max(within - sum(waited for _, waited in waits), 0)))
            rest.extend(waits)
        return path


def _within(child: Span, parent: Span) -> tuple[int, int]:
    """Return when a child ran on its parent's clock.

    A call that fits into its caller but lies outside of it was told by another clock: put it into the middle, as
    Zipkin and Jaeger do. An asynchronous one (a consumer) may well run after its caller; what overlaps was waited for.
    """
    outside = child.start < parent.start or child.end > parent.end
    if outside and child.kind != "consumer" and child.duration <= parent.duration:
        start = parent.start + (parent.duration - child.duration) // 2
        return start, start + child.duration
    return max(child.start, parent.start), min(child.end, parent.end)


@dataclass(frozen=True, slots=True)
class Culprit:
    """The span below a slow one that took most of its time by itself.

    Attributes:
        proven: whether it did what it does not usually do: took unusually long, or failed.
    """

    span: Span
    own: int
    proven: bool


def culprit(tree: Tree, victim: Span, limits: Mapping[str, float]) -> Culprit | None:
    """Return where half or more of the time of ``victim`` went, unless that is what it usually takes."""
    below = [(own, span) for span, own in tree.critical_path(victim)[1:]]
    if not below:
        return None
    own, span = max(below, key=lambda one: one[0])
    limit = limits.get(operation(span))
    usual = limit is not None and span.milliseconds <= limit and not span.failed
    if own * 2 < victim.duration or usual:
        return None
    return Culprit(span, own, proven=span.failed or limit is not None)


def edges(spans: Sequence[Span]) -> list[Calls]:
    """Return who calls whom, by names of services; calls within one service are none."""
    tree = Tree(spans)
    told = ((span, parent) for span in spans if (parent := _calling(tree, span)))
    return together(
        Calls.one(
            at=moment(span.start),
            environment=span.environment,
            caller=parent.service,
            callee=span.service,
            failed=span.failed,
            milliseconds=span.milliseconds,
        )
        for span, parent in told
    )


def _calling(tree: Tree, span: Span) -> Span | None:
    """Return the span of another service that called this one."""
    parent = tree.parent(span)
    told = parent is not None and parent.service and span.service and span.start > 0
    return parent if told and parent and parent.service != span.service else None


def sampled(drafts: Iterable[EventDraft]) -> Iterator[EventDraft]:
    """Yield the events worth keeping of all that a page tells, each with how many like it were left out.

    Of one service, operation, error and minute the first three errors stay; of slow ones the slowest and one in the
    middle. So an outage that fails each request does not bury what else happened.
    """
    groups: defaultdict[tuple[Any, ...], list[EventDraft]] = defaultdict(list)
    for draft in drafts:
        exception = draft.data.get("exception", {}).get("type", "")
        minute = draft.timestamp.replace(second=0, microsecond=0)
        groups[draft.event_type, draft.service, draft.data.get("name"), exception, minute].append(draft)
    for same in groups.values():
        few = _first(same) if same[0].event_type == "span_error" else _slowest(same)
        for draft in few:
            if left_out := len(same) - len(few):
                draft.data["like_it"] = left_out
            yield draft


def _first(errors: list[EventDraft]) -> list[EventDraft]:
    return sorted(errors, key=lambda draft: (draft.timestamp, draft.source_id))[:KEPT_ERRORS]


def _slowest(slow: list[EventDraft]) -> list[EventDraft]:
    ordered = sorted(slow, key=lambda draft: (draft.data["duration_ms"], draft.source_id))
    return [ordered[-1], ordered[len(ordered) // 2]] if len(ordered) > 2 else ordered
