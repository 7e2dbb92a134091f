"""Questions: which past investigations are like one, what caused them and what ended them."""

from dataclasses import dataclass

from events.terms import vocabulary
from investigations.models import Investigation
from investigations.querysets import ENDED, InvestigationQuerySet
from investigations.similarity import Likeness, Portrait, compare, telling

SHOWN = 20
_READ = (
    "title status detected_at resolved_at root_cause remediation cause_category service_affected component_affected "
    "tags keywords"
).split()


@dataclass(frozen=True, slots=True)
class Precedent:
    """An investigation like another one, and why."""

    investigation: Investigation
    likeness: Likeness

    @property
    def explained(self) -> bool:
        """Whether it ended with a known cause."""
        return self.investigation.status in ENDED and bool(self.investigation.root_cause)


def similar(*, investigation: Investigation, among: InvestigationQuerySet) -> list[Precedent]:
    """Return at most 20 of ``among`` that are like ``investigation``: those with a known cause first, then the likest.

    Candidates share a word with it, by the index of words; at most 200 are compared.
    """
    names = (investigation.service_affected, investigation.component_affected)
    first = vocabulary(investigation.title, *names, *investigation.tags)
    words = telling(first, vocabulary(investigation.keywords))
    if not words:
        return []
    found = list(among.exclude(pk=investigation.pk).resembling(words).only(*_READ))
    likenesses = compare(_portrait(investigation), [_portrait(other) for other in found])
    precedents = [Precedent(other, likeness) for other, likeness in zip(found, likenesses, strict=True)]
    alike = [precedent for precedent in precedents if precedent.likeness.counts]
    return sorted(alike, key=lambda one: (not one.explained, -one.likeness.score))[:SHOWN]


def _portrait(investigation: Investigation) -> Portrait:
    return Portrait(
        words=vocabulary(investigation.keywords),
        tags=frozenset(tag.casefold() for tag in investigation.tags),
        service=investigation.service_affected,
        component=investigation.component_affected,
    )
