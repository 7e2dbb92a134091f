"""Source: PagerDuty, by a v3 webhook subscription, by polling incidents and their log, or both."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.base import Call, Envelope, Push, Record, option, parsed, secret
from connectors.credentials import HookConfig, key_of, require_secret
from connectors.errors import BadRecord
from connectors.http import Endpoint, OverHTTP
from connectors.reading import Part
from connectors.signing import hmac_hex, require_one
from connectors.sources.pagerduty_incidents import ENTRY, EVENT, INCIDENT, Teller
from connectors.windows import Overfull, Windowed
from events.drafts import EventDraft

_SIGNATURE = "X-PagerDuty-Signature"
LIMIT, MOST = 100, 10_000


@dataclass(frozen=True, kw_only=True)
class PagerDutyConfig(HookConfig):
    """What the owner sets. The secret is the one PagerDuty shows once, when the webhook subscription is made."""

    url: str = option("Address to poll: https://api.pagerduty.com, or the EU's. Empty: it is not polled.", default="")
    token: str = secret("Read-only API key, for polling.", default="")
    requests_per_second: int = option(
        "Requests a second at most, by all workers together; PagerDuty allows 960 a minute.", default=8, at_least=1
    )

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        needed = {"token": "Polling needs an API key."} if self.url and not self.token else {}
        return super().wrong() | needed


class PagerDuty(Windowed[PagerDutyConfig], OverHTTP[PagerDutyConfig], Push[PagerDutyConfig]):
    """Takes what happens to incidents: triggered, acknowledged, escalated, annotated, resolved and the like."""

    kind, label, Config = "pagerduty", "PagerDuty", PagerDutyConfig
    polled_with, pushed_with = "url", "secret"
    history = timedelta(days=7)
    span = timedelta(days=1)

    def endpoint(self) -> Endpoint:
        """Return where its REST API is."""
        headers = {
            "Authorization": f"Token token={self.config.token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
        }
        return Endpoint(url=self.config.url, headers=headers, requests_per_second=self.config.requests_per_second)

    def check(self) -> None:
        """Return when incidents can be listed."""
        self.http.get("/incidents", params={"limit": 1})

    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        """Return the incidents that began, and what was logged about any, from ``start`` up to ``end``."""
        between = {"since": start.isoformat(), "until": end.isoformat(), "time_zone": "UTC"}
        found = list(self._rows("/incidents", "incidents", INCIDENT, between))
        with_incidents = {**between, "include[]": ["incidents", "services"]}
        return found + list(self._rows("/log_entries", "log_entries", ENTRY, with_incidents))

    def _rows(self, path: str, name: str, kind: str, params: Mapping[str, Any]) -> Iterator[Record]:
        rows: list[Record] = []
        for offset in range(0, MOST, LIMIT):
            body = Part(self.http.get(path, params={**params, "limit": LIMIT, "offset": offset}).json())
            rows += [Record.of(f"{path}/{_name(row)}", kind, row.value) for row in body.each(name)]
            if not body.flag("more"):
                return iter(rows)
        raise Overfull(f"PagerDuty lists no more than {MOST} of {name} at once.", rows)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the signature; while a secret is replaced there are several, and one must be right.

        A subscription may send the secret in a custom Authorization header instead. A delivery is named by
        its event: the header that names a webhook names the subscription.

        Raises:
            Forged: no signature is of this body and secret.
        """
        given = headers.get(_SIGNATURE.lower())
        if given is None or not self.config.secret:
            require_secret(headers, self.config.secret)
        else:
            expected = "v1=" + hmac_hex(self.config.secret, body)
            require_one([one.strip() for one in given.split(",")], expected, header=_SIGNATURE)
        return Envelope(_key(body), "webhook")

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield the event; of the older v2 format, each log entry with its incident."""
        payload = parsed(call.body)
        messages = Part(payload).each("messages")
        if not messages:
            yield EVENT, payload
        for message in messages:
            for entry in message.each("log_entries"):
                if not isinstance(entry.value, dict):
                    raise BadRecord("A log entry is not an object.")
                yield ENTRY, {**entry.value, "incident": message["incident"].value}

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return what happened to an incident."""
        return Teller(self.config.service, self.config.environment).told(record.kind, record.value)


def _name(row: Part) -> str:
    return row.text("id", 100) or key_of(orjson.dumps(row.value))


def _key(body: bytes) -> str:
    try:
        name = Part(parsed(body))["event"].text("id", 101)
    except BadRecord:
        name = ""
    fits = 0 < len(name) <= 100 and name.isascii() and name.isprintable()
    return name if fits else key_of(body)
