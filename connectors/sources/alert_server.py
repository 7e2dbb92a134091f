"""What Alertmanager and Grafana have in common as sources: one envelope, and one API for what is firing now."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from connectors.base import Call, Cursor, Page, Push, Record, secret
from connectors.credentials import HookConfig
from connectors.http import Endpoint, OverHTTP
from connectors.logins import bearer
from connectors.sources import alert_envelope
from events.drafts import EventDraft


@dataclass(frozen=True, kw_only=True)
class AlertServerConfig(HookConfig):
    """What a server of alerts is set by."""

    token: str = secret("Bearer token for polling, where the server asks for one.", default="")


Settings = TypeVar("Settings", bound=AlertServerConfig)


class AlertServer(OverHTTP[Settings], Push[Settings]):
    """A server that notifies of alerts by webhook and is asked what is firing now.

    Attributes:
        alerts: where it lists its alerts.
    """

    polled_with, pushed_with = "url", "secret"
    alerts: ClassVar[str]

    def endpoint(self) -> Endpoint:
        """Return where its API is."""
        config = self.config
        return Endpoint(url=config.url, headers=bearer(config.token), requests_per_second=config.requests_per_second)

    def check(self) -> None:
        """Return when the alerts can be listed."""
        self._list()

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield what fires that did not at the last poll, and what no longer does."""
        yield alert_envelope.reconcile(self._list(), cursor, now=self.now, url=self.config.url)

    def _list(self) -> Any:
        everything = dict.fromkeys(("active", "silenced", "inhibited", "unprocessed"), "true")
        return self.http.get(self.alerts, params=everything).json()

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield each alert of a notification."""
        return alert_envelope.unpack(call)

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the event of an alert that fires or is resolved."""
        return alert_envelope.decode(record, service=self.config.service, environment=self.config.environment)
