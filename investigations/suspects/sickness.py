"""Decision: which service is the culprit and which are its victims.

Each service gets what its own telemetry shows: slow, failing, strained, noisy. What a callee shows explains away what
its callers show, in so far as it is as large: the callee that slows makes its callers slow, the one that fails makes
them fail. What remains is the service's own. Deepest anomalous node of a call graph: Chen et al., "CauseInfer"
(INFOCOM 2014); Hardt et al., "The PetShop Dataset" (CLeaR 2024); per-service maximum of robust scores: BARO (FSE
2024).
"""

from collections import defaultdict
from dataclasses import dataclass, field

from investigations.suspects.answer import Evidence
from investigations.suspects.findings import Findings
from investigations.suspects.impact import Impact
from investigations.suspects.metrics import Facet, facet, waiting
from investigations.suspects.shifts import Shift

SLOW, FAILING, STRAINED, BUSY, NOISY = "slow", "failing", "strained", "busy", "noisy"
SLOWER, SURE = 0.3, 2.5  # logarithm of the growth of own time; deviations by which more spans fail
SLOW_SPANS, FAILING_SPANS = "slow spans", "failing spans"
WEIGHTS = {SLOW: 1.0, FAILING: 1.0, STRAINED: 0.9, BUSY: 0.15, NOISY: 0.8, SLOW_SPANS: 1.0, FAILING_SPANS: 1.0}
_FACETS = {
    Facet.LATENCY: SLOW,
    Facet.ERRORS: FAILING,
    Facet.HEALTH: FAILING,
    Facet.RESOURCE: STRAINED,
    Facet.TRAFFIC: BUSY,
    Facet.OTHER: BUSY,
}
_EXPLAINED = 0.9  # of what a service shows, at the most, is explained by its callees
_APART = 0.3  # of the blame of a service that the alerted one does not depend on
_MORE = 0.5  # of what a service shows besides its strongest sign
_OTHER_KIND = 0.4  # of slowness where failures were alerted on, and the other way round
_LIGHT = 0.15  # of a sign, where it is too small to matter to the alerted service
_NOTICED = 0.65  # of a sign: one that its callers only cancel comes to less
_CANCELLED = 0.3  # of being cancelled by the caller: that is the caller's doing


@dataclass(slots=True)
class Health:
    """What one service shows.

    Attributes:
        signs: 0 to 2 for each way of being ill.
        own: the same, less what its callees explain.
        shift: the strongest shift of each way.
        near: less than 1 where the service that was alerted on does not depend on it.
    """

    service: str
    signs: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    own: dict[str, float] = field(default_factory=dict)
    shift: dict[str, Shift] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    onset: float | None = None
    near: float = 1.0

    @property
    def blame(self) -> float:
        """How much of the trouble is its own."""
        told = sorted((WEIGHTS[way] * value for way, value in self.own.items()), reverse=True)
        return self.near * (told[0] + _MORE * sum(told[1:])) if told else 0.0

    @property
    def ill(self) -> bool:
        """Whether it is slow, failing, strained or complaining at all."""
        return any(self.signs[way] > 0 for way in (SLOW, FAILING, STRAINED, NOISY))

    @property
    def suffers(self) -> bool:
        """Whether those who call it would notice."""
        return any(self.signs[way] > _NOTICED for way in (SLOW, FAILING, NOISY))


def health(found: Findings) -> dict[str, Health]:
    """Return what every service shows, and what of it is its own."""
    told = {service: Health(service) for service in found.services}
    for shift in found.significant:
        _count(told, shift)
    _logs(told, found)
    _spans(told, found)
    alert = found.scene.alert
    slow = Impact(found.shifts, frozenset({Facet.LATENCY}), alert, found.topology)
    failing = Impact(found.shifts, frozenset({Facet.ERRORS, Facet.HEALTH}), alert, found.topology)
    reach = found.topology.downstream(alert.service) | {alert.service} if alert.service else set()
    for one in told.values():
        _explain(one, told, found, {SLOW: slow, FAILING: failing})
        _weigh(one, _FACETS[facet(alert.metric)] if alert.metric else "")
        one.near = 1.0 if not reach or not found.topology.sure or one.service in reach else _APART
    return told


