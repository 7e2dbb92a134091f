"""Decision: what the suspects engine answers. Values alone."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Kind = Literal["change", "service", "metric"]


class Evidence(NamedTuple):
    """One sentence, and what it rests on: commits, services, metrics, traces by name."""

    text: str
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A probable root cause.

    Attributes:
        id: the commit of a change, the name of a service, "service metric" of a metric.
        score: 0 to 1; comparable within a kind.
    """

    kind: Kind
    id: str
    score: float
    evidence: tuple[Evidence, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        refs = sorted({ref for one in self.evidence for ref in one.refs})
        said = [one.text for one in self.evidence]
        return {"kind": self.kind, "id": self.id, "score": round(self.score, 4), "evidence": said, "refs": refs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The ranking, best first, and what follows from it. An empty ranking says that nothing is wrong.

    Attributes:
        no_change_cause: no change explains this, in so far as changes are known.
        reasons: why so, where the cause lies outside of every change.
        onset: when it began, in Unix seconds; None where nothing did.
    """

    ranking: tuple[Suspect, ...] = ()
    no_change_cause: bool = True
    first_failing_service: str = ""
    blast_radius: tuple[str, ...] = ()
    remediation: str = ""
    reasons: tuple[Evidence, ...] = ()
    onset: float | None = None
    engine: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "ranking": [one.as_json() for one in self.ranking],
            "no_change_cause": self.no_change_cause,
            "first_failing_service": self.first_failing_service,
            "blast_radius": list(self.blast_radius),
            "remediation": self.remediation,
            "reasons": [one.text for one in self.reasons],
            "onset": self.onset,
            "engine_version": self.engine,
        }
