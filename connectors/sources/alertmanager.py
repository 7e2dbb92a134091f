"""Source: Prometheus Alertmanager, by its webhook receiver, by polling, or both."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.base import Envelope
from connectors.credentials import key_of, require_secret
from connectors.sources.alert_server import AlertServer, AlertServerConfig


@dataclass(frozen=True, kw_only=True)
class AlertmanagerConfig(AlertServerConfig):
    """What the owner sets. The secret goes into `http_config` of the receiver, as Bearer or as Basic password."""


class Alertmanager(AlertServer[AlertmanagerConfig]):
    """Takes firing and resolved alerts; polls to reconcile what a notification left out or never brought.

    Set `send_resolved: true` (its default) on the receiver. A repeated notification tells of a known event.
    """

    kind, label, Config = "alertmanager", "Prometheus Alertmanager", AlertmanagerConfig
    alerts = "/api/v2/alerts"

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the secret; Alertmanager signs nothing and names no delivery, so equal bodies are one.

        Raises:
            Forged: the secret is missing or wrong.
        """
        require_secret(headers, self.config.secret)
        return Envelope(key_of(body), "notification")
