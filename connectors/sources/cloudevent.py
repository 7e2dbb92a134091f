"""Decision: what becomes of a CloudEvent whose vocabulary is not known. No database here."""

from datetime import datetime
from typing import Any

from connectors.errors import BadRecord
from connectors.reading import Part, bounded_id, fit
from connectors.sources.alert_words import place_of, severity_in, severity_of
from connectors.sources.ci_runs import last_part
from events.choices import Severity
from events.drafts import LIMITS, MAX_MESSAGE, EventDraft

_LINE = "\n"
_OWN = frozenset({"data", "data_base64"})
_TEXTS = ("title", "summary", "message", "description", "text", "reason", "error")
# The severity extension numbers as OpenTelemetry does.
_NUMBERS = ((21, Severity.CRITICAL), (17, Severity.HIGH), (13, Severity.MEDIUM), (9, Severity.INFO))


def identity(event: Part) -> tuple[str, str, str] | None:
    """Return source, id and type, which together name an event; also of a CDEvent without an envelope."""
    for part in (event, event["context"]):
        if (name := part["id"].value) and isinstance(name, str | int):
            return part.text("source"), str(name), part.text("type")
    return None


def decode(event: Part, *, source: str, service: str, environment: str, now: datetime) -> EventDraft:
    """Return the event; one that names no time, as it may, happened ``now``.

    Raises:
        BadRecord: it has no id or type.
    """
    kind, data = event.text("type"), event["data"]
    if not kind:
        raise BadRecord("type is not a text.", fields={"type": "Not a text."})
    labels = {**data.mapping("labels"), **_scalars(data), **_scalars(event)}
    default = service or last_part(event.text("source")) or event.text("source")
    place = place_of(labels, service=default, environment=environment)
    subject = event.text("subject")
    text = data.value if isinstance(data.value, str) else next(filter(None, map(data.text, _TEXTS)), "")
    return EventDraft(
        source=source,
        source_id=bounded_id(f"{event.text('source')}#{event.id('id')}#{kind}"),
        timestamp=event.time_or_none("time") or now,
        # Types begin with a domain; what happened stands at their end.
        event_type=kind[-LIMITS["event_type"] :].strip(" .-_/") or "event",
        title=f"{kind}{f' {subject}' if subject else ''}" + (f": {text.partition(_LINE)[0]}" if text else ""),
        severity=_severity(event, labels, kind),
        data={
            "type": kind,
            "source": event.text("source"),
            "subject": subject,
            **({"data": data.value} if data.value is not None else {}),
        },
        raw_data=event.value,
        service=place.service,
        component=place.component or fit("component", subject),
        environment=place.environment,
        url=data.link("url", "html_url", "web_url", "link", "href"),
        message=text[:MAX_MESSAGE],
    )


def _scalars(part: Part) -> dict[str, str]:
    found: dict[str, Any] = part.value if isinstance(part.value, dict) else {}
    return Part({"of": {name: value for name, value in found.items() if name not in _OWN}}).mapping("of")


def _severity(event: Part, labels: dict[str, str], kind: str) -> Severity:
    number = event.real("severitynumber")
    if number is not None:
        return next((severity for least, severity in _NUMBERS if number >= least), Severity.LOW)
    words = severity_in(event.text("severitytext"))
    return words or severity_of(labels) or severity_in(last_part(kind.replace(".", "/"))) or Severity.INFO
