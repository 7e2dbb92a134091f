"""How the canvas answers: the whole page, or the pane that htmx asks for. Every door of an investigation ends here."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from events import services as event_services
from frontend import canvas, difference, notebook, suspects
from frontend.views.door import Request, answer_part, wanted_part
from investigations.models import Investigation

PARTS = {
    "events": "canvas/events.html",
    "more": "canvas/rows.html",
    "details": "canvas/details.html",
    "difference": "canvas/difference.html",
    "notes": "canvas/notebook.html",
    "older-notes": "canvas/note_list.html",
    "drafts": "canvas/drafts.html",
}


def answer(
    request: Request,
    investigation: Investigation,
    *,
    chosen: str = "",
    tab: str = "",
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    """Answer with the canvas or one of its panes, asking the database for that pane alone.

    Args:
        request: what was asked.
        investigation: whose canvas it is.
        chosen: the id of the event in the details pane; empty for none.
        tab: which one the right pane shows; empty for the one that the address names.
        status: of the response.
        extra: what replaces part of a pane, such as a form with its errors.
    """
    now, here = timezone.now(), reverse("investigation", args=[investigation.pk])
    kept = request.GET.copy()
    kept.pop("event", None)
    part = wanted_part(request, PARTS)
    context = {
        **canvas.header(request.user, investigation),
        "here": here,
        "choose": f"{here}?{kept.urlencode()}{'&' if kept else ''}event=",
        "now": now,
        "chosen": chosen,
        "swap": False,
        "mode": mode if (mode := request.GET.get("time")) in ("relative", "delta") else "absolute",
        "as_table": request.GET.get("view") == "table",
    }
    if part in ("", "events", "more"):
        context |= canvas.events(investigation, request.GET, now)
    if part in ("", "details"):
        context |= canvas.details(request.user, investigation, chosen)
    if not part or (part == "details" and not chosen):
        context |= suspects.card(request.user, investigation)
    if not chosen and part in ("", "details", "difference"):
        context |= difference.panel(investigation, request.GET.get("difference", ""))
    if part in ("", "notes", "older-notes", "drafts"):
        shown = notebook.chosen_tab(request.GET, tab)
        context |= notebook.show(request.user, investigation, request.GET, shown)
    if not part:
        context |= canvas.footer(investigation)
    if (event := context.get("event")) and event.first_seen_at is None:
        event_services.seen(event=event, now=now)
    return answer_part(request, "canvas/page.html", PARTS, {**context, **extra}, status=status)
