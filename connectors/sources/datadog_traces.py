"""Source: spans that Datadog's search finds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Record, option
from connectors.http import Endpoint
from connectors.reading import Part
from connectors.sources.datadog_api import DatadogConfig
from connectors.sources.tracepolling import TracePolling, TracesConfig
from connectors.windows import Overfull

PAGE = 1_000
MAX_PAGES = 10


@dataclass(frozen=True, kw_only=True)
class DatadogTracesConfig(DatadogConfig, TracesConfig):
    """What the owner sets."""

    query: str = option("Which spans to look at, in Datadog's search syntax.", default="*")


class DatadogTraces(TracePolling[DatadogTracesConfig]):
    """Searches for spans, at most ten thousand at once, and puts those of one trace together."""

    kind, label, Config, written = "datadog-traces", "Datadog traces", DatadogTracesConfig, "datadog"

    @property
    def page(self) -> str:
        """Address of a trace."""
        return self.config.app.replace("{", "{{").replace("}", "}}") + "/apm/trace/{trace}"

    def endpoint(self) -> Endpoint:
        """Return where it is and how it is spoken to."""
        return self.config.endpoint()

    def check(self) -> None:
        """Return when the keys may search."""
        self._search({"from": "now-1m", "to": "now", "query": self.config.query}, 1, "")

    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        """Return the spans found, one record for each trace."""
        asked = {"from": start.isoformat(), "to": end.isoformat(), "query": self.config.query}
        found: dict[str, list[Any]] = {}
        after = ""
        for _ in range(MAX_PAGES):
            body = self._search(asked, PAGE, after)
            for span in body.each("data"):
                found.setdefault(span["attributes"].text("trace_id", 100), []).append(span.value)
            after = body["meta"]["page"].text("after", 10_000)
            if not after:
                break
        records = [Record.of(trace_id, "datadog", {"data": spans}) for trace_id, spans in found.items()]
        if after:
            raise Overfull(f"The search finds {PAGE * MAX_PAGES:,} spans or more.", records)
        return records

    def _search(self, asked: dict[str, str], limit: int, after: str) -> Part:
        page = {"limit": limit} | ({"cursor": after} if after else {})
        attributes = {"filter": asked, "sort": "timestamp", "page": page}
        body = {"data": {"type": "search_request", "attributes": attributes}}
        return Part(self.http.post("api/v2/spans/events/search", json=body).json())
