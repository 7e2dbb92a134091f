"""Doors: what people make of a link between an event and an investigation."""

from uuid import UUID

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from frontend import canvas
from frontend.views import panes
from frontend.views.door import Request, back_to, came_from, door, require
from investigations import linking, services
from investigations.choices import LinkState
from investigations.models import Comment, Investigation, Link
from rcaplatform.kit.errors import Conflict, Invalid

TOGETHER = {"confirm": LinkState.CONFIRMED, "reject": LinkState.REJECTED}
MOST_TOGETHER = 200
DECISIONS = ("confirm", "reject", "cause", "no-cause")


@door("POST")
def decide(request: Request, pk: UUID, event: UUID) -> HttpResponse:
    """Confirm or reject a link, name its event a cause, or take that back."""
    investigation = canvas.find(request.user, pk)
    link = get_object_or_404(Link, investigation=investigation, event_id=event)
    require(request.user, "edit", link)
    _decide(link, request)
    return _back(request, investigation, event)


def _decide(link: Link, request: Request) -> None:
    """Do what the button says, provided that the link is still as the person saw it."""
    decision = request.POST.get("decision", "")
    if decision not in DECISIONS:
        raise Invalid("Choose what to make of this link.", fields={"decision": f"One of {', '.join(DECISIONS)}."})
    if request.POST.get("state", link.state) != link.state:
        who = link.decided_by or "Somebody"
        raise Conflict(f"{who} has {LinkState(link.state).label.lower()} this link meanwhile. Look again, then decide.")
    now = timezone.now()
    if decision == "confirm":
        linking.confirm(link=link, actor=request.user, now=now)
    elif decision == "reject":
        linking.reject(link=link, actor=request.user, now=now)
    else:
        linking.mark_cause(link=link, is_cause=decision == "cause", actor=request.user, now=now)


@door("POST")
def decide_together(request: Request, pk: UUID) -> HttpResponse:
    """Confirm or reject the links of several events with one word."""
    investigation = canvas.find(request.user, pk)
    decision = request.POST.get("decision", "")
    if decision not in TOGETHER:
        raise Invalid("Choose what to make of these links.", fields={"decision": f"One of {', '.join(TOGETHER)}."})
    asked = set(request.POST.getlist("event"))
    if not 0 < len(asked) <= MOST_TOGETHER:
        raise Invalid(f"Name 1 to {MOST_TOGETHER} events.", fields={"event": f"1 to {MOST_TOGETHER}."})
    found = list(Link.objects.filter(investigation=investigation, event_id__in=map(canvas.key, asked)))
    if len(found) != len(asked):
        raise Http404("One of these events is not linked to this investigation.")
    for link in found:
        require(request.user, "edit", link)
    changed = linking.decide_all(links=found, state=TOGETHER[decision], actor=request.user, now=timezone.now())
    return JsonResponse({"changed": changed})


@door("POST")
def link_by_hand(request: Request, pk: UUID) -> HttpResponse:
    """Link an event because a person says that it belongs."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "create", Link)
    event = canvas.find_event(request.user, request.POST.get("event", ""))
    linking.link_by_hand(investigation=investigation, event=event, actor=request.user, now=timezone.now())
    return _back(request, investigation, event.pk)


@door("POST")
def link_from_event(request: Request, pk: UUID) -> HttpResponse:
    """Link an event to the investigation a person chose on its page."""
    event = canvas.find_event(request.user, pk)
    require(request.user, "create", Link)
    investigation = canvas.find(request.user, request.POST.get("investigation", ""))
    linking.link_by_hand(investigation=investigation, event=event, actor=request.user, now=timezone.now())
    return _back(request, investigation, event.pk)


@door("POST")
def comment(request: Request, pk: UUID, event: UUID) -> HttpResponse:
    """Remark on an event."""
    investigation = canvas.find(request.user, pk)
    require(request.user, "create", Comment)
    about = canvas.find_event(request.user, event)
    body = request.POST.get("body", "")
    try:
        services.comment(investigation=investigation, body=body, actor=request.user, now=timezone.now(), event=about)
    except Invalid as problem:
        wrong = " ".join(problem.fields.values())
        return panes.answer(
            request, investigation, chosen=str(event), status=422, comment_body=body, comment_error=wrong
        )
    return _back(request, investigation, event)


def _back(request: Request, investigation: Investigation, event: UUID) -> HttpResponse:
    """Show the event again: its pane and its row to htmx, else the page it was on."""
    if request.htmx:
        return panes.answer(request, investigation, chosen=str(event), changed=True)
    path, chosen = reverse("investigation", args=[investigation.pk]), f"event={event}"
    return back_to(request, path) if chosen in came_from(request) else redirect(f"{path}?{chosen}")
