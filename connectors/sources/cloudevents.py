"""Source: whatever sends CloudEvents over HTTP; CDEvents among them are understood by their own words."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from connectors.base import Call, ConnectorConfig, Envelope, Push, Record, option, parsed, refuse, secret
from connectors.credentials import key_of, require_secret
from connectors.errors import BadRecord
from connectors.reading import Part
from connectors.sources import cdevents, cloudevent
from connectors.standardwebhooks import standard_webhook
from events.choices import Source
from events.drafts import EventDraft

_BATCH = "application/cloudevents-batch"
_STRUCTURED = "application/cloudevents"
_PREFIX = "ce-"
_TEXT = 10_000


@dataclass(frozen=True, kw_only=True)
class CloudEventsConfig(ConnectorConfig):
    """What the owner sets."""

    secret: str = secret(
        "Token its calls carry (Authorization: Bearer), or the key they are signed with as Standard Webhooks says."
    )
    service: str = option(
        "Service of events that name none; empty: the last part of their source (of CDEvents: none).", default=""
    )
    environment: str = option("Environment of events that name none.", default="")
    source: str = option(
        "What kind of system it is; CDEvents say so themselves.", default=Source.ALERTS.value, choices=Source.values
    )

    def __post_init__(self) -> None:
        refuse({} if self.secret else {"secret": "This may not be empty."})


class CloudEvents(Push[CloudEventsConfig]):
    """Takes CloudEvents 1.0 in all three forms: in headers, as JSON, and many at once.

    Of any event the type, subject, time and severity are kept; events of CDEvents (types dev.cdevents.*) become
    builds, checks, deployments, incidents and changes. An event is known by its source, id and type.
    """

    kind, label, Config = "cloudevents", "CloudEvents", CloudEventsConfig
    keeps = (_PREFIX,)
    handshakes = True

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the token, or the signature where there is one.

        Raises:
            Forged: neither is right.
        """
        if "webhook-signature" in headers:
            standard_webhook(headers, body, self.config.secret, now=self.now)
        else:
            require_secret(headers, self.config.secret)
        try:
            events = list(_events(headers, body))
        except BadRecord:
            events = []
        if len(events) != 1:
            return Envelope(key_of(body), "batch" if events else "unreadable")
        named = cloudevent.identity(Part(events[0]))
        return Envelope(key_of("\n".join(named).encode()) if named else key_of(body), "event")

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield each event as CloudEvents writes it in JSON, in whichever form it came."""
        for event in _events(call.headers, call.body):
            yield Part(event).text("type", 100), event

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return what happened, in the words of CDEvents where it is one."""
        if not isinstance(record.value, dict):
            raise BadRecord("An event is not a JSON object.")
        event, about = Part(record.value), {"service": self.config.service, "environment": self.config.environment}
        if cdevents.is_cdevent(event["context"].text("type")):  # without an envelope
            return cdevents.decode(event, Part({}), **about)
        if cdevents.is_cdevent(event.text("type")):
            return cdevents.decode(event["data"], event, **about)
        return (cloudevent.decode(event, source=self.config.source, now=self.now, **about),)


class CDEvents(CloudEvents):
    """Takes CDEvents, the vendor-neutral vocabulary of CI/CD, over CloudEvents; other CloudEvents too."""

    kind, label = "cdevents", "CDEvents"


def _events(headers: Mapping[str, str], body: bytes) -> Iterator[Any]:
    """Yield the events in a call: many, one, or one whose attributes are headers.

    Raises:
        BadRecord: it cannot be read.
    """
    content_type = headers.get("content-type", "").lower()
    if _PREFIX + "id" in headers and not content_type.startswith(_STRUCTURED):
        yield _from_headers(headers, body)
        return
    told = parsed(body)
    if isinstance(told, list):  # senders forget to say that it is a batch
        yield from told
    elif content_type.startswith(_BATCH):
        raise BadRecord("A batch is not a JSON list.")
    else:
        yield told


def _from_headers(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        name.removeprefix(_PREFIX): unquote(value) for name, value in headers.items() if name.startswith(_PREFIX)
    }
    content_type = headers.get("content-type", "")
    attributes["datacontenttype"] = content_type
    if body:
        attributes["data"] = _data(content_type.partition(";")[0].strip().lower(), body)
    return attributes


def _data(media_type: str, body: bytes) -> Any:
    """Return the data beside the headers: JSON where it says so, or says nothing and is."""
    if media_type.endswith("json"):
        return parsed(body)
    try:
        return orjson.loads(body) if not media_type else body.decode(errors="replace")[:_TEXT]
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")[:_TEXT]
