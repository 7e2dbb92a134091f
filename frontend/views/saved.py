"""Doors: keep a query of the list of investigations as a view, and delete one."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from frontend.views.door import Request, came_from, door, require
from frontend.views.investigations import address_of
from investigations import savedviews
from investigations.models import SavedView


@door("POST")
def save(request: Request) -> HttpResponse:
    """Keep what the list shows under a name, and show it."""
    require(request.user, "create", SavedView)
    form = request.POST
    made = savedviews.save(
        name=form.get("name", ""),
        query=form.get("query", ""),
        shared="shared" in form,
        actor=request.user,
        now=timezone.now(),
    )
    messages.success(request, f"The view “{made.name}” is saved.", extra_tags="saved")
    return redirect(address_of(made))


@door("POST")
def delete(request: Request, pk: UUID) -> HttpResponse:
    """Delete a view; the list stays as it was."""
    view = get_object_or_404(SavedView.objects.visible_to(request.user), pk=pk)
    require(request.user, "delete", view)
    savedviews.delete(savedview=view, actor=request.user, now=timezone.now())
    messages.success(request, f"The view “{view.name}” is deleted.")
    return redirect(came_from(request))
