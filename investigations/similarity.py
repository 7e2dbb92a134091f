"""Decisions about likeness: how much one investigation is like another, and why. No database here.

The likeness is the weighted mean of the factors that both can be compared by: the words they share, the more telling
the fewer of the others speak of them (inverse document frequency); the service and component affected; the tags. A
factor about which one of the two says nothing is left out, but words always count.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

WEIGHTS = {"text": 0.5, "service": 0.3, "tags": 0.2}
THRESHOLD = 0.2  # below this it is no more than a word that both happen to use
MOST_WORDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """What is compared of an investigation. ``words`` come from `events.terms.vocabulary`."""

    words: frozenset[str]
    tags: frozenset[str] = frozenset()
    service: str = ""
    component: str = ""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A score from 0 to 1 and a sentence for each factor that spoke for it."""

    score: float
    reasons: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether this is enough to be shown to a person."""
        return self.score >= THRESHOLD


def telling(first: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Return at most 40 words to look for: those of ``first``, then the longest of ``others``."""
    ordered = sorted(first, key=_longest) + sorted(others - first, key=_longest)
    return frozenset(ordered[:MOST_WORDS])


def compare(portrait: Portrait, others: Sequence[Portrait]) -> list[Likeness]:
    """Return how much each of ``others`` is like ``portrait``, in their order."""
    everyone = [portrait, *others]
    spoken = Counter(word for one in everyone for word in one.words)
    # The one is added so that two investigations that are all there is can be alike.
    worth = {word: log(1 + len(everyone) / number) for word, number in spoken.items()}
    return [_likeness(portrait, other, worth) for other in others]


def _likeness(ours: Portrait, theirs: Portrait, worth: Mapping[str, float]) -> Likeness:
    factors = {"text": _text(ours, theirs, worth), "service": _service(ours, theirs), "tags": _tags(ours, theirs)}
    compared = {name: found for name, found in factors.items() if found is not None}
    total = sum(WEIGHTS[name] * score for name, (score, _) in compared.items())
    weight = sum(WEIGHTS[name] for name in compared)
    return Likeness(round(total / weight, 3), tuple(reason for _, reason in compared.values() if reason))


def _text(ours: Portrait, theirs: Portrait, worth: Mapping[str, float]) -> tuple[float, str]:
    shared = ours.words & theirs.words
    if not shared:
        return 0.0, ""
    lengths = sqrt(_square(ours.words, worth) * _square(theirs.words, worth))
    best = sorted(shared, key=lambda word: (-worth[word], word))
    return _square(shared, worth) / lengths, f"Both speak of {_some(best)}."


def _service(ours: Portrait, theirs: Portrait) -> tuple[float, str] | None:
    if not (ours.service and theirs.service):
        return None
    if ours.service.casefold() != theirs.service.casefold():
        return 0.0, ""
    if ours.component.casefold() != theirs.component.casefold():
        return 0.8, f"Both affect {ours.service}."
    return 1.0, f"Both affect {', '.join(filter(None, (ours.service, ours.component)))}."


def _tags(ours: Portrait, theirs: Portrait) -> tuple[float, str] | None:
    if not (ours.tags and theirs.tags):
        return None
    shared = sorted(ours.tags & theirs.tags)
    return len(shared) / len(ours.tags | theirs.tags), f"Both are tagged {_some(shared)}." if shared else ""


def _square(words: Iterable[str], worth: Mapping[str, float]) -> float:
    return sum(worth[word] ** 2 for word in words)


def _longest(word: str) -> tuple[int, str]:
    return -len(word), word


def _some(words: Sequence[str], most: int = 5) -> str:
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")