def culprits(told: dict[str, Health]) -> list[Health]:
    """Return the services that show something of their own, the most to blame first."""
    ill = [one for one in told.values() if one.blame > 0]
    return sorted(ill, key=lambda one: (-round(one.blame, 6), one.onset or float("inf"), one.service))


def _count(told: dict[str, Health], shift: Shift) -> None:
    if not shift.bad:
        return
    series = shift.series
    whose = series.about if series.about in told else series.service
    way = _FACETS[shift.facet]
    one = told[whose]
    strength = shift.strength * (_CANCELLED if "cancel" in series.metric.casefold() else 1.0)
    if strength > one.signs[way]:
        one.signs[way], one.shift[way] = strength, shift
    if shift.onset is not None and way is not BUSY:
        one.onset = min(one.onset or shift.onset, shift.onset)
    if len(one.evidence) < 4:
        one.evidence.append(Evidence(f"{shift.told()}.", (series.service, series.metric)))


def _logs(told: dict[str, Health], found: Findings) -> None:
    for voice in found.loud:
        strength = voice.strength * (_CANCELLED if "cancel" in voice.template.casefold() else 1.0)
        one = told.get(voice.service)
        if one is None:
            continue
        one.signs[NOISY] = max(one.signs[NOISY], strength)
        one.onset = min(one.onset or voice.first, voice.first) if voice.new else one.onset
        if len(one.evidence) < 6:
            one.evidence.append(Evidence(f"{voice.told()}.", (voice.service,)))


def _spans(told: dict[str, Health], found: Findings) -> None:
    for service, work in found.work.items():
        one = told.get(service)
        if one is None:
            continue
        if work.slower > SLOWER:
            one.own[SLOW_SPANS] = min(work.slower, 2.0)
            text = f"Spans of {service} take {work.own_after:.4g} ms by themselves instead of {work.own_before:.4g} ms."
            one.evidence.append(Evidence(text, (service,)))
        if work.failing > 0.01 and work.failures and work.sure >= SURE:
            one.own[FAILING_SPANS] = min(0.3 + work.failing * 2, 1.5)
            told_error = work.failures[0].error or work.failures[0].name
            text = f"Spans of {service} fail without a failed callee: {told_error[:120]}."
            one.evidence.append(Evidence(text, (service, work.failures[0].trace_id)))


def _explain(one: Health, told: dict[str, Health], found: Findings, impacts: dict[str, Impact]) -> None:
    """Take away what the callees of a service explain, and what is too small to matter to the alerted one."""
    below = [told[name] for name in sorted(found.topology.callees.get(one.service, ())) if name in told]
    for way in (SLOW, FAILING, STRAINED, BUSY, NOISY):
        value = one.signs[way]
        if value <= 0:
            continue
        share = max((_share(one, other, like) for other in below for like in _ways(one, way)), default=0.0)
        own, weight = 1 - _EXPLAINED * share, 1.0
        if way in impacts:
            told_own = impacts[way].own(one.service)
            blind = [other for other in below if other.service not in impacts[way].seen]
            heard = 1 - _EXPLAINED * max((_share(one, other, NOISY) for other in blind), default=0.0)
            own = own if told_own is None else max(min(told_own**2, heard), 1 - _EXPLAINED)
            if found.topology.sure:
                weight = impacts[way].weight(one.service, found.scene.alert.service) or weight
            else:
                weight = impacts[way].relative(one.service)
        one.own[way] = value * own * (_LIGHT + (1 - _LIGHT) * weight)


def _ways(one: Health, way: str) -> tuple[str, ...]:
    """Return the signs of a callee that would explain this sign of a caller."""
    if way == STRAINED:
        return (SLOW, FAILING) if waiting(one.shift[STRAINED].series.metric) else ()
    return (way,) if way in (SLOW, FAILING, NOISY) else ()


def _weigh(one: Health, alerted: str) -> None:
    """Let what is of the alerted kind count more: slowness for a slow service, failures for a failing one."""
    for way, other in ((SLOW, FAILING), (FAILING, SLOW)):
        if alerted == other and way in one.own:
            one.own[way] *= _OTHER_KIND


def _share(one: Health, other: Health, way: str) -> float:
    """Return how much of what a caller shows its callee explains, 0 to 1."""
    mine = one.signs[way] or max(one.signs.values())
    return min(other.signs[way] / mine, 1.0) if other.signs[way] > 0 else 0.0
