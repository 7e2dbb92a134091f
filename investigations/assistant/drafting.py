"""Deeds about drafts of a language model: ask for one, have a worker write it, take it as a note, discard it.

The rows are the queue; a doorbell only says that there is work. Nothing here writes into findings, and nothing into the
notebook unless a person takes it. Whoever discards a draft that is being written keeps its worker from storing it.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit, switches
from accounts.models import Feature, User
from investigations import services
from investigations.assistant import note as notes
from investigations.assistant.answers import REASONS, sift
from investigations.assistant.evidence import collect
from investigations.assistant.prompt import Model, build
from investigations.choices import DraftState
from investigations.exports.gathering import gather
from investigations.models import Draft, Investigation, Note
from investigations.models.drafts import patience
from rcaplatform.kit.doorbell import ring_once
from rcaplatform.kit.errors import Busy, Conflict, DomainError
from rcaplatform.kit.leases import lease

log = structlog.get_logger(__name__)
DRAFT_TASK = "investigations.write_drafts"
ATTEMPTS = 2  # what killed two workers is not given to a third
MOST_WAITING = 20
MOST_EVENTS = 400  # that are read; those with most weight
KEPT = timedelta(days=30)  # a draft that nobody took
HOUR = timedelta(hours=1)
TURN = UUID("5f0c1d3e-8a55-7c1b-9d2a-6e1f0b7a4c19")  # whoever holds it writes


class AssistantOff(Conflict):
    """No language model is named: the operator sets ASSISTANT_URL."""

    code = "assistant_off"


class NotReady(Conflict):
    """There is nothing to take: the draft is being written, failed, or was taken before."""

    code = "not_ready"


@transaction.atomic
def ask(*, investigation: Investigation, kind: str, actor: User, now: datetime) -> Draft:
    """Have a draft written in the background; one of this kind that is under way is given again.

    Raises:
        AssistantOff: no language model is named.
        SwitchedOff: an operator switched the assistant off.
        Conflict: a draft of another kind is under way.
        Busy: this person asked for too many within the hour, or too many wait.
    """
    if not settings.ASSISTANT_URL:
        raise AssistantOff("The assistant is not configured: set ASSISTANT_URL.")
    switches.require(Feature.ASSISTANT)
    # Two people, or one in two tabs, come one after the other.
    Investigation.objects.select_for_update(no_key=True).only("pk").get(pk=investigation.pk)
    User.objects.select_for_update(no_key=True).only("pk").get(pk=actor.pk)
    waiting = Draft.objects.unfinished()
    under_way: Draft | None = waiting.filter(investigation=investigation).first()
    if under_way and under_way.kind == kind:
        return under_way
    if under_way:
        raise Conflict(f"A {under_way.get_kind_display().lower()} is being drafted: wait for it, or discard it.")
    _require_room(actor, now)
    made = Draft(investigation=investigation, kind=kind, created_by=actor, created_at=now, touched_at=now)
    made.save(force_insert=True)
    change = {"kind": [None, kind], "sent_to": [None, settings.ASSISTANT_URL]}
    audit.record(actor=actor, verb="draft", target=investigation, change=change)
    ring_once(DRAFT_TASK)
    return made


def _require_room(actor: User, now: datetime) -> None:
    lately = Draft.objects.filter(created_by=actor, created_at__gt=now - HOUR).order_by("created_at")
    times = list(lately.values_list("created_at", flat=True))
    if len(times) >= settings.ASSISTANT_DRAFTS_AN_HOUR:
        free = times[-settings.ASSISTANT_DRAFTS_AN_HOUR] + HOUR - now
        said = f"You asked for {len(times)} drafts within the hour; more are not written."
        raise Busy(said, seconds=max(int(free.total_seconds()), 1))
    if Draft.objects.unfinished().count() >= MOST_WAITING:
        raise Busy("Too many drafts are waiting: come back in a minute.", seconds=60)


@transaction.atomic
def take(*, draft: Draft, actor: User, now: datetime) -> Note:
    """Make a note of a draft, in the name of who takes it and marked as what it is.

    Raises:
        NotReady: it is not ready, or was taken before.
    """
    held: Draft | None = Draft.objects.select_for_update(of=("self",)).filter(pk=draft.pk).first()
    if held is None or held.state != DraftState.READY or held.note_id:
        raise NotReady("This draft is not ready, or was taken before.")
    mark = notes.marking(
        model=held.model,
        at=held.finished_at or held.created_at,
        dropped=held.number_dropped,
    )
    body = notes.as_markdown(kind=held.kind, sentences=held.sentences, mark=mark)
    note = services.write_note(investigation=draft.investigation, body=body, actor=actor, now=now)
    Draft.objects.filter(pk=held.pk).update(note=note)
    change = {"note": [None, str(note.pk)], "model": [None, held.model]}
    audit.record(actor=actor, verb="take draft", target=draft.investigation, change=change)
    return note


@transaction.atomic
def discard(*, draft: Draft, actor: User, now: datetime) -> None:
    """Stop a draft that is not ready; forget the words of one that is. The row stays, to be counted within the hour."""
    gone = {"state": DraftState.DISCARDED, "sentences": [], "error": "", "finished_at": now}
    if Draft.objects.filter(pk=draft.pk).exclude(state=DraftState.DISCARDED).update(**gone):
        change = {"kind": [draft.kind, None], "state": [draft.state, None]}
        audit.record(actor=actor, verb="discard draft", target=draft.investigation, change=change)


def write_next(*, model: Model, now: datetime) -> bool:
    """Write the draft that has waited longest, or whose worker died.

    One at a time, however many workers there are: a model takes minutes, and other work waits for the same workers.

    Args:
        model: how a language model is asked.
        now: when.

    Returns:
        Whether there was one that nobody else is at.
    """
    with lease(TURN) as held:
        draft = _take_from_queue(now) if held else None
        if draft is not None:
            _work(draft, model)
        return draft is not None


def _work(draft: Draft, model: Model) -> None:
    try:
        written = _write(draft, model)
    except Exception as problem:
        known = isinstance(problem, DomainError)
        log.warning("draft.failed", draft=str(draft.pk), error=type(problem).__name__, exc_info=not known)
        _finish(draft, state=DraftState.FAILED, error=str(problem)[:500] if known else "It failed: see the log.")
    else:
        _finish(draft, **written)


@transaction.atomic
def _take_from_queue(now: datetime) -> Draft | None:
    """Take a row: from now on it is this worker's, by the number of its attempt."""
    free = Q(state=DraftState.WAITING) | Q(state=DraftState.RUNNING, touched_at__lt=now - patience())
    queue = Draft.objects.unfinished().filter(free).order_by("id").select_for_update(skip_locked=True, of=("self",))
    found: Draft | None = queue.select_related("investigation").first()
    if found is None:
        return None
    if found.attempts >= ATTEMPTS:
        _finish(found, state=DraftState.FAILED, error="The worker that wrote it died, twice.")
        return _take_from_queue(now)
    found.attempts += 1
    Draft.objects.filter(pk=found.pk).update(state=DraftState.RUNNING, attempts=found.attempts, touched_at=now)
    return found


