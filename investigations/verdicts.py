"""Questions about suspects that people judged: what the engine had said of them when it was first asked."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When
from django.db.models.fields.json import KeyTextTransform

from events.choices import Source
from investigations.choices import SuspectKind, SuspectState
from investigations.models import Investigation, Link, Suspect, SuspectReport
from investigations.models.suspects import JUDGED
from investigations.reliability import Group, Ranked, figures

MOST = 2_000  # investigations, those detected last
_CHANGES = Q(event__source=Source.GIT) | Q(event__event_type__startswith="deployment")


def report(investigations: QuerySet[Investigation]) -> dict[str, Any]:
    """Return how often the suspects of investigations were right, in five queries.

    Each version of the engine is judged by the last report it made of an investigation by itself, when that opened and
    its sources had answered: those that people asked for know what came after.

    Returns:
        ``results``: see `investigations.reliability.figures`; ``complete``: whether all that were judged were counted.
    """
    suspects = Suspect.objects.filter(report__investigation=OuterRef("pk"), state__in=JUDGED)
    reported = SuspectReport.objects.filter(investigation=OuterRef("pk"))
    causes_named = Link.objects.filter(_CHANGES, investigation=OuterRef("pk"), is_cause=True)
    judged = investigations.filter(Exists(suspects) | Exists(reported) & Exists(causes_named))
    recent = judged.order_by("-detected_at", "-id")
    ids = list(recent.values_list("pk", flat=True)[: MOST + 1])
    cases = ids[:MOST]
    if not cases:
        return {"results": [], "complete": True}
    by_hand = Case(When(computed_by=None, then=0), default=1)
    own = SuspectReport.objects.filter(investigation__in=cases, problem="").annotate(by_hand=by_hand)
    own = own.order_by("investigation", "engine_version", "by_hand", "-id").distinct("investigation", "engine_version")
    reports = {pk: (case, version) for pk, case, version in own.values_list("pk", "investigation", "engine_version")}
    verdicts, causes = _verdicts(cases), _causes(cases)
    found: set[tuple[UUID, int]] = set()  # whose named cause is among the suspects
    ranked = []
    named = Suspect.objects.filter(report__in=list(reports)).order_by("id")
    for pk, kind, name, place, score, event in named.values_list(
        "report", "kind", "name", "place", "score", "event"
    ).iterator(chunk_size=2_000):
        case, version = reports[pk]
        state = verdicts.get((case, kind, name), SuspectState.OPEN)
        if kind == SuspectKind.CHANGE and causes.get(case, frozenset()) & {str(event), name}:
            state = SuspectState.CONFIRMED
            found.add((case, version))
        ranked.append(Ranked(case, version, kind, place, score, state))
    missed: defaultdict[Group, set[UUID]] = defaultdict(set)
    for case, version in reports.values():
        if case in causes and (case, version) not in found:
            missed[version, SuspectKind.CHANGE].add(case)
    return {"results": figures(ranked, missed), "complete": len(ids) <= MOST}


def _verdicts(cases: list[UUID]) -> dict[tuple[UUID, str, str], str]:
    """Return what people made last of each suspect of an investigation, whichever report they read."""
    key = ("report__investigation", "kind", "name")
    latest = Suspect.objects.filter(report__investigation__in=cases).order_by(*key, "-report_id").distinct(*key)
    rows = latest.values_list(*key, "state").iterator(chunk_size=2_000)
    return {(case, kind, name): state for case, kind, name, state in rows if state in JUDGED}


def _causes(cases: list[UUID]) -> dict[UUID, set[str]]:
    """Return the changes that people named a cause of each investigation: ids of events, and their commits."""
    links = Link.objects.filter(_CHANGES, investigation__in=cases, is_cause=True, event__deleted_at__isnull=True)
    found: defaultdict[UUID, set[str]] = defaultdict(set)
    told = KeyTextTransform("sha", "event__data")
    for case, event, source_id, sha in links.values_list("investigation", "event", "event__source_id", told):
        found[case] |= {str(event), source_id, sha or str(event)}
    return dict(found)
