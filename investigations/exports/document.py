"""A way out: an investigation as a document, in each format that an export has."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse

from investigations.exports.gathering import gather
from investigations.exports.markdown import render
from investigations.exports.pdf import MOST_EVENTS, typeset
from investigations.models import Investigation
from rcaplatform.kit.rest import JSONRenderer

FORMATS = ("json", "markdown", "pdf")
_ENDINGS = {"json": "json", "markdown": "md", "pdf": "pdf"}
_MEDIA_TYPES = {"json": "application/json", "markdown": "text/markdown; charset=utf-8", "pdf": "application/pdf"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file to keep or to send."""

    name: str
    media_type: str
    content: bytes

    def as_download(self) -> HttpResponse:
        """Return an answer that a browser saves under the document's name."""
        headers = {"Content-Disposition": f'attachment; filename="{self.name}"'}
        return HttpResponse(self.content, content_type=self.media_type, headers=headers)


def write(*, investigation: Investigation, written_in: str, now: datetime) -> Document:
    """Write an investigation down in one of ``FORMATS``.

    Raises:
        Unavailable: a PDF took too long, or too much memory.
    """
    report = gather(investigation=investigation, now=now, most_events=MOST_EVENTS if written_in == "pdf" else None)
    if written_in == "pdf":
        content = typeset(report)
    elif written_in == "markdown":
        content = render(report).encode()
    else:
        content = JSONRenderer().render(report.as_json())
    name = f"investigation-{investigation.pk}.{_ENDINGS[written_in]}"
    return Document(name=name, media_type=_MEDIA_TYPES[written_in], content=content)