def _write(draft: Draft, model: Model) -> dict[str, Any]:
    """Return what becomes of a draft.

    Raises:
        DomainError: the model does not answer, or nothing of what it says can be kept.
    """
    if not settings.ASSISTANT_URL:
        raise AssistantOff("The assistant was switched off.")
    if draft.investigation.deleted_at:
        raise Conflict("The investigation was deleted.")
    report = gather(investigation=draft.investigation, now=timezone.now(), most_events=MOST_EVENTS)
    evidence = collect(report, salt=secrets.token_hex(16), most=settings.ASSISTANT_PROMPT_CHARS)
    if not evidence.items:
        raise Conflict("There is nothing to write from: no event is linked, and no note is written.")
    reply = model(build(draft.kind, evidence))
    kept = sift(reply.text, kind=draft.kind, evidence=evidence)
    if not kept.sentences:
        raise Conflict(f"Nothing that the model wrote could be kept. {_told(kept.dropped)}".strip())
    return {
        "state": DraftState.READY,
        "model": reply.model[:200],
        "sentences": [sentence.as_json() for sentence in kept.sentences],
        "dropped": dict(kept.dropped),
        "given": len(evidence.items),
        "left_out": evidence.left_out,
    }


def _told(dropped: Mapping[str, int]) -> str:
    return " ".join(f"{number} {REASONS[reason]}." for reason, number in dropped.items())


def _finish(draft: Draft, **result: Any) -> None:
    """Store what became of a draft, unless it was discarded or given to another worker meanwhile."""
    held = Draft.objects.unfinished().filter(pk=draft.pk, attempts=draft.attempts)
    if not held.update(**result, finished_at=timezone.now()):
        log.info("draft.unwanted", draft=str(draft.pk))


def purge(*, now: datetime) -> int:
    """Forget drafts past their age, but for those that became notes.

    Returns:
        How many.
    """
    old = Draft.objects.filter(created_at__lt=now - KEPT, note__isnull=True)
    return old.delete()[0]
