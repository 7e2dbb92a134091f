"""Questions: who is suspected, as the canvas shows it. They never write."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser

from accounts.permissions import may
from events.models import Event
from investigations import suspicion
from investigations.choices import REMEDIATIONS, SuspectKind, SuspectState
from investigations.models import Investigation, Suspect, SuspectReport

SHORT = 12
SHOWN = {SuspectKind.CHANGE: 3, SuspectKind.SERVICE: 3, SuspectKind.METRIC: 2}


@dataclass(slots=True)
class Line:
    """A suspect, and what the card calls it: a change by the title of its event."""

    suspect: Suspect
    title: str


@dataclass(slots=True)
class Card:
    """The newest report, the suspects of each kind that are shown, and what to do first."""

    report: SuspectReport
    kinds: list[tuple[str, list[Line]]]
    doing: str
    more: int

    @property
    def first(self) -> Line | None:
        """The one to name in the header: a change before a service, none that was dismissed."""
        lines = [line for _, lines in self.kinds for line in lines if line.suspect.state != SuspectState.DISMISSED]
        return lines[0] if lines else None


def card(user: AbstractBaseUser | Any, investigation: Investigation) -> dict[str, Any]:
    """Return what the header and the card of suspects need; no report while the first is being made."""
    report = suspicion.newest(investigation.pk)
    found = _card(report) if report else None
    return {"suspects": found, "can_judge": may(user, "edit", Suspect)}


def _card(report: SuspectReport) -> Card:
    every = list(report.suspects.all())
    shown = {kind: [one for one in every if one.kind == kind][:most] for kind, most in SHOWN.items()}
    chosen = [one for row in shown.values() for one in row]
    wanted = [one.event_id for one in chosen if one.event_id]
    titles = dict(Event.objects.alive().filter(pk__in=wanted).values_list("pk", "title"))
    kinds = [(SuspectKind(kind).label + "s", [_line(one, titles) for one in row]) for kind, row in shown.items() if row]
    return Card(report, kinds, REMEDIATIONS.get(report.remediation, report.remediation), len(every) - len(chosen))


def _line(suspect: Suspect, titles: dict[UUID, str]) -> Line:
    named = suspect.name[:SHORT] if suspect.kind == SuspectKind.CHANGE else suspect.name
    return Line(suspect, titles.get(suspect.event_id, named) if suspect.event_id else named)
