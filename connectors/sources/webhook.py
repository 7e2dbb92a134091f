"""Source: whatever sends JSON to a webhook, recognised by its words or read where the owner says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from connectors.base import Call, ConnectorConfig, Envelope, Push, Record, option, parsed, refuse, secret
from connectors.credentials import key_now, key_of, require_secret
from connectors.errors import BadRecord, Forged, Misconfigured
from connectors.signing import hmac_hex, require_one
from connectors.sources import alert_envelope
from connectors.sources.payload_paths import Path
from connectors.sources.webhook_events import Context, Teller
from connectors.sources.webhook_fields import FIELDS, Fields, read_fields
from connectors.sources.webhook_parts import is_envelope, is_handshake, opened, parts
from connectors.standardwebhooks import standard_webhook
from events.choices import Source
from events.drafts import EventDraft

PAYLOAD = "payload"
SECRET, HMAC, STANDARD = "secret", "hmac", "standard-webhooks"
_HEADERS = {SECRET: "Authorization", HMAC: "X-Signature-256", STANDARD: "webhook-signature"}
_PREFIXES = ("sha256=", "v1=", "hmac-sha256=")


@dataclass(frozen=True, kw_only=True)
class WebhookConfig(ConnectorConfig):
    """What the owner sets."""

    secret: str = secret("What its deliveries carry, or are signed with.")
    auth: str = option(
        "How a delivery proves itself: the secret in a header (by itself, as Bearer or as Basic password), "
        "HMAC-SHA256 of the body in hexadecimal, or as Standard Webhooks says.",
        default=SECRET,
        choices=(SECRET, HMAC, STANDARD),
    )
    header: str = option(
        "Header that carries the secret or the signature; empty: Authorization, or X-Signature-256.", default=""
    )
    source: str = option("What kind of system it is.", default=Source.ALERTS.value, choices=Source.values)
    service: str = option("Service of events that name none.", default="")
    environment: str = option("Environment of events that name none.", default="")
    items: str = option("Path of the list of events in a delivery. Empty: recognised.", default="")
    fields: dict[str, str] = option(
        f"Where to find what: a path for any of {', '.join(FIELDS)}. A path is like alert.labels.host, items[0].id, "
        "labels[\"a.b\"] or host || agent || 'unknown'. What is not given or not found is recognised. "
        "Events of one key and status are one event.",
        default={},
    )
    title: str = option("Template of the title with paths in braces: {rule} on {host}. Empty: recognised.", default="")
    severities: dict[str, str] = option(
        "What the sender's words for severity mean: critical, high, medium, low or info.", default={}
    )
    time_format: str = option(
        "How the time is written, as strptime takes it. Empty: Unix times in any unit and all usual formats.",
        default="",
    )

    def __post_init__(self) -> None:
        wrong = {} if self.secret else {"secret": "This may not be empty."}
        try:
            self.listed()
        except Misconfigured as problem:
            wrong["items"] = problem.message
        refuse(wrong | self._read()[1])

    def read_fields(self) -> Fields:
        """Return where to find what."""
        return self._read()[0]

    def listed(self) -> Path | None:
        """Return where the list of events is, when it is said."""
        return Path.read(self.items) if self.items else None

    def _read(self) -> tuple[Fields, dict[str, str]]:
        return read_fields(self.fields, title=self.title, severities=self.severities, time_format=self.time_format)


class Webhook(Push[WebhookConfig]):
    """Takes JSON from any system. Without settings it recognises alerts by the words most tools use: title or summary,
    severity or priority, status, times in any format, service, host, url, id.

    It also takes what Alertmanager and Grafana send, CloudWatch alarms by AWS SNS, and what a client of PagerDuty
    (Events API v2, with the secret as routing key) or Opsgenie (with the secret as GenieKey) would send there.
    """

    kind, label, Config = "webhook", "Webhook (any JSON)", WebhookConfig
    paths = ("v2/enqueue", "v2/alerts")

    @cached_property
    def fields(self) -> Fields:
        """Where to find what."""
        return self.config.read_fields()

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the secret or the signature. A body sent again within five minutes is the same delivery.

        Raises:
            Forged: it is missing or wrong.
        """
        if self.config.auth == STANDARD:
            named = standard_webhook(headers, body, self.config.secret, now=self.now)
            return Envelope(key_of(named.encode()), PAYLOAD)
        header = self.config.header or _HEADERS[self.config.auth]
        if self.config.auth == HMAC:
            given = headers.get(header.lower(), "").strip()
            for prefix in _PREFIXES:
                given = given.removeprefix(prefix)
            require_one([given.lower()], hmac_hex(self.config.secret, body), header=header)
        elif header.lower() in headers:
            require_secret(headers, self.config.secret, header=header)
        else:
            require_one([_routing_key(body)], self.config.secret, header=header)
        return Envelope(key_now(body, self.now), PAYLOAD)

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield each event of a delivery."""
        payload = parsed(call.body)
        if not self.config.fields and not self.config.items and is_envelope(payload):
            yield from alert_envelope.unpack(call)
        elif not is_handshake(payload):
            for part in parts(opened(payload), self.config.listed()):
                yield PAYLOAD, part

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return what happened.

        Raises:
            BadRecord: nothing in it says so.
        """
        about = {"service": self.config.service, "environment": self.config.environment}
        if record.kind in {alert_envelope.ALERT, alert_envelope.TRUNCATED}:
            return alert_envelope.decode(record, **about)
        if not isinstance(record.value, dict):
            raise BadRecord("This is not a JSON object.")
        context = Context(source=self.config.source, now=self.now, **about)
        return (Teller(self.fields, context).told(record.reference, record.value),)

    def doubts(self, record: Record) -> Mapping[str, str]:
        """Return which paths find nothing in a record."""
        if record.kind != PAYLOAD:
            return {}
        lost = [name for name, path in self.fields.paths.items() if path.find(record.value) is None]
        return {f"fields.{name}": "This finds nothing here." for name in lost}


def _routing_key(body: bytes) -> str:
    """Return the secret where clients of PagerDuty's Events API put it: in the body."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise Forged("The delivery carries no secret.") from problem
    found = told.get("routing_key") if isinstance(told, dict) else None
    return found if isinstance(found, str) else ""
