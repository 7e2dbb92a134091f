"""Deeds about hypotheses and the evidence for and against them: check, write, record, tell."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.models import User
from events.models import Event
from investigations.choices import Verdict
from investigations.models import Evidence, Hypothesis, Investigation
from investigations.services import checked, plain_text, tell
from rcaplatform.kit.errors import Conflict, Invalid

MOST = 200  # hypotheses of one investigation, and pieces of evidence about one hypothesis
_WORDS = frozenset({"statement", "why"})


@transaction.atomic
def suppose(
    *, investigation: Investigation, statement: str, actor: User, now: datetime, verdict: str = Verdict.OPEN
) -> Hypothesis:
    """Put a hypothesis down.

    Raises:
        Invalid: it is empty or too long, its verdict is none, or there are too many.
    """
    if investigation.hypotheses.alive().count() >= MOST:
        raise Invalid(f"An investigation holds at most {MOST} hypotheses.", fields={"statement": "There are too many."})
    made = Hypothesis(
        investigation=investigation, author=actor, updated_by=actor, statement=plain_text(statement), verdict=verdict
    )
    checked(made, exclude=["investigation", "author"])
    made.save(force_insert=True)
    audit.record(actor=actor, verb="suppose", target=made)
    tell(investigation, "hypothesis", now)
    return made


@transaction.atomic
def edit(*, hypothesis: Hypothesis, changes: Mapping[str, Any], actor: User, now: datetime) -> Hypothesis:
    """Change what a hypothesis states, or give the verdict on it.

    Raises:
        Invalid: a value breaks a rule.
        Conflict: somebody else changed it since ``hypothesis`` was read.
    """
    if _write(hypothesis, changes, actor, now):
        Hypothesis.objects.filter(pk=hypothesis.pk).update(updated_by=actor)
        tell(hypothesis.investigation, "hypothesis", now)
    return hypothesis


@transaction.atomic
def delete(*, hypothesis: Hypothesis, actor: User, now: datetime) -> None:
    """Hide a hypothesis with its evidence; `restore` brings both back."""
    if Hypothesis.objects.alive().filter(pk=hypothesis.pk).update(deleted_at=now, updated_at=now, updated_by=actor):
        audit.record(actor=actor, verb="delete", target=hypothesis)
        tell(hypothesis.investigation, "hypothesis", now)


@transaction.atomic
def restore(*, hypothesis: Hypothesis, actor: User, now: datetime) -> None:
    """Bring a deleted hypothesis back."""
    if Hypothesis.objects.deleted().filter(pk=hypothesis.pk).update(deleted_at=None, updated_at=now, updated_by=actor):
        audit.record(actor=actor, verb="restore", target=hypothesis)
        tell(hypothesis.investigation, "hypothesis", now)


@transaction.atomic
def weigh(*, hypothesis: Hypothesis, event: Event, stance: str, actor: User, now: datetime, why: str = "") -> Evidence:
    """Say what an event of the investigation says about a hypothesis.

    Raises:
        Invalid: the event is no part of the investigation, a value breaks a rule, or there is too much evidence.
        Conflict: the event is evidence about it already.
    """
    # Holds off who would weigh the same event in this moment.
    Hypothesis.objects.select_for_update().only("pk").get(pk=hypothesis.pk)
    if not hypothesis.investigation.links.filter(event=event, event__deleted_at__isnull=True).exists():
        elsewhere = "This event is not linked to this investigation."
        raise Invalid(elsewhere, fields={"event": elsewhere})
    known = set(hypothesis.evidence.alive().values_list("event_id", flat=True))
    if event.pk in known:
        raise Conflict("This event is evidence about this hypothesis already: change that.")
    if len(known) >= MOST:
        raise Invalid(f"A hypothesis takes at most {MOST} pieces of evidence.", fields={"event": "There are too many."})
    piece = Evidence(hypothesis=hypothesis, event=event, stance=stance, why=plain_text(why), author=actor)
    checked(piece, exclude=["hypothesis", "event", "author"])
    piece.save(force_insert=True)
    audit.record(actor=actor, verb="weigh", target=piece)
    _tell_of(piece, actor, now)
    return piece


@transaction.atomic
def weigh_anew(*, evidence: Evidence, changes: Mapping[str, Any], actor: User, now: datetime) -> Evidence:
    """Change what an event says about a hypothesis.

    Raises:
        Invalid: a value breaks a rule.
        Conflict: somebody else changed it since ``evidence`` was read.
    """
    if _write(evidence, changes, actor, now):
        _tell_of(evidence, actor, now)
    return evidence


@transaction.atomic
def delete_evidence(*, evidence: Evidence, actor: User, now: datetime) -> None:
    """Take a piece of evidence away; `restore_evidence` brings it back."""
    if Evidence.objects.alive().filter(pk=evidence.pk).update(deleted_at=now, updated_at=now):
        audit.record(actor=actor, verb="delete", target=evidence)
        _tell_of(evidence, actor, now)


@transaction.atomic
def restore_evidence(*, evidence: Evidence, actor: User, now: datetime) -> None:
    """Bring a piece of evidence back.

    Raises:
        Conflict: the event was weighed anew meanwhile.
    """
    Hypothesis.objects.select_for_update().only("pk").get(pk=evidence.hypothesis_id)
    if Evidence.objects.alive().filter(hypothesis=evidence.hypothesis_id, event=evidence.event_id).exists():
        raise Conflict("This event is evidence about this hypothesis again already.")
    if Evidence.objects.deleted().filter(pk=evidence.pk).update(deleted_at=None, updated_at=now):
        audit.record(actor=actor, verb="restore", target=evidence)
        _tell_of(evidence, actor, now)


def _write(row: Hypothesis | Evidence, changes: Mapping[str, Any], actor: User, now: datetime) -> bool:
    """Compare and set on the version that was read; return whether anything changed."""
    wanted = {name: plain_text(value) if name in _WORDS else value for name, value in changes.items()}
    before = {name: getattr(row, name) for name in wanted}
    changed = {name: value for name, value in wanted.items() if value != before[name]}
    for name, value in changed.items():
        setattr(row, name, value)
    checked(row, exclude=["investigation", "hypothesis", "event", "author"])
    if not changed:
        return False
    held = type(row).objects.alive().filter(pk=row.pk, version=row.version)
    if not held.update(**changed, version=F("version") + 1, updated_at=now):
        raise Conflict(f"Somebody else changed this {type(row).__name__.lower()} first.")
    row.version += 1
    row.updated_at = now
    change = {name: [before[name], value] for name, value in changed.items()}
    audit.record(actor=actor, verb="edit", target=row, change=change)
    return True


def _tell_of(evidence: Evidence, actor: User, now: datetime) -> None:
    """Whoever looks at the hypothesis shall learn of its evidence: it counts as a change of it."""
    Hypothesis.objects.filter(pk=evidence.hypothesis_id).update(updated_at=now, updated_by=actor)
    tell(evidence.hypothesis.investigation, "hypothesis", now)
