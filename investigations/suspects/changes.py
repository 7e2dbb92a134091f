"""Decision: which change is to blame, in log-odds, with a sentence for each thing that speaks for or against it.

A change is weighed by what it can do (its diff), whether that is what the telemetry shows (mechanism and words), whom
it reached (files and deploys) and when. Retrieving the guilty change by the words it shares with a failure: Wu et al.,
"ChangeLocator" (EMSE 2018); Zhou et al., "Where Should the Bugs Be Fixed?" (ICSE 2012). Nothing that came after the
onset can be the cause, and what came long before it needs a mechanism that takes that long.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log

from investigations.suspects.answer import Evidence
from investigations.suspects.diffs import Diff, diff, parts
from investigations.suspects.effects import Effect, effects, guards, novelty, only_logs, revalued
from investigations.suspects.findings import Findings, fan_out
from investigations.suspects.mechanisms import compiled
from investigations.suspects.rollouts import CLEAR, contrast
from investigations.suspects.scene import Deploy
from investigations.suspects.shipping import Shipping, kin, releases
from investigations.suspects.sickness import Health

SLOP = 90.0  # seconds by which clocks and the pace of sampling may differ
SOON, LONG = 900.0, 3_600.0
START = -2.0  # log-odds of any change, before anything is known of it
_FRAME = re.compile(r"([\w-]+\.(?:go|py|js|ts|tsx|jsx|java|kt|rb|rs|cs|php|scala|cpp|cc|c|ex|swift))\b", re.IGNORECASE)
_SHARED = re.compile(
    r"(^|/)(pkg|lib|libs|internal|common|shared|schemas?|proto|api|core|vendor|platform|util\w*)/", re.IGNORECASE
)
_CONFIG = re.compile(
    r"\.(ya?ml|toml|json|ini|conf|cfg|properties|env|tf|hcl)$|(^|/)(Dockerfile|charts|deploy|config|helm|k8s)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Case:
    """What is known against one change, in log-odds.

    Attributes:
        aside: what carries it is worse off than what does not, at the same time: then it matters little when it came.
    """

    diff: Diff
    effects: tuple[Effect, ...]
    shipping: Shipping
    odds: float = START
    mechanism: Effect | None = None
    matched: float = 0.0
    aside: bool = False
    evidence: list[Evidence] = field(default_factory=list)

    def add(self, odds: float, text: str = "", *refs: str) -> None:
        """Count something in; what has a sentence is told."""
        self.odds += odds
        if text:
            self.evidence.append(Evidence(text, refs))

    @property
    def score(self) -> float:
        """The odds as a number from 0 to 1."""
        return 1 / (1 + exp(-max(min(self.odds, 30.0), -30.0)))


def cases(found: Findings, told: Mapping[str, Health], shipped: Mapping[str, Shipping], origin: str) -> list[Case]:
    """Return a case against every change that could have reached production before the trouble, strongest first.

    Args:
        origin: the service the trouble seems to come from.
    """
    read = [diff(commit) for commit in found.scene.commits]
    rare = _rarity(read)
    shipped_as = releases(found.scene)
    made = []
    for one in read:
        way = shipped[one.commit.sha]
        if way.at > (found.onset if found.sure else found.scene.alert.fired_at) + SLOP:
            continue
        case = Case(one, effects(one), way)
        _substance(case)
        _mechanism(case, found, told)
        _wording(case, found, rare)
        _reach(case, found, told, origin)
        _rollout(case, found, shipped_as.get(one.commit.sha, []))
        _timing(case, found)
        made.append(case)
    return sorted(made, key=lambda case: (-case.odds, -case.diff.commit.at, case.diff.commit.sha))


def _rarity(read: Sequence[Diff]) -> dict[str, float]:
    """Return how rare each word is among the diffs, 0 to 1."""
    known = [one for one in read if one.hunks]
    held = Counter(word for one in known for word in one.touched)
    most = log(len(known) + 1) or 1.0
    return {word: log((len(known) + 1) / times) / most for word, times in held.items()}


def _substance(case: Case) -> None:
    """Weigh what the change can do at all."""
    one = case.diff
    sha = one.commit.sha
    if one.trivial:
        case.add(-5.0, "It touches only documentation, tests, styles or build files.", sha)
    elif one.bump:
        case.add(-2.0, "It only moves versions of dependencies.", sha)
    elif not one.commit.diff:
        case.add(-1.2, "What it changes is not known.", sha)
    elif only_logs(one):
        case.add(-2.0, "It only changes what is logged or counted.", sha)
    elif case.effects:
        case.add(1.2 * case.effects[0].strength - 0.2)
    elif guards(one):
        case.add(-1.8, "It only adds a check.", sha)
    elif not one.removed:
        case.add(-1.0, "It only adds.", sha)
    elif revalued(one):
        case.add(0.2, f"It changes a value: {' → '.join(revalued(one)[0])[:120]}.", sha)
    else:
        case.add(-1.4 if novelty(one) < 0.45 else -0.8, "It seems to keep what the code does.", sha)


def _mechanism(case: Case, found: Findings, told: Mapping[str, Health]) -> None:
    """Weigh whether what it does is what the telemetry shows."""
    best, most, shown = None, 0.0, ""
    for effect in case.effects:
        value, text = _shows(effect, found)
        if value * effect.strength > most:
            best, most, shown = effect, value * effect.strength, text
    if best is None:
        if case.effects:
            case.add(-0.7, "Nothing of what it does shows in the telemetry.", case.diff.commit.sha)
        return
    case.mechanism, case.matched = best, most
    case.add(3.0 * most, f"It {best.mechanism.does} ({best.line[:100]}), and {shown}.", case.diff.commit.sha)


def _shows(effect: Effect, found: Findings) -> tuple[float, str]:
    """Return how clearly the telemetry shows what a mechanism leads to, 0 to 1, and where."""
    row = effect.mechanism
    said = next((match for _, text in found.texts if (match := compiled(row.shows).search(text))), None)
    moved = next((name for name in found.moved if row.metrics and compiled(row.metrics).search(name)), "")
    value, text = 0.0, []
    if said:
        value += 0.65
        text.append(f'there is talk of "{said.group().strip()}"')
    if moved:
        value += 0.35
        text.append(f"{moved} moved")
    if row.name == "call in a loop" and (fans := fan_out(found) or any(work.fans for work in found.work.values())):
        value += 0.5
        text.append("there are more calls in each request" if fans else "")
    return min(value, 1.0), " and ".join(filter(None, text))


def _wording(case: Case, found: Findings, rare: Mapping[str, float]) -> None:
    """Weigh the words it shares with what tells of trouble; those on lines that really changed count most."""
    if case.diff.trivial or not case.diff.commit.diff:
        return
    net = {*case.diff.gone, *case.diff.new}
    fine = {part for word in net for part in parts(word) if len(part) > 3}
    total, shared = 0.0, []
    for word in sorted(found.telling):
        weight = 1.0 if word in net else 0.35 if word in case.diff.touched else 0.3 if word in fine else 0.0
        if weight and not word.isdigit():
            total += weight * rare.get(word, 0.7)
            shared.append((weight * rare.get(word, 0.7), word))
    if total > 0:
        best = ", ".join(word for _, word in sorted(shared, key=lambda pair: (-pair[0], pair[1]))[:5])
        case.add(
            2.2 * (1 - exp(-total / 2.5)),
            f"It shares words with what is said of the trouble: {best}.",
            case.diff.commit.sha,
        )
    frames = {name.casefold() for name in _FRAME.findall(found.said)}
    named = sorted(name for name in case.diff.files if name.rpartition("/")[2].casefold() in frames)
    if named:
        case.add(2.0, f"A stack trace goes through {named[0]}.", case.diff.commit.sha)


def _reach(case: Case, found: Findings, told: Mapping[str, Health], origin: str) -> None:
    """Weigh whether it reached the service in trouble."""
    sha, files = case.diff.commit.sha, list(case.diff.files)
    owners = {service: max((kin(name, service) for name in files), default=0.0) for service in found.services}
    best = max(owners.values(), default=0.0)
    mine = {service for service, value in owners.items() if value >= max(best, 0.5)} if best >= 0.5 else set()
    if case.shipping.head:
        mine |= case.shipping.services
    if origin in mine:
        case.add(1.6, f"It changes {origin}, where the trouble starts.", sha, origin)
    elif any(told[name].suffers for name in mine if name in told):
        case.add(
            0.5,
            f"It changes {min(name for name in mine if name in told and told[name].suffers)}, which is in trouble.",
            sha,
        )
    elif mine & (found.topology.callees.get(origin, set()) | found.topology.callers.get(origin, set())):
        case.add(0.2)
    elif not mine and any(_SHARED.search(name) or _CONFIG.search(name) for name in files):
        case.add(0.3 if case.shipping.services & ({origin} | _near(found, origin)) else -0.3)
    elif mine:
        case.add(-1.6, f"It changes {min(mine)}, which has no part in this.", sha)
    if case.shipping.head:
        case.add(0.6 if origin in case.shipping.services else 0.2)
    elif not case.shipping.deployed and found.scene.deploys:
        case.add(-1.0, "No deploy is known that shipped it.", sha)


def _near(found: Findings, origin: str) -> set[str]:
    return found.topology.callees.get(origin, set()) | found.topology.callers.get(origin, set())


def _timing(case: Case, found: Findings) -> None:
    """Weigh when it came: close before the first traces of trouble is best, after them is bad."""
    at, sha = case.shipping.at, case.diff.commit.sha
    if at > found.began + SLOP:
        late = -0.5 if case.aside else -4.0 if at > found.onset + SLOP else -2.2
        case.add(late, "The first traces of trouble are older than it.", sha)
        return
    at = max((step for step in case.shipping.steps if step <= found.began + SLOP), default=at)
    gap = max(found.began - at, 0.0)
    if gap <= SOON:
        case.add(1.0 - 0.5 * gap / SOON, f"It came {_spoken(gap)} before the first traces of trouble.", sha)
    elif gap <= LONG:
        case.add(0.3 if case.mechanism and case.mechanism.mechanism.slow else -0.3)
    else:
        slow = case.mechanism is not None and case.mechanism.mechanism.slow
        case.add(
            -0.4 if slow else -1.4,
            "" if slow else "It came long before, and nothing it does takes that long to show.",
            sha,
        )


def _rollout(case: Case, found: Findings, release: Sequence[Deploy]) -> None:
    """Weigh whether the instances that carry it are worse off than those that do not."""
    services = sorted({one.service for one in release})
    compared = [(contrast(found.scene, [one for one in release if one.service == name]), name) for name in services]
    told, service = max(((one, name) for one, name in compared if one), key=lambda pair: pair[0].z, default=(None, ""))
    if told is None:
        return
    sha = case.diff.commit.sha
    if told.worse:
        beside = "those without it, at the same time," if told.aside else "those before"
        text = f"Instances of {service} that carry it are worse off than {beside} by {told.metric}"
        case.aside = told.aside
        case.add(
            1.0 + min(told.z, 20.0) / (8 if told.aside else 12),
            f"{text}: {told.new:.4g} against {told.old:.4g}.",
            sha,
            service,
        )
    elif told.later < CLEAR:
        case.add(-1.5, f"Instances of {service} that carry it do as well as others.", sha, service)


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
