"""Doors: how the connectors fare."""

from django.http import HttpResponse

from accounts.sessions import unattended
from frontend import health
from frontend.views.door import Request, answer_news, answer_part, door


@door("GET")
def browse(request: Request) -> HttpResponse:
    """Show the state of each connector."""
    found = health.report()
    context = {"connectors": found, "digest": health.digest(found)}
    return answer_part(request, "connectors/list.html", {"results": "connectors/results.html"}, context)


@unattended
@door("GET")
def whats_new(request: Request) -> HttpResponse:
    """Say whether the state of a connector differs from what the page shows; 204 when none does."""
    changed = health.digest(health.report()) != request.GET.get("seen")
    return answer_news(request, "The state of a connector has changed" if changed else "")
