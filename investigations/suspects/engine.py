"""Decision: the suspects of an incident, ranked and explained. Deterministic: the same scene, the same answer."""

from collections.abc import Sequence

from investigations.suspects.answer import Answer, Evidence, Suspect
from investigations.suspects.changes import Case, cases
from investigations.suspects.findings import Findings, findings
from investigations.suspects.outside import Outside, outside
from investigations.suspects.scene import Scene
from investigations.suspects.shipping import shipping, with_unknown
from investigations.suspects.sickness import SLOW, STRAINED, Health, culprits, health

ENGINE_VERSION = 1
# The blame from which on something is wrong: the noise of fault-free systems rarely comes to it.
WRONG, WRONG_UNMEASURED = 0.65, 0.6
BLAMED, UNEXPLAINED = -0.4, 0.9  # log-odds from which on a change is blamed
MOST = 20
_CLOSE = 0.6  # of the blame of the most to blame makes the alerted service the origin all the same
_HELD = 0.8  # of what speaks for a cause outside counts against a change that would not leave the same traces


def rank(scene: Scene) -> Answer:
    """Return the probable root causes of an incident."""
    scene = with_unknown(scene)
    found = findings(scene)
    told = health(found)
    ill = culprits(told)
    if not _wrong(found, ill):
        return Answer(engine=ENGINE_VERSION)
    causes = outside(found)
    origin = _origin(found, ill, causes)
    against = cases(found, told, shipping(scene), origin)
    blamed = _blamed(against, causes)
    ranking = [_change(case) for case in against[:MOST] if case.odds > -4] if blamed else []
    ranking += _services(ill) + _metrics(found)
    first = (
        blamed.shipping.service if blamed and blamed.shipping.head and told[blamed.shipping.service].suffers else origin
    )
    return Answer(
        ranking=tuple(ranking),
        no_change_cause=blamed is None,
        first_failing_service=first,
        blast_radius=_blast(found, told, first),
        remediation=_remediation(blamed, causes, told.get(origin)),
        reasons=tuple(evidence for cause in causes[:2] for evidence in cause.evidence) if blamed is None else (),
        onset=found.onset,
        engine=ENGINE_VERSION,
    )


def _wrong(found: Findings, ill: Sequence[Health]) -> bool:
    """Tell whether anything is wrong at all."""
    if not ill:
        return False
    return found.sure or ill[0].blame >= (WRONG if found.scene.series else WRONG_UNMEASURED)


def _origin(found: Findings, ill: Sequence[Health], causes: Sequence[Outside]) -> str:
    """Return the service the trouble starts at: the alerted one, unless one that it depends on is more to blame."""
    if causes and causes[0].odds >= 2 and causes[0].service:
        return causes[0].service
    alerted = found.scene.alert.service
    best = ill[0].service if ill else alerted
    if not alerted or best in found.topology.downstream(alerted):
        return best or alerted
    blame = next((one.blame for one in ill if one.service == alerted), 0.0)
    return best if ill and not found.topology.sure and blame < _CLOSE * ill[0].blame else alerted


def _blamed(against: Sequence[Case], causes: Sequence[Outside]) -> Case | None:
    """Return the change to blame; None where a cause outside of every change explains it better."""
    for case in against:
        name = case.mechanism.mechanism.name if case.mechanism else ""
        other = max((cause.odds * (0.4 if name in cause.excused else 1.0) for cause in causes), default=0.0)
        case.odds -= _HELD * max(other, 0.0)
    against = sorted(against, key=lambda case: -case.odds)
    return against[0] if against and against[0].odds >= _needed(against[0]) else None


def _needed(case: Case) -> float:
    """Return the log-odds from which on a change is blamed: more where its diff is known and explains nothing."""
    return UNEXPLAINED if case.diff.commit.diff and case.mechanism is None and not case.aside else BLAMED


def _change(case: Case) -> Suspect:
    return Suspect(kind="change", id=case.diff.commit.sha, score=case.score, evidence=tuple(case.evidence))


def _services(ill: Sequence[Health]) -> list[Suspect]:
    most = ill[0].blame if ill else 1.0
    return [
        Suspect(kind="service", id=one.service, score=one.blame / (most + 1.0), evidence=tuple(one.evidence[:5]))
        for one in ill[:MOST]
    ]


def _metrics(found: Findings) -> list[Suspect]:
    made: dict[str, Suspect] = {}
    for one in found.significant:
        name = f"{one.series.service} {one.series.metric}"
        if name not in made and one.bad:
            told = Evidence(f"{one.told()}.", (one.series.service, one.series.metric))
            made[name] = Suspect(kind="metric", id=name, score=min(one.strength / 2.2, 1.0), evidence=(told,))
    return list(made.values())[:MOST]


def _blast(found: Findings, told: dict[str, Health], first: str) -> tuple[str, ...]:
    """Return the services that suffer besides the first one."""
    return tuple(sorted(name for name, one in told.items() if name != first and one.suffers))


def _remediation(blamed: Case | None, causes: Sequence[Outside], origin: Health | None) -> str:
    """Return what to do first."""
    if blamed is not None:
        if blamed.shipping.flag:
            return "feature-flag-disable"
        files = [name for name in blamed.diff.files if not name.endswith((".md", ".txt"))]
        return (
            "config-revert"
            if files and all(name.endswith((".yaml", ".yml", ".json", ".toml", ".env", ".conf")) for name in files)
            else "rollback"
        )
    if causes:
        return causes[0].remediation
    if origin and origin.own.get(STRAINED, 0) > origin.own.get(SLOW, 0):
        return "scale"
    return "restart"
