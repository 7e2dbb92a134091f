"""Decision: what the telemetry of a scene shows, gathered once for all who judge by it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from investigations.suspects.diffs import parts, words
from investigations.suspects.logs import WARNING, Voice, level, voices
from investigations.suspects.metrics import Facet, per_call
from investigations.suspects.scene import Scene, Window
from investigations.suspects.shifts import AFTER, Shift, shifts, strongest
from investigations.suspects.topology import Topology, topology
from investigations.suspects.traces import Forest, Work, work

_EARLY, _USUALLY = 0.1, 0.25  # shares of what shifted
_LINES_AHEAD = 300.0  # seconds before the alert, where nothing else tells when it began
STRONG = 0.8
_HOLLOW = frozenset(
    """error errors failed failure fail failing request requests rate count total http https status code time duration
    service the and for with from not has was are out bounds null none true false msg message level info warn debug
    seconds percent ratio min max avg sec per id ids get set new old return func string int float bool ctx context
    latency after before while above below than over more n+1 repeated call op api""".split()
)


@dataclass(frozen=True, eq=False)
class Findings:
    """What is out of the ordinary, and since when.

    Attributes:
        began: when the first traces of trouble show.
        onset: when the trouble that was alerted on began; ``sure`` where the alerted metric itself shows it.
    """

    scene: Scene
    shifts: tuple[Shift, ...]
    began: float
    onset: float
    sure: bool
    forest: Forest
    topology: Topology
    voices: tuple[Voice, ...]
    work: dict[str, Work]

    @cached_property
    def significant(self) -> tuple[Shift, ...]:
        """The shifts that mean something, the strongest first."""
        ordered = sorted(
            self.shifts, key=lambda one: (-one.strength, -abs(one.z), one.series.service, one.series.metric)
        )
        return tuple(one for one in ordered if one.significant)

    @cached_property
    def loud(self) -> tuple[Voice, ...]:
        """The log templates that tell of trouble."""
        return tuple(one for one in self.voices if one.loud)

    @cached_property
    def services(self) -> tuple[str, ...]:
        """Every service that is heard of."""
        found = {one.service for one in self.scene.series} | {one.service for one in self.scene.spans}
        found |= {one.service for one in self.scene.lines} | {one.service for one in self.scene.deploys}
        found |= set(self.topology.callees) | set(self.topology.callers) | {self.scene.alert.service}
        return tuple(sorted(found - {""}))

    @cached_property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """(service, text) of what tells of trouble: alert, loud templates, failed spans, with all they say besides."""
        told = [(self.scene.alert.service, f"{self.scene.alert.text} {self.scene.alert.metric}")]
        for voice in self.loud:
            told += [(voice.service, f"{line.text} {' '.join(line.attributes.values())}") for line in voice.samples[:1]]
        for service, one in self.work.items():
            for span in one.failures[:3]:
                told.append((service, f"{span.name} {span.error} {' '.join(map(str, span.attributes.values()))}"))
            told += [(service, f"{name} n+1 repeated call") for name, _ in one.fans]
        return tuple(told)

    @cached_property
    def said(self) -> str:
        """All of it in one text."""
        return "\n".join(text for _, text in self.texts)

    @cached_property
    def telling(self) -> Counter[str]:
        """Words of what tells of trouble that are not said anyway, weighed by how telling they are."""
        usual = Counter(
            word for line in self.scene.lines[:2_000] if level(line) < WARNING for word in set(words([line.text]))
        )
        common = {word for word, times in usual.items() if times > 0.02 * min(len(self.scene.lines), 2_000)}
        names = {part for service in self.services for part in (*words([service]), *parts(service))}
        found: Counter[str] = Counter()
        for _, text in self.texts:
            for word in {*words([text]), *(part for one in text.split() for part in parts(one) if len(part) > 3)}:
                if len(word) > 2 and word not in common and word not in names and word not in _HOLLOW:
                    found[word] = max(found[word], 1)
        return found

    @cached_property
    def moved(self) -> tuple[str, ...]:
        """The names of metrics that moved, in lower case, the strongest first."""
        return tuple(dict.fromkeys(one.series.metric.casefold() for one in self.significant if one.bad))


def findings(scene: Scene) -> Findings:
    """Look at everything once."""
    forest = Forest(scene.spans)
    graph = topology(scene, forest)
    moved = tuple(shifts(scene))
    fired = scene.alert.fired_at
    alerted = _alerted(scene, moved)
    onset = _quantile(scene, moved, _USUALLY) if alerted is None else alerted
    began = _quantile(scene, moved, _EARLY)
    during = Window(min(began, onset), fired + AFTER)
    lines, spans = [one.at for one in scene.lines], [one.start for one in scene.spans]
    heard = tuple(voices(scene.lines, _usual(scene, lines, during), _covered(lines, during)))
    worked = work(forest, _usual(scene, spans, during), during)
    return Findings(scene, moved, during.start, onset, alerted is not None, forest, graph, heard, worked)


def _usual(scene: Scene, moments: Sequence[float], during: Window) -> Window:
    """Return the time before, as far as a source covers it: the fault-free window where it tells anything of that."""
    given = scene.baseline
    if given and any(given.start <= at <= given.end for at in moments):
        return given
    return Window(min([at for at in moments if at < during.start], default=during.start - 1.0), during.start)


def _covered(moments: Sequence[float], during: Window) -> Window:
    last = max([at for at in moments if at <= during.end], default=during.end)
    return Window(during.start, max(last, during.start + 1.0))


def _alerted(scene: Scene, moved: Sequence[Shift]) -> float | None:
    """Return when the alerted metric left its usual range."""
    alert = scene.alert
    named = [one for one in moved if (one.series.service, one.series.metric) == (alert.service, alert.metric)]
    best = strongest(one for one in named if one.significant)
    return best.onset if best is not None else None


def _quantile(scene: Scene, moved: Iterable[Shift], share: float) -> float:
    """Return when this share of what moved strongly had moved, weighed by strength."""
    told = sorted((one.onset, one.strength) for one in moved if one.onset is not None and one.strength >= STRONG)
    if not told:
        grave = sorted(line.at for line in scene.lines if level(line) > WARNING and line.at <= scene.alert.fired_at)
        ahead = scene.alert.fired_at - _LINES_AHEAD
        return max(ahead, grave[0]) if grave else ahead
    weights = np.cumsum([strength for _, strength in told])
    return float(told[int(np.searchsorted(weights, share * weights[-1]))][0])


def fan_out(found: Findings) -> list[Shift]:
    """Return the shifts that tell of more calls in each request: counts per call, traffic that no caller explains."""
    traffic = [one for one in found.significant if one.facet in (Facet.TRAFFIC, Facet.OTHER) and one.z > 0]
    counted = [one for one in traffic if per_call(one.series.metric)]
    rising = {one.series.service for one in traffic}
    for one in traffic:
        callers = found.topology.callers.get(one.series.service, set())
        if one.facet is Facet.TRAFFIC and callers and not callers & rising and one not in counted:
            counted.append(one)
    return counted
