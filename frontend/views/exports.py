"""Doors: an investigation as a document to keep or to send; at once, or made by a worker while somebody waits."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import may
from frontend import canvas
from frontend.views.door import Request, answer_part, door, require
from investigations.choices import ExportFormat
from investigations.exports import making
from investigations.exports.document import FORMATS, as_file, takes_long, write_at_once
from investigations.exports.gathering import events_of
from investigations.models import Export, Investigation
from rcaplatform.kit.errors import Invalid

PARTS = {"exports": "exports/files.html"}
MOST_SHOWN = 20
HOUR = timedelta(hours=1)
_ABOUT = {
    ExportFormat.PDF: "To read, print and send: cover, timeline and evidence on numbered pages.",
    ExportFormat.MARKDOWN: "To paste into a wiki or a repository; every claim cites the event it rests on.",
    ExportFormat.JSON: "For programs, and to take the investigation to another installation: all there is.",
}


@door("GET")
def download(request: Request, pk: UUID) -> HttpResponse:
    """Answer with the investigation in the format that the menu offers; what takes long is offered to be made."""
    investigation = canvas.find(request.user, pk)
    chosen, redact = _format(request.GET.get("format", "")), _redact(request.GET)
    if takes_long(events_of(investigation), chosen):
        page = reverse("investigation-exports", args=[pk])
        return redirect(f"{page}?redact=true" if redact else page)
    made = write_at_once(investigation=investigation, written_in=chosen, now=timezone.now(), redact=redact)
    return made.as_download()


@door("GET", "POST")
def browse(request: Request, pk: UUID) -> HttpResponse:
    """Show what can be taken away, and what was made; have one made."""
    investigation = canvas.find(request.user, pk)
    if request.method == "POST":
        require(request.user, "create", Export)
        chosen, redact, by = _format(request.POST.get("format", "")), _redact(request.POST), request.user
        making.ask(investigation=investigation, written_in=chosen, redact=redact, actor=by, now=timezone.now())
        if not request.htmx:
            return redirect("investigation-exports", pk)
    return answer_part(request, "exports/page.html", PARTS, _context(request, investigation))


@door("GET")
def fetch(request: Request, pk: UUID, export: UUID) -> HttpResponse:
    """Answer with a file that was made."""
    found = _find(request, canvas.find(request.user, pk), export)
    content = Export.objects.file(found.pk)
    if content is None:
        raise Http404("This export is not ready.")
    return as_file(found.investigation_id, found.written_in, content, redacted=found.redact).as_download()


@door("POST")
def delete(request: Request, pk: UUID, export: UUID) -> HttpResponse:
    """Cancel one that is not ready; forget one that is."""
    investigation = canvas.find(request.user, pk)
    found = _find(request, investigation, export)
    require(request.user, "delete", found)
    making.delete(export=found, actor=request.user, now=timezone.now())
    if request.htmx:
        return answer_part(request, "exports/page.html", PARTS, _context(request, investigation))
    return redirect(reverse("investigation-exports", args=[pk]))


def _context(request: Request, investigation: Investigation) -> dict[str, Any]:
    events = events_of(investigation)
    seen = Export.objects.visible_to(request.user).filter(investigation=investigation)
    made = list(seen.select_related("created_by").order_by("-id")[:MOST_SHOWN])
    return {
        "investigation": investigation,
        "events": events,
        "formats": [
            {"value": value, "label": value.label, "about": about, "at_once": not takes_long(events, value)}
            for value, about in _ABOUT.items()
        ],
        "redact": _redact(request.GET),
        "exports": [(export, _called(export), may(request.user, "delete", export)) for export in made],
        "kept": f"{settings.EXPORT_KEPT / HOUR:.0f} hours",
        "waiting": any(not export.ended for export in made),
    }


def _format(chosen: str) -> str:
    if chosen not in FORMATS:
        offered = f"Choose {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
        raise Invalid(f"An export has no such format. {offered}", fields={"format": offered})
    return chosen


def _redact(given: QueryDict) -> bool:
    """Return whether to redact; a word that is neither yes nor no is refused, as no is the dangerous one."""
    said = given.get("redact", "false")
    if said not in ("true", "false"):
        raise Invalid("Whether to redact is said by true or false.", fields={"redact": "Choose true or false."})
    return said == "true"


def _called(export: Export) -> str:
    written_in: str = ExportFormat(export.written_in).label
    return f"{written_in} without addresses and secrets" if export.redact else written_in


def _find(request: Request, investigation: Investigation, export: UUID) -> Export:
    theirs = Export.objects.visible_to(request.user).filter(investigation=investigation)
    found: Export = get_object_or_404(theirs.select_related("investigation"), pk=export)
    return found
