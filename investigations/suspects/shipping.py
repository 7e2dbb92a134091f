"""Decision: when a commit reached which service. A deploy ships all commits up to its head."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from investigations.suspects.diffs import parts
from investigations.suspects.scene import Commit, Deploy, Flip, Scene

SHORTEST = 7
_COMMON = frozenset(
    {"service", "svc", "server", "app", "api", "ms", "pkg", "services", "internal", "src", "cmd", "main", "test"}
)


@dataclass(frozen=True, slots=True)
class Shipping:
    """How a commit reached production.

    Attributes:
        at: when it took effect, as far as it is known: with its deploy, else with the flag it stands behind, else when
            it was made.
        head: a deploy names it; ``service`` is the one that was deployed.
        deployed: some deploy shipped it.
        flag: the flag that let it take effect.
        steps: when each step of its release began.
    """

    at: float
    service: str = ""
    services: frozenset[str] = frozenset()
    head: bool = False
    deployed: bool = False
    flag: str = ""
    steps: tuple[float, ...] = ()


def same(one: str, other: str) -> bool:
    """Tell whether two names of commits mean the same one."""
    short, long = sorted((one.casefold(), other.casefold()), key=len)
    return short == long or (len(short) >= SHORTEST and long.startswith(short))


def releases(scene: Scene) -> dict[str, list[Deploy]]:
    """Return the deploys of each commit; of a rolling release there are several."""
    found: dict[str, list[Deploy]] = {}
    for deploy in sorted(scene.deploys, key=lambda one: (one.at, one.service, one.sha)):
        name = next((commit.sha for commit in scene.commits if same(commit.sha, deploy.sha)), deploy.sha)
        found.setdefault(name, []).append(deploy)
    return found


def with_unknown(scene: Scene) -> Scene:
    """Return the scene with a commit for each deploy whose commit is not told, so that it can be blamed too."""
    known = {commit.sha for commit in scene.commits}
    unknown = tuple(Commit(sha=sha, at=told[0].at) for sha, told in releases(scene).items() if sha not in known)
    return replace(scene, commits=scene.commits + unknown)


def shipping(scene: Scene) -> dict[str, Shipping]:
    """Return how each commit reached production."""
    heads = [
        (deploy, _head(deploy, scene.commits)) for deploy in sorted(scene.deploys, key=lambda one: (one.at, one.sha))
    ]
    return {commit.sha: _one(commit, heads, scene.flips) for commit in scene.commits}


def _head(deploy: Deploy, commits: Iterable[Commit]) -> Commit | None:
    return next((commit for commit in commits if same(commit.sha, deploy.sha)), None)


def _one(commit: Commit, heads: list[tuple[Deploy, Commit | None]], flips: tuple[Flip, ...]) -> Shipping:
    own = [deploy for deploy, head in heads if head is not None and head.sha == commit.sha]
    flag = _flag(commit, flips)
    if own:
        first = min(own, key=lambda one: one.at)
        at = max(first.at, flag.at) if flag else first.at
        names = frozenset(one.service for one in own)
        steps = tuple(sorted(one.at for one in own))
        return Shipping(at, first.service, names, True, True, flag.flag if flag else "", steps)
    later = [deploy for deploy, head in heads if deploy.at >= commit.at and (head is None or head.at >= commit.at)]
    if later:
        owned = [one for one in later if any(kin(name, one.service) >= 0.5 for name in commit.files)]
        first = min(owned or later, key=lambda one: one.at)
        at = max(first.at, flag.at) if flag else first.at
        return Shipping(
            at, first.service, frozenset(one.service for one in later), deployed=True, flag=flag.flag if flag else ""
        )
    return Shipping(max(commit.at, flag.at) if flag else commit.at, flag=flag.flag if flag else "")


def _flag(commit: Commit, flips: tuple[Flip, ...]) -> Flip | None:
    """Return the flag that the lines of a commit name and that was turned after it was made."""
    told = [one for one in flips if len(one.flag) > 4 and one.flag in commit.diff and one.at >= commit.at]
    return min(told, key=lambda one: one.at, default=None)


def kin(path: str, service: str) -> float:
    """Return how much a path of the repository speaks of a service, 0 to 1."""
    whole = "".join(character for character in service.casefold() if character.isalnum())
    told = {part for part in parts(service) if len(part) > 2} - _COMMON
    best = 0.0
    for name in path.casefold().split("/")[:-1]:
        flat = "".join(character for character in name if character.isalnum())
        pieces = {part for part in parts(name) if len(part) > 2} - _COMMON
        if flat == whole:
            return 1.0
        if len(flat) >= 4 and flat not in _COMMON and (whole.startswith(flat) or flat in told):
            best = max(best, 0.8)
        elif pieces and pieces <= told:
            best = max(best, 0.6)
        elif any(len(piece) >= 4 and whole.startswith(piece) for piece in pieces):
            best = max(best, 0.5)
    return best
