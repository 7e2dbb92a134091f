"""A way out: an investigation as a document, in each format that an export has."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpResponse

from accounts import switches
from accounts.models import Feature
from investigations.choices import ExportFormat
from investigations.exports.gathering import MOST_EVENTS, events_of, gather
from investigations.exports.markdown import render
from investigations.exports.pdf import MOST_EVENTS as MOST_EVENTS_IN_PDF
from investigations.exports.pdf import typeset
from investigations.models import Investigation
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.rest import JSONRenderer

FORMATS = tuple(ExportFormat.values)
# An investigation with more events is not written down while somebody waits: see `investigations.exports.making`.
AT_ONCE = {"json": 5_000, "markdown": 5_000, "pdf": 1_000}
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


class TakesLong(Conflict):
    """The investigation has more events than are written down at once: have the export made in the background."""

    code = "takes_long"


def takes_long(events: int, written_in: str) -> bool:
    """Return whether somebody who waits for an investigation with so many events waits too long."""
    return events > AT_ONCE[written_in]


def name_of(investigation: UUID, written_in: str, *, redacted: bool) -> str:
    """Return the name of the file; it says whether it was redacted."""
    return f"investigation-{investigation}{'-redacted' if redacted else ''}.{_ENDINGS[written_in]}"


def write_at_once(*, investigation: Investigation, written_in: str, now: datetime, redact: bool = False) -> Document:
    """Write an investigation down while somebody waits.

    Args:
        redact: blank e-mail addresses, IP addresses and what looks like a secret.

    Raises:
        SwitchedOff: an operator switched exports off.
        TakesLong: it has too many events for that.
        Unavailable: a PDF took too long, or too much memory.
    """
    switches.require(Feature.EXPORTS)
    if takes_long(number := events_of(investigation), written_in):
        raise TakesLong(
            f"{number:,} events are more than the {AT_ONCE[written_in]:,} that are written down at once: "
            f"POST /api/v1/investigations/{investigation.pk}/exports has it made in the background."
        )
    return write(investigation=investigation, written_in=written_in, now=now, redact=redact)


def write(
    *,
    investigation: Investigation,
    written_in: str,
    now: datetime,
    events: int = 0,
    said: Callable[[int], None] = lambda _: None,
    redact: bool = False,
) -> Document:
    """Write an investigation down in one of ``FORMATS``.

    Args:
        investigation: what to write down.
        written_in: one of ``FORMATS``.
        now: when.
        events: how many it has, so that ``said`` can be told what part of them is read.
        said: is told again and again how far it is, in percent; what it raises ends the writing.
        redact: blank e-mail addresses, IP addresses and what looks like a secret.

    Raises:
        Unavailable: a PDF took too long, or too much memory.
    """
    most = MOST_EVENTS_IN_PDF if written_in == "pdf" else MOST_EVENTS
    told = min(events, most) or 1
    report = gather(
        investigation=investigation,
        now=now,
        most_events=most,
        said=lambda read: said(min(50 * read // told, 50)),
        whole=written_in == "json",
    )
    if redact:
        report = report.without_people()
    if written_in == "pdf":
        content = typeset(report, waiting=lambda: said(50))
    elif written_in == "markdown":
        content = render(report).encode()
    else:
        content = JSONRenderer().render(report.as_json())
    return as_file(investigation.pk, written_in, content, redacted=redact)


def as_file(investigation: UUID, written_in: str, content: bytes, *, redacted: bool) -> Document:
    """Return what was written as a file with its name and type."""
    name = name_of(investigation, written_in, redacted=redacted)
    return Document(name=name, media_type=_MEDIA_TYPES[written_in], content=content)
