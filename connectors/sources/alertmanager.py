"""Source: Prometheus Alertmanager, by its webhook receiver, by polling, or both."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import Call, Envelope, parsed
from connectors.credentials import key_of, require_secret
from connectors.sources import alert_envelope
from connectors.sources.alert_server import AlertServer, AlertServerConfig


@dataclass(frozen=True, kw_only=True)
class AlertmanagerConfig(AlertServerConfig):
    """What the owner sets. The secret goes into `http_config` of the receiver, as Bearer or as Basic password."""


class Alertmanager(AlertServer[AlertmanagerConfig]):
    """Takes firing and resolved alerts; polls to reconcile what a notification left out or never brought.

    Set `send_resolved: true` (its default) on the receiver. A repeated notification tells of a known event.

    A Prometheus may send its alerts straight here, without an Alertmanager or beside one: name this host under
    `alertmanagers`, with the webhook's path as `path_prefix` and the secret as `authorization`. Its repetitions, too,
    tell of known events, and so does an Alertmanager that notifies of the same alerts to the same connector.
    """

    kind, label, Config = "alertmanager", "Prometheus Alertmanager", AlertmanagerConfig
    paths = ("api/v2/alerts",)
    alerts = "/api/v2/alerts"

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the secret; Alertmanager signs nothing and names no delivery, so equal bodies are one.

        Raises:
            Forged: the secret is missing or wrong.
        """
        require_secret(headers, self.config.secret)
        return Envelope(key_of(body), "notification")

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield each alert of a notification, or of what Prometheus sends, which is a list."""
        payload = parsed(call.body)
        if isinstance(payload, list):
            return alert_envelope.told_by_prometheus(payload, call.at or self.now)
        return super().unpack(call)
