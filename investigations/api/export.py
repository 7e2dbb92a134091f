"""Door: an investigation as a document."""

from collections.abc import Iterable

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from investigations.api.views import PARENT, PartViewSet
from investigations.exports.document import FORMATS, write_at_once
from investigations.models import Investigation
from rcaplatform.kit.replica import may_lag
from rcaplatform.kit.rest import JSONRenderer
from rcaplatform.kit.views import Strict, asked

_UNKNOWN = f"An export has no format {{input}}; choose {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
_FORMAT = OpenApiParameter("format", enum=FORMATS, default="json", description="What to write it in.")
BLANKED = "Blank e-mail addresses, IP addresses and what looks like a secret."
_REDACT = OpenApiParameter("redact", bool, default=False, description=BLANKED)


class ExportRequest(Strict):
    """In which format, and for whom."""

    format = serializers.ChoiceField(FORMATS, default="json", error_messages={"invalid_choice": _UNKNOWN})
    redact = serializers.BooleanField(default=False)


class ByParameter(BaseContentNegotiation):
    """Leaves `format` to the view: here it says what to write, not how to answer."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Answer in JSON what the view does not write itself."""
        first = next(iter(renderers))
        return first, str(first.media_type)


class ExportViewSet(PartViewSet):
    """One investigation as a document to keep or to send."""

    queryset = Investigation.objects.all()
    renderer_classes, content_negotiation_class = [JSONRenderer], ByParameter

    @extend_schema(
        parameters=[PARENT, _FORMAT, _REDACT],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/markdown"): OpenApiTypes.STR,
            (200, "application/pdf"): OpenApiTypes.BINARY,
        },
    )
    def export(self, request: Request, **_: str) -> HttpResponse:
        """Export one with its events and why they are linked, hypotheses, notes, comments and related ones.

        At most 10,000 events (PDF: 5,000), those that carry most weight; `omissions` says what was left out. One with
        more than 5,000 events (PDF: 1,000) takes long: 409 with the code `takes_long`; have it made in the background.
        """
        said = asked(ExportRequest, request)
        chosen = {"written_in": said["format"], "redact": said["redact"]}
        may_lag(request)
        return write_at_once(investigation=self.investigation, now=timezone.now(), **chosen).as_download()
