"""Decision: causes that lie outside of every change: traffic, providers, names, certificates, machines, data.

Each leaves traces of its own. What speaks for one is in log-odds, to be held against the best change.
"""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from investigations.suspects.answer import Evidence
from investigations.suspects.findings import Findings
from investigations.suspects.mechanisms import TRACES, Trace, compiled
from investigations.suspects.metrics import Facet, per_call
from investigations.suspects.shifts import Shift

_SUFFERING = frozenset({Facet.LATENCY, Facet.ERRORS, Facet.HEALTH})
SURGE = 1.6  # times the usual traffic, at the least
_HOST = re.compile(r"\b(?:[a-z0-9-]+\.)+(?:com|net|org|io|cloud|dev|co|ai|app|eu|us|uk|de|gov)\b", re.IGNORECASE)
_INTERNAL = re.compile(r"\.(svc|cluster|local|internal|lan|corp|intra)\b|localhost", re.IGNORECASE)
_REFUSED = re.compile(r"\b50[0234]\b|unavailable|deadline|timed? ?out|reset|bad gateway", re.IGNORECASE)
_CONFIGURED = frozenset({"address or setting", "authorisation", "certificates"})
_NOTICE_BEFORE, _NOTICE_AFTER = 2 * 3_600.0, 900.0
SCALE, FAILOVER = "scale", "failover"


@dataclass(frozen=True, slots=True)
class Outside:
    """A cause outside of every change.

    Attributes:
        odds: how much speaks for it, in log-odds.
        excused: the mechanisms of changes that would leave the same traces.
    """

    name: str
    odds: float
    evidence: tuple[Evidence, ...]
    remediation: str
    excused: frozenset[str] = frozenset()
    service: str = ""


def outside(found: Findings) -> list[Outside]:
    """Return the causes outside of every change that left traces, the most likely first."""
    told = [_surge(found), _provider(found), *(_trace(found, one) for one in TRACES)]
    return sorted((one for one in told if one is not None), key=lambda one: (-one.odds, one.name))


def _surge(found: Findings) -> Outside | None:
    """More traffic at the edge, and with it everywhere: what comes in rose, not the calls that each request makes."""
    traffic = [
        one
        for one in found.shifts
        if one.facet is Facet.TRAFFIC
        and not per_call(one.series.metric)
        and one.before > 0
        and one.series.direction != "out"
    ]
    by_service: dict[str, Shift] = {}
    for one in traffic:
        if one.series.service not in by_service or abs(one.z) > abs(by_service[one.series.service].z):
            by_service[one.series.service] = one
    edges = _edges(found, by_service)
    grown = [one for name in edges if (one := by_service[name]).significant and one.after >= SURGE * one.before]
    if not grown or 2 * len(grown) < len(edges):
        return None
    suffering = {one.series.service for one in found.significant if one.facet in _SUFFERING} & by_service.keys()
    alike = float(
        np.mean([by_service[name].after >= SURGE * by_service[name].before for name in suffering or by_service])
    )
    first = min((one.onset or found.onset) for one in grown)
    early = first <= found.onset + 120
    odds = 1.0 + 2.0 * alike + (0.8 if early else -2.5)
    best = max(grown, key=lambda one: one.after / one.before)
    text = f"{best.told()}, {best.after / best.before:.1f} times as much, and {alike:.0%} of the services rose with it."
    excused = frozenset({"retries", "call in a loop", "backoff", "cache"})
    return Outside("more traffic", odds, (Evidence(text, (best.series.service,)),), SCALE, excused, best.series.service)


def _edges(found: Findings, traffic: Collection[str]) -> list[str]:
    """Return the services at which traffic comes in, of those that the trouble has to do with."""
    about = found.scene.alert.service
    reach = found.topology.upstream(about) | {about} if about else set(traffic)
    edges = [name for name in traffic if name in reach and not found.topology.callers.get(name)]
    return edges or [name for name in traffic if name in reach] or list(traffic)


def _provider(found: Findings) -> Outside | None:
    """Calls to somebody else's system fail."""
    hosts, teller = _strangers(found)
    odds, evidence = 0.0, list[Evidence]()
    if hosts:
        host = min(hosts, key=lambda name: (-hosts[name], name))
        odds += 2.2 if _REFUSED.search(found.said) else 1.0
        evidence.append(Evidence(f"Calls to {host}, which is none of the services here, fail.", (host,)))
    for notice in found.scene.notices:
        if found.onset - _NOTICE_BEFORE <= notice.at <= found.onset + _NOTICE_AFTER:
            odds += 2.5
            evidence.append(Evidence(f"{notice.provider} reports: {notice.text}.", (notice.provider,)))
    if not evidence:
        return None
    service = min(teller, key=lambda name: (-teller[name], name)) if teller else ""
    return Outside("a provider", odds, tuple(evidence), FAILOVER, _CONFIGURED, service)


def _strangers(found: Findings) -> tuple[Counter[str], Counter[str]]:
    """Return the systems of others that fail, and who says so, with how often."""
    own = {name.casefold() for name in found.services}
    told = [(service, host.casefold()) for service, text in found.texts for host in _HOST.findall(text)]
    told = [(service, host) for service, host in told if not _INTERNAL.search(host) and host.split(".")[0] not in own]
    for work in found.work.values():
        peers = (str(span.attributes.get("peer.service") or "").casefold() for span in work.failures)
        told += [(work.service, peer) for peer in peers if peer and peer not in own]
    return Counter(host for _, host in told), Counter(service for service, _ in told)


def _trace(found: Findings, trace: Trace) -> Outside | None:
    for service, text in found.texts:
        match = compiled(trace.says).search(text)
        if match:
            said = Evidence(
                f"{service or 'The alert'} says: {text[max(match.start() - 60, 0) : match.end() + 60].strip()}",
                (service,),
            )
            return Outside(trace.name, trace.odds, (said,), trace.remediation, trace.excused, service)
    return None
