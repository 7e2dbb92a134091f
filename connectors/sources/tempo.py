"""Source: traces of Grafana Tempo, found by TraceQL and fetched one by one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from connectors.base import Record, option
from connectors.http import Endpoint
from connectors.logins import TenantConfig
from connectors.reading import Part
from connectors.sources.spans import hex_id
from connectors.sources.tracepolling import TracePageConfig, TracePolling
from connectors.windows import Overfull


@dataclass(frozen=True, kw_only=True)
class TempoConfig(TenantConfig, TracePageConfig):
    """What the owner sets."""

    query: str = option("TraceQL that says which traces to look at.", default="{ status = error || duration > 500ms }")


class Tempo(TracePolling[TempoConfig]):
    """Searches for traces, then fetches each. What is usual is known of the traces that the query finds alone."""

    kind, label, Config, written = "tempo", "Grafana Tempo", TempoConfig, "otlp"

    @property
    def page(self) -> str:
        """Address of a trace in Grafana."""
        return self.config.page

    def endpoint(self) -> Endpoint:
        """Return where it is and how it is spoken to."""
        config = self.config
        return Endpoint(url=config.url, headers=config.login(), requests_per_second=config.requests_per_second)

    def check(self) -> None:
        """Return when it understands the query."""
        self.http.get("api/search", params={"q": self.config.query, "limit": 1})

    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        """Return the traces that the query finds."""
        asked = {
            "q": self.config.query,
            "start": int(start.timestamp()),
            "end": ceil(end.timestamp()),
            "limit": self.config.limit,
        }
        told = Part(self.http.get("api/search", params=asked).json()).each("traces")
        records = [self._trace(hex_id(trace["traceID"].value, 32, "trace")) for trace in told]
        if len(told) >= self.config.limit:
            raise Overfull(f"The query finds {self.config.limit} traces or more.", records)
        return records

    def _trace(self, trace_id: str) -> Record:
        return Record.of(trace_id, "otlp", self.http.get(f"api/v2/traces/{trace_id}").json())
