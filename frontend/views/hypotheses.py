"""Doors: what might have caused it, and the events that speak for and against."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from frontend import canvas
from frontend.views import panes
from frontend.views.door import Request, door, require
from investigations import hypotheses
from investigations.models import Evidence, Hypothesis, Investigation
from rcaplatform.kit.errors import Conflict, Invalid

TAB = "hypotheses"


@door("POST")
def suppose(request: Request, pk: UUID) -> HttpResponse:
    """Put a hypothesis down."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "create", Hypothesis)
    statement = request.POST.get("statement", "")
    try:
        hypotheses.suppose(investigation=investigation, statement=statement, actor=request.user, now=timezone.now())
    except Invalid as problem:
        wrong = " ".join(problem.fields.values())
        return panes.answer(request, investigation, tab=TAB, status=422, statement=statement, statement_error=wrong)
    return _back(request, investigation)


@door("POST")
def judge(request: Request, pk: UUID, hypothesis: UUID) -> HttpResponse:
    """Give the verdict on a hypothesis."""
    found = _find(request, pk, hypothesis)
    require(request.user, "edit", found)
    found.version = _number(request.POST.get("version", ""))
    changes = {name: request.POST[name] for name in ("verdict", "statement") if name in request.POST}
    hypotheses.edit(hypothesis=found, changes=changes, actor=request.user, now=timezone.now())
    return _back(request, found.investigation)


@door("POST")
def delete(request: Request, pk: UUID, hypothesis: UUID) -> HttpResponse:
    """Delete a hypothesis, with an offer to take that back."""
    found = _find(request, pk, hypothesis)
    require(request.user, "delete", found)
    hypotheses.delete(hypothesis=found, actor=request.user, now=timezone.now())
    undo = reverse("hypothesis-restore", args=[pk, hypothesis])
    messages.success(request, "The hypothesis is deleted.", extra_tags=undo)
    return _back(request, found.investigation)


@door("POST")
def restore(request: Request, pk: UUID, hypothesis: UUID) -> HttpResponse:
    """Take the deletion of a hypothesis back."""
    investigation = canvas.find(request.user, pk)
    found = investigation.hypotheses.deleted().filter(pk=hypothesis).first()
    if found is not None:
        require(request.user, "restore", found)
        hypotheses.restore(hypothesis=found, actor=request.user, now=timezone.now())
    return _back(request, investigation)


@door("POST")
def weigh(request: Request, pk: UUID, hypothesis: UUID) -> HttpResponse:
    """Say what an event says about a hypothesis."""
    found = _find(request, pk, hypothesis)
    require(request.user, "create", Evidence)
    given = {name: request.POST.get(name, "") for name in ("stance", "why")}
    try:
        event = canvas.find_event(request.user, request.POST.get("event", ""))
        hypotheses.weigh(hypothesis=found, event=event, **given, actor=request.user, now=timezone.now())
    except (Invalid, Conflict) as problem:
        wrong = " ".join(problem.fields.values()) or problem.message
        return panes.answer(
            request, found.investigation, tab=TAB, status=422, weighed=found.pk, weighed_error=wrong, given=given
        )
    return _back(request, found.investigation)


@door("POST")
def take_away(request: Request, pk: UUID, hypothesis: UUID, evidence: UUID) -> HttpResponse:
    """Take a piece of evidence away."""
    found = _find(request, pk, hypothesis)
    piece = found.evidence.standing().filter(pk=evidence).first()
    if piece is None:
        raise Http404("There is no such evidence, or it was deleted.")
    require(request.user, "delete", piece)
    hypotheses.delete_evidence(evidence=piece, actor=request.user, now=timezone.now())
    return _back(request, found.investigation)


def _find(request: Request, pk: UUID, hypothesis: UUID) -> Hypothesis:
    investigation = canvas.find(request.user, pk)
    found: Hypothesis | None = investigation.hypotheses.alive().filter(pk=hypothesis).first()
    if found is None:
        raise Http404("There is no such hypothesis, or it was deleted.")
    found.investigation = investigation
    return found


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _back(request: Request, investigation: Investigation) -> HttpResponse:
    if request.htmx:
        return panes.answer(request, investigation, tab=TAB)
    return redirect(f"{reverse('investigation', args=[investigation.pk])}?pane={TAB}#notes")
