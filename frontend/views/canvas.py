"""Doors: the canvas of one investigation, and what is new on it."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.dateparse import parse_datetime

from accounts.sessions import unattended
from frontend import canvas, news
from frontend.views import panes
from frontend.views.door import Request, answer_news, door
from rcaplatform.kit.errors import Invalid


@door("GET")
def show(request: Request, pk: UUID) -> HttpResponse:
    """Show the canvas, or the pane of it that htmx asks for."""
    return panes.answer(request, canvas.find(request.user, pk), chosen=request.GET.get("event", ""))


@unattended
@door("GET")
def whats_new(request: Request, pk: UUID) -> HttpResponse:
    """Say what happened since the page was made; 204 when nothing did."""
    investigation = canvas.find(request.user, pk)
    try:
        version, known = int(request.GET["version"]), int(request.GET["known"])
        since = parse_datetime(request.GET["since"])
    except (KeyError, ValueError) as problem:
        raise Invalid("Give version, known and since.") from problem
    if since is None or since.tzinfo is None:
        raise Invalid("Give since as a time with an offset.", fields={"since": "Not a time with an offset."})
    sentence = news.of_investigation(investigation, request.user, version=version, known=known, since=since)
    return answer_news(request, sentence)
