"""Source: Opsgenie (and Jira Service Management Operations, which speaks alike), by webhooks, by polling, or both."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Call, Envelope, Push, Record, option, parsed, secret
from connectors.credentials import HookConfig, key_of, require_secret
from connectors.http import Endpoint, OverHTTP
from connectors.reading import Part
from connectors.sources.opsgenie_alerts import ACTION, ALERT, INCIDENT, Teller
from connectors.windows import Overfull, Windowed
from events.drafts import EventDraft

LIMIT, MOST = 100, 20_000


@dataclass(frozen=True, kw_only=True)
class OpsgenieConfig(HookConfig):
    """What the owner sets. Opsgenie signs nothing: give the secret as a custom header of the webhook integration."""

    url: str = option("Address to poll: https://api.opsgenie.com, or the EU's. Empty: it is not polled.", default="")
    key: str = secret("API key with read access (GenieKey), for polling.", default="")
    incidents: bool = option("Also poll incidents, which not every plan has.", default=False)
    secret_header: str = option("Header that carries the secret.", default="Authorization")
    site: str = option("Address of your Opsgenie pages, such as https://acme.app.opsgenie.com.", default="")

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        needed = {"key": "Polling needs an API key."} if self.url and not self.key else {}
        bad = {"site": "Give an http or https address."} if self.site and "://" not in self.site else {}
        return super().wrong() | needed | bad


class Opsgenie(Windowed[OpsgenieConfig], OverHTTP[OpsgenieConfig], Push[OpsgenieConfig]):
    """Takes what happens to alerts: created, acknowledged, escalated, closed and the like; incidents by polling."""

    kind, label, Config = "opsgenie", "Opsgenie", OpsgenieConfig
    polled_with, pushed_with = "url", "secret"

    def endpoint(self) -> Endpoint:
        """Return where its API is."""
        headers = {"Authorization": f"GenieKey {self.config.key}"}
        return Endpoint(url=self.config.url, headers=headers, requests_per_second=self.config.requests_per_second)

    def check(self) -> None:
        """Return when alerts can be listed."""
        self.http.get("/v2/alerts", params={"limit": 1})

    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        """Return the alerts, and where wanted the incidents, that changed from ``start`` up to ``end``."""
        found = list(self._rows("/v2/alerts", ALERT, start, end))
        return found + (list(self._rows("/v1/incidents", INCIDENT, start, end)) if self.config.incidents else [])

    def _rows(self, path: str, kind: str, start: datetime, end: datetime) -> Iterator[Record]:
        since, until = (int(at.timestamp() * 1_000) for at in (start, end))
        changed = {"query": f"updatedAt >= {since} AND updatedAt < {until}", "sort": "updatedAt", "order": "asc"}
        rows: list[Record] = []
        for offset in range(0, MOST, LIMIT):
            body = Part(self.http.get(path, params={**changed, "limit": LIMIT, "offset": offset}).json())
            page = body.each("data")
            rows += [
                Record.of(f"{kind}/{row.text('id', 100)}/{row.text('updatedAt', 40)}", kind, row.value) for row in page
            ]
            if len(page) < LIMIT:
                return iter(rows)
        raise Overfull(f"Opsgenie lists no more than {MOST} at once.", rows)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the secret; Opsgenie names no delivery, so equal bodies are one.

        Raises:
            Forged: the secret is missing or wrong.
        """
        require_secret(headers, self.config.secret, header=self.config.secret_header)
        return Envelope(key_of(body), "webhook")

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield what was done to an alert."""
        yield ACTION, parsed(call.body)

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return what happened to an alert or an incident."""
        return Teller(self.config.service, self.config.environment, self.config.site).told(record.kind, record.value)
