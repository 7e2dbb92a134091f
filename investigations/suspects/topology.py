"""Decision: who calls whom, as far as it is known or can be inferred."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from investigations.suspects.logs import WARNING, level
from investigations.suspects.scene import Scene
from investigations.suspects.traces import Forest

_DEPTH = 12
_LOOKED_AT = 400  # characters of a line


class Topology:
    """Services and their calls.

    Attributes:
        sure: whether the calls were told or measured; else they are guessed by who complains of whom.
    """

    def __init__(self, calls: Collection[tuple[str, str]], guessed: Iterable[tuple[str, str]] = ()) -> None:
        self.sure = bool(calls)
        calls = {*calls, *guessed}
        self.callees = defaultdict[str, set[str]](set)
        self.callers = defaultdict[str, set[str]](set)
        for caller, callee in sorted(set(calls)):
            if caller != callee:
                self.callees[caller].add(callee)
                self.callers[callee].add(caller)

    @property
    def known(self) -> bool:
        """Whether any call is known."""
        return bool(self.callees)

    def upstream(self, service: str) -> set[str]:
        """Return who calls a service, directly or not."""
        return self._reach(service, self.callers)

    def downstream(self, service: str) -> set[str]:
        """Return whom a service calls, directly or not."""
        return self._reach(service, self.callees)

    @staticmethod
    def _reach(service: str, ways: dict[str, set[str]]) -> set[str]:
        seen, edge = set[str](), {service}
        for _ in range(_DEPTH):
            edge = {other for one in edge for other in ways.get(one, ())} - seen
            if not edge:
                break
            seen |= edge
        return seen - {service}


def topology(scene: Scene, forest: Forest) -> Topology:
    """Return the calls that are given, those of the spans and those that metrics with a peer tell of."""
    calls = set(scene.calls) | forest.calls()
    for series in scene.series:
        if series.peer and series.direction == "out":
            calls.add((series.service, series.peer))
        elif series.peer and series.direction == "in":
            calls.add((series.peer, series.service))
    return Topology(calls, mentions(scene))


def mentions(scene: Scene) -> set[tuple[str, str]]:
    """Return (caller, callee) where a service that complains names another one."""
    services = {one.service for one in scene.series} | {one.service for one in scene.spans}
    services |= {one.service for one in scene.lines}
    names = {name.casefold(): name for name in services if len(name) > 3}
    if not names:
        return set()
    search = re.compile(
        rf"(?<![\w-])(?<!from )({'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})(?![\w-])"
    )
    found = set()
    for line in scene.lines:
        if level(line) >= WARNING:
            found |= {(line.service, names[name]) for name in search.findall(line.text[:_LOOKED_AT].casefold())}
    return {(caller, callee) for caller, callee in found if caller and caller != callee}
