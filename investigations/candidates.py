"""Decision: which investigations an event belongs to, without scoring it against every one. No database here."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from investigations.scoring import (
    NAMED,
    SAME_COMPONENT,
    SAME_SERVICE,
    STRANGER,
    THRESHOLD,
    UNKNOWN,
    Clue,
    Scene,
    Score,
    ceiling,
    parts_of,
    score,
)

Key = TypeVar("Key")
_NONE: frozenset[int] = frozenset()


class Lineup(Generic[Key]):
    """Scenes, indexed by what an event can have in common with them.

    Without a service, component, word or reference in common no pair reaches the threshold (`ceiling`), so only pairs
    that the indexes name are looked at, and of those only the ones are scored that can reach it at the best of times.
    """

    def __init__(self, scenes: Mapping[Key, Scene]) -> None:
        self._scenes = [(key, scene, *scene.span) for key, scene in scenes.items()]
        self._services: dict[str, set[int]] = defaultdict(set)
        self._components: dict[str, set[int]] = defaultdict(set)
        self._references: dict[str, set[int]] = defaultdict(set)
        self._words: dict[str, set[int]] = defaultdict(set)
        self._telling: dict[str, set[int]] = defaultdict(set)  # words but for those of the service's own name
        for place, scene in enumerate(scenes.values()):
            if scene.service:
                self._services[scene.service.casefold()].add(place)
            if scene.component:
                self._components[scene.component.casefold()].add(place)
            for index, terms in (
                (self._references, scene.references),
                (self._words, scene.words),
                (self._telling, scene.words - parts_of(scene.service)),
            ):
                for term in terms:
                    index[term].add(place)

    def __len__(self) -> int:
        return len(self._scenes)

    @property
    def keys(self) -> list[Key]:
        """Whose scenes these are."""
        return [key for key, *_ in self._scenes]

    def judge(self, clue: Clue) -> Iterator[tuple[Key, Score]]:
        """Yield each scene that the event links to, with its score: what scoring every scene would give."""
        kin, shared = self._kin(clue), self._shared(clue)
        cited = set().union(*(self._references.get(reference, _NONE) for reference in clue.references))
        for place in kin.keys() | shared.keys() | cited:
            key, scene, begins, ends = self._scenes[place]
            kinship = kin.get(place) or (STRANGER if clue.service and scene.service else UNKNOWN)
            if ceiling(kinship, shared.get(place, 0), place in cited) < THRESHOLD:
                continue
            if begins <= clue.timestamp <= ends and (result := score(clue, scene)).links:
                yield key, result

    def _kin(self, clue: Clue) -> dict[int, float]:
        """Return the scenes the event is kin to, and the most that it can come to."""
        kin: dict[int, float] = {}
        if parts := parts_of(clue.service.casefold()):
            speaking = set.intersection(*(self._words.get(part) or set() for part in parts))
            kin = dict.fromkeys(speaking, NAMED)
        if clue.component:
            kin |= dict.fromkeys(self._components.get(clue.component.casefold(), _NONE), SAME_COMPONENT)
        if clue.service:
            kin |= dict.fromkeys(self._services.get(clue.service.casefold(), _NONE), SAME_SERVICE)
        return kin

    def _shared(self, clue: Clue) -> dict[int, int]:
        """Return how many telling words the event shares with each scene that it shares one with."""
        shared: dict[int, int] = {}
        for word in clue.words - parts_of(clue.service):
            for place in self._telling.get(word, _NONE):
                shared[place] = shared.get(place, 0) + 1
        return shared
