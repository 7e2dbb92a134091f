"""Doors: all events, one event, and what is new among them."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.permissions import may
from accounts.sessions import unattended
from events import services
from events.models import Event
from frontend import canvas, news
from frontend.filters import EventFilter
from frontend.paging import by_time
from frontend.views.door import Request, answer_news, answer_part, door
from investigations.models import Investigation, Link
from rcaplatform.kit.errors import Invalid
from rcaplatform.kit.replica import may_lag

PER_PAGE = 100
CHOICES = 50
UNREAD = ("data", "raw_data", "metadata", "message", "keywords", "search")


@door("GET")
def browse(request: Request) -> HttpResponse:
    """List events, newest first; with ``for``, to choose one for an investigation."""
    may_lag(request)
    query = request.GET
    filters = EventFilter(query, Event.objects.visible_to(request.user).defer(*UNREAD))
    page = by_time(filters.qs, size=PER_PAGE, after=query.get("after", ""), before=query.get("before", ""))
    context = {
        "filters": filters,
        "page": page,
        "newest": Event.objects.alive().order_by("-pk").values_list("pk", flat=True).first(),
        "investigation": canvas.find(request.user, query["for"]) if query.get("for") else None,
    }
    return answer_part(request, "events/list.html", {"results": "events/results.html"}, context)


@door("GET")
def show(request: Request, pk: UUID) -> HttpResponse:
    """Show one event, where it is linked, and offer to link it."""
    event = canvas.find_event(request.user, pk)
    if event.first_seen_at is None:
        services.seen(event=event, now=timezone.now())
    links = Link.objects.filter(event=event, investigation__deleted_at__isnull=True).select_related("investigation")
    may_link = may(request.user, "create", Link)
    context = {
        "event": event,
        "links": links,
        "investigations": Investigation.objects.active().exclude(links__event=event)[:CHOICES] if may_link else [],
    }
    return render(request, "events/event.html", context)


@unattended
@door("GET")
def whats_new(request: Request) -> HttpResponse:
    """Say how many events came since the page was made; 204 when none did."""
    newest = request.GET.get("newest", "")
    try:
        return answer_news(request, news.of_events(newest=UUID(newest) if newest else None))
    except ValueError as problem:
        raise Invalid("Give newest as the id of an event.", fields={"newest": "Not an id."}) from problem
