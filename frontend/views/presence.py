"""Doors: who else looks at an investigation."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.sessions import unattended
from frontend import canvas, presence
from frontend.views.door import Request, door


@unattended
@door("POST")
def here(request: Request, pk: UUID) -> HttpResponse:
    """Say that this person is here, and who else is."""
    investigation = canvas.find(request.user, pk)
    others = presence.look_in(investigation.pk, request.user, timezone.now())
    return render(request, "canvas/here.html", {"others": others})
