"""Door: an investigation as a document to keep or to send."""

from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone

from frontend import canvas
from frontend.views.door import Request, door
from investigations.exports.document import FORMATS, write
from rcaplatform.kit.errors import Invalid


@door("GET")
def download(request: Request, pk: UUID) -> HttpResponse:
    """Answer with the investigation in the format that the menu offers."""
    investigation = canvas.find(request.user, pk)
    chosen = request.GET.get("format", "")
    if chosen not in FORMATS:
        offered = f"Choose {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
        raise Invalid(f"An export has no such format. {offered}", fields={"format": offered})
    return write(investigation=investigation, written_in=chosen, now=timezone.now()).as_download()
