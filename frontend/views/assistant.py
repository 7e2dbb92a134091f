"""Doors: have the assistant draft a text, take it as a note, discard it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from frontend import canvas
from frontend.assistant import TAB
from frontend.views import panes
from frontend.views.door import Request, door, require
from investigations.assistant import drafting
from investigations.choices import DraftKind
from investigations.models import Draft, Investigation, Note
from rcaplatform.kit.errors import Invalid


@door("POST")
def ask(request: Request, pk: UUID) -> HttpResponse:
    """Have a text drafted in the background."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "create", Draft)
    kind = request.POST.get("kind", "")
    if kind not in DraftKind.values:
        raise Invalid("Say what to draft.", fields={"kind": f"One of {', '.join(DraftKind.values)}."})
    drafting.ask(investigation=investigation, kind=kind, actor=request.user, now=timezone.now())
    return _back(request, investigation, TAB)


@door("POST")
def take(request: Request, pk: UUID, draft: UUID) -> HttpResponse:
    """Make a note of a draft, marked as what it is."""
    found = _find(request, pk, draft)
    require(request.user, "create", found)
    require(request.user, "create", Note)
    drafting.take(draft=found, actor=request.user, now=timezone.now())
    messages.success(request, "The draft is a note of yours now: read it, and edit what is not right.")
    return _back(request, found.investigation, "notes")


@door("POST")
def discard(request: Request, pk: UUID, draft: UUID) -> HttpResponse:
    """Stop a draft that is not ready, or forget its words."""
    found = _find(request, pk, draft)
    require(request.user, "delete", found)
    drafting.discard(draft=found, actor=request.user, now=timezone.now())
    return _back(request, found.investigation, TAB)


def _find(request: Request, pk: UUID, draft: UUID) -> Draft:
    theirs = Draft.objects.visible_to(request.user).filter(investigation=canvas.find(request.user, pk))
    found: Draft = get_object_or_404(theirs.select_related("investigation"), pk=draft)
    return found


def _back(request: Request, investigation: Investigation, tab: str) -> HttpResponse:
    if request.htmx:
        return panes.answer(request, investigation, tab=tab)
    return redirect(f"{reverse('investigation', args=[investigation.pk])}?pane={tab}#notes")
