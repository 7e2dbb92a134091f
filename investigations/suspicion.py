"""Deeds about suspects: rank them and keep the answer; people say which of them is the cause and which is not."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Prefetch

from accounts import audit
from accounts.models import User
from investigations import linking
from investigations.choices import SuspectState
from investigations.models import Investigation, Link, Suspect, SuspectReport
from investigations.reconstruction import Reconstruction, reconstruct
from investigations.services import tell
from investigations.suspects import ENGINE_VERSION, Answer, rank
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.leases import lease

log = structlog.get_logger(__name__)
KEPT = 10  # suspects of each kind
MOST_EVIDENCE, MOST_TEXT = 12, 1_000


def compute(*, investigation: Investigation, now: datetime, actor: User | None = None) -> SuspectReport:
    """Rank the suspects of an investigation anew and keep the answer beside the earlier ones.

    What people said about a suspect goes over to the new report. An incident that the engine cannot read gives a
    report that says so: it is not tried again by itself.
    """
    known, answer, problem = Reconstruction(), Answer(engine=ENGINE_VERSION), ""
    try:
        known = reconstruct(investigation, now)
        answer = rank(known.scene)
    except Exception as failure:
        log.exception("suspects.failed", investigation=str(investigation.pk))
        problem = f"{type(failure).__name__}: {failure}"[:MOST_TEXT]
    with transaction.atomic():
        report = _keep(investigation, answer, known, problem, now, actor)
        if actor:
            audit.record(actor=actor, verb="rank suspects", target=investigation)
        tell(investigation, "suspects", now)
    return report


def _keep(
    investigation: Investigation,
    answer: Answer,
    known: Reconstruction,
    problem: str,
    now: datetime,
    actor: User | None,
) -> SuspectReport:
    report = SuspectReport(
        investigation=investigation,
        engine_version=ENGINE_VERSION,
        computed_at=now,
        computed_by=actor,
        events=known.events,
        sources=list(known.sources),
        onset=datetime.fromtimestamp(answer.onset, UTC) if answer.onset else None,
        no_change_cause=answer.no_change_cause,
        reasons=[_text(one.text) for one in answer.reasons][:MOST_EVIDENCE],
        first_failing_service=answer.first_failing_service[:200],
        blast_radius=[service[:200] for service in answer.blast_radius][:50],
        remediation=answer.remediation,
        problem=problem,
    )
    report.save(force_insert=True)
    earlier = Suspect.objects.filter(report__investigation=investigation).order_by("report_id")
    Suspect.objects.bulk_create(_rows(report, answer, known.changes, {(one.kind, one.name): one for one in earlier}))
    return report


def _rows(
    report: SuspectReport, answer: Answer, changes: Mapping[str, UUID], latest: dict[tuple[str, str], Suspect]
) -> list[Suspect]:
    placed: dict[str, int] = {}
    rows = []
    for one in answer.ranking:
        place = placed[one.kind] = placed.get(one.kind, 0) + 1
        if place > KEPT:
            continue
        before = latest.get((one.kind, one.id[:300]))
        rows.append(
            Suspect(
                report=report,
                kind=one.kind,
                name=one.id[:300],
                place=place,
                score=round(one.score, 4),
                evidence=[
                    {"text": _text(said.text), "events": [str(changes[ref]) for ref in said.refs if ref in changes]}
                    for said in one.evidence[:MOST_EVIDENCE]
                ],
                event_id=changes.get(one.id) if one.kind == "change" else None,
                state=before.state if before else SuspectState.OPEN,
                decided_by=before.decided_by if before else None,
                decided_at=before.decided_at if before else None,
            )
        )
    return rows


@transaction.atomic
def decide(*, suspect: Suspect, state: str, actor: User, now: datetime) -> Suspect:
    """Say that a suspect is the cause, or is not, or take that back.

    The event of a change that is confirmed is named a cause in the investigation, and linked where it was not.

    Raises:
        Conflict: somebody else said otherwise meanwhile.
    """
    if suspect.state == state:
        return suspect
    by = (None, None) if state == SuspectState.OPEN else (actor, now)
    changed = Suspect.objects.filter(pk=suspect.pk, state=suspect.state)
    if not changed.update(state=state, decided_by=by[0], decided_at=by[1]):
        raise Conflict("Somebody else has said something else about this suspect meanwhile.")
    investigation = suspect.report.investigation
    audit.record(actor=actor, verb="judge suspect", target=suspect, change={"state": [suspect.state, state]})
    was_cause, suspect.state = suspect.state == SuspectState.CONFIRMED, SuspectState(state)
    suspect.decided_by, suspect.decided_at = by
    if suspect.event is not None and (state == SuspectState.CONFIRMED or was_cause):
        link = Link.objects.filter(investigation=investigation, event=suspect.event).first()
        if link is None and state == SuspectState.CONFIRMED:
            link = linking.link_by_hand(investigation=investigation, event=suspect.event, actor=actor, now=now)
        if link is not None:
            linking.mark_cause(link=link, is_cause=state == SuspectState.CONFIRMED, actor=actor, now=now)
    tell(investigation, "suspects", now)
    return suspect


def compute_owed(*, now: datetime, most: int = 20) -> int:
    """Rank the suspects of investigations that are worked on and have no report yet, oldest first.

    Returns:
        How many were ranked; 0 when there is none, or others are at all of them.
    """
    owed = list(Investigation.objects.active().filter(suspect_reports=None).order_by("id")[:most])
    return sum(compute_once(investigation=investigation, now=now) for investigation in owed)


def compute_once(*, investigation: Investigation, now: datetime) -> bool:
    """Rank the suspects of an investigation unless that was done, or another worker is at it; return whether it was.

    The lease is the session's, not a transaction's: ranking takes seconds, and a worker that dies gives it back.
    """
    with lease(investigation.pk) as held:
        if not held or investigation.suspect_reports.exists():
            return False
        compute(investigation=investigation, now=now)
        return True


def _text(text: str) -> str:
    return text.replace("\x00", "\ufffd")[:MOST_TEXT]


def newest(investigation: UUID) -> SuspectReport | None:
    """Return the newest report of an investigation with its suspects, in two queries; None before there is one."""
    suspects = Suspect.objects.select_related("decided_by").order_by("kind", "place")
    reports = SuspectReport.objects.filter(investigation=investigation).select_related("computed_by")
    return reports.prefetch_related(Prefetch("suspects", suspects)).order_by("-id").first()
