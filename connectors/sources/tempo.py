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
    sample: int = option("Other traces looked at in each window, to know what is usual.", default=20, at_least=0)


class Tempo(TracePolling[TempoConfig]):
    """Searches for traces, then fetches each. What is usual it learns from a few others."""

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
        """Return the traces that the query finds, and a few others."""
        found = self._search(self.config.query, start, end, self.config.limit)
        if len(found) >= self.config.limit:
            traces = (self._trace(trace_id) for trace_id in found)
            raise Overfull(f"The query finds {self.config.limit} traces or more.", traces)
        others = self._search("{ }", start, end, self.config.sample) if self.config.sample else []
        return [self._trace(trace_id) for trace_id in dict.fromkeys([*found, *others])]

    def _search(self, query: str, start: datetime, end: datetime, limit: int) -> list[str]:
        asked = {"q": query, "start": int(start.timestamp()), "end": ceil(end.timestamp()), "limit": limit}
        told = Part(self.http.get("api/search", params=asked).json()).each("traces")
        return [hex_id(trace["traceID"].value, 32, "trace") for trace in told]

    def _trace(self, trace_id: str) -> Record:
        return Record.of(trace_id, "otlp", self.http.get(f"api/v2/traces/{trace_id}").json())
