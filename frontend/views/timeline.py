"""Doors: what the timeline of a canvas fetches by itself: its bones, the words of the rows in sight, what matches."""

import re
from uuid import UUID

import orjson
from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers

from accounts.sessions import unattended
from frontend import canvas, skeleton
from frontend.filters import TimelineFilter
from frontend.skeleton import Skeleton
from frontend.views.door import Request, door
from investigations.models import Investigation, Link
from rcaplatform.kit.errors import Conflict, Invalid

_HANDLES = re.compile(r"[0-9]{1,7}(,[0-9]{1,7})*")
_MOST_PINS = 50


@unattended
@door("GET")
def bones(request: Request, pk: UUID) -> HttpResponse:
    """Return all linked events as columns; 304 when they are still as the asker has them."""
    investigation = canvas.find(request.user, pk)
    now_at = skeleton.revision(investigation)
    etag = f'"{now_at}"'
    if unchanged := get_conditional_response(request, etag=etag):
        return unchanged
    found = skeleton.present(investigation, now_at)
    plain = "gzip" not in request.headers.get("Accept-Encoding", "")
    response = _json(skeleton.unpacked(found) if plain else found.body)
    if not plain:
        response["Content-Encoding"] = "gzip"
    response["ETag"] = etag
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


@unattended
@door("GET")
def rows(request: Request, pk: UUID) -> HttpResponse:
    """Return the words of up to 200 rows by handle, or the handles of up to 50 events."""
    investigation = canvas.find(request.user, pk)
    found = _shown(request, investigation)
    if events := request.GET.getlist("event"):
        handles = found.handles(_ids(events[:_MOST_PINS]))
    elif _HANDLES.fullmatch(given := request.GET.get("handles", "")):
        handles = [int(handle) for handle in given.split(",")]
    else:
        raise Invalid("Give handles or events.", fields={"handles": "Numbers with commas between them."})
    said = skeleton.rows(investigation, found, handles)
    return _json(orjson.dumps({"rows": said}, option=orjson.OPT_NON_STR_KEYS))


@door("GET")
def matches(request: Request, pk: UUID) -> HttpResponse:
    """Return the handles of the events that the filters in the address let through."""
    investigation = canvas.find(request.user, pk)
    found = _shown(request, investigation)
    linked = Link.objects.filter(investigation=investigation, event__deleted_at__isnull=True)
    filters = TimelineFilter(request.GET, linked)
    handles = found.handles(filters.qs.values_list("event_id", flat=True)[: skeleton.MOST])
    return _json(orjson.dumps({"handles": handles}))


def _shown(request: Request, investigation: Investigation) -> Skeleton:
    """Return the skeleton whose handles the asker means.

    Raises:
        Conflict: it is forgotten, and events have come or gone since.
    """
    wanted = request.GET.get("revision", "")
    if found := skeleton.kept(investigation, wanted):
        return found
    if skeleton.revision(investigation) != wanted:
        raise Conflict("The timeline has changed since it was shown. Fetch it again.")
    return skeleton.present(investigation, wanted)


def _ids(texts: list[str]) -> list[UUID]:
    try:
        return [UUID(text) for text in texts]
    except ValueError as problem:
        raise Invalid("Give events by their ids.", fields={"event": "Not an id."}) from problem


def _json(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/json")
