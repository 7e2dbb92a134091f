"""Doors: rank the suspects again, and say what one makes of a suspect."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from frontend import canvas
from frontend.views import panes
from frontend.views.door import Request, door, require
from investigations import suspicion
from investigations.choices import SuspectState
from investigations.models import Investigation, Suspect
from rcaplatform.kit.errors import Invalid


@door("POST")
def rank(request: Request, pk: UUID) -> HttpResponse:
    """Rank them anew from what is known now."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "edit", Suspect)
    suspicion.compute(investigation=investigation, now=timezone.now(), actor=request.user)
    return _back(request, investigation)


@door("POST")
def judge(request: Request, pk: UUID, suspect: UUID) -> HttpResponse:
    """Confirm a suspect, dismiss it, or take that back."""
    investigation = canvas.find(request.user, pk)
    theirs = Suspect.objects.select_related("report__investigation", "event")
    found = get_object_or_404(theirs, pk=suspect, report__investigation=investigation)
    require(request.user, "edit", found)
    state = request.POST.get("state", "")
    if state not in SuspectState.values:
        raise Invalid("Say what you make of it.", fields={"state": f"One of {', '.join(SuspectState.values)}."})
    suspicion.decide(suspect=found, state=state, actor=request.user, now=timezone.now())
    return _back(request, investigation)


def _back(request: Request, investigation: Investigation) -> HttpResponse:
    if request.htmx:
        return panes.answer(request, investigation)
    return redirect(f"{reverse('investigation', args=[investigation.pk])}#suspects")
