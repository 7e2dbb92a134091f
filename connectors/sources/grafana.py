"""Source: Grafana Alerting, by a webhook contact point, by polling its own Alertmanager, or both."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.base import Envelope, option
from connectors.credentials import key_of, require_fresh, require_secret
from connectors.signing import hmac_hex, require_one
from connectors.sources.alert_server import AlertServer, AlertServerConfig


@dataclass(frozen=True, kw_only=True)
class GrafanaConfig(AlertServerConfig):
    """What the owner sets. The secret signs (HMAC), or goes into the Authorization header of the contact point."""

    signature_header: str = option(
        "Header of the HMAC signature, as set at the contact point.", default="X-Grafana-Alerting-Signature"
    )
    timestamp_header: str = option(
        "Header of the signed timestamp, when the contact point sets one; older deliveries are refused.", default=""
    )


class Grafana(AlertServer[GrafanaConfig]):
    """Takes firing and resolved alerts with the values that were measured; polls to find what was never delivered."""

    kind, label, Config = "grafana", "Grafana Alerting", GrafanaConfig
    alerts = "/api/alertmanager/grafana/api/v2/alerts"

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the signature; without one, the secret in the Authorization header.

        Raises:
            Forged: neither is right, or the signed timestamp is not of these minutes.
        """
        name, clock = self.config.signature_header, self.config.timestamp_header
        if name.lower() not in headers or not self.config.secret:
            require_secret(headers, self.config.secret)
            return Envelope(key_of(body), "notification")
        stamp = headers.get(clock.lower(), "") if clock else ""
        signed = stamp.encode() + b":" + body if clock else body
        require_one([headers[name.lower()]], hmac_hex(self.config.secret, signed), header=name)
        if clock:
            require_fresh(stamp, self.now, header=clock)
        return Envelope(key_of(body), "notification")
