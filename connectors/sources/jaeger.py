"""Source: traces of Jaeger, by its API v3 or the one before it, which VictoriaTraces speaks too."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from connectors.base import Gap, Page, Record, option
from connectors.errors import Refused
from connectors.http import Endpoint
from connectors.reading import Part
from connectors.sources.tracepolling import TracePolling, TracesConfig
from connectors.windows import Overfull

_ABSENT = frozenset({400, 404, 405, 501})
MAX_SERVICES = 200


@dataclass(frozen=True, kw_only=True)
class JaegerConfig(TracesConfig):
    """What the owner sets."""

    services: list[str] = option("Services to ask for; empty: the first 200 that it names.", default=[])


class Jaeger(TracePolling[JaegerConfig]):
    """Asks each service for its traces. There are no pages: where as many came as were asked for, asks for less."""

    kind, label, Config, written = "jaeger", "Jaeger", JaegerConfig, "jaeger"

    @property
    def page(self) -> str:
        """Address of a trace."""
        return self.config.url.rstrip("/").replace("{", "{{").replace("}", "}}") + "/trace/{trace}"

    def endpoint(self) -> Endpoint:
        """Return where it is."""
        return Endpoint(url=self.config.url, requests_per_second=self.config.requests_per_second)

    def check(self) -> None:
        """Return when it names its services."""
        self.http.get(self._services_path)

    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        """Return the traces of each service."""
        found: dict[str, Record] = {}
        full = False
        for service in self.config.services or self._named[:MAX_SERVICES]:
            told = self._of_v3(service, start, end) if self._is_v3 else self._of_v1(service, start, end)
            full |= len(told) >= self.config.limit
            found |= {record.reference: record for record in told}
        if full:
            raise Overfull(f"A service has {self.config.limit} traces or more.", found.values())
        return found.values()

    def read_between(self, start: datetime, end: datetime) -> Iterator[Page]:
        """Yield what happened, and say so where it names more services than are asked."""
        for page in super().read_between(start, end):
            until = datetime.fromisoformat(page.cursor["until"])
            left_out = 0 if self.config.services else len(self._named) - MAX_SERVICES
            reason = f"{left_out} services were not asked: it names more than {MAX_SERVICES}; set those that count."
            gaps = (Gap(start, until, reason),) if left_out > 0 else ()
            yield replace(page, gaps=(*page.gaps, *gaps))
            start = until

    @cached_property
    def _is_v3(self) -> bool:
        """Whether it has the new API; one without answers with a refusal, or with the page of its user interface."""
        try:
            answer = self.http.get("api/v3/services")
        except Refused as problem:
            if problem.answered not in _ABSENT:
                raise
            return False
        return answer.content.lstrip()[:1] != b"<" and isinstance(answer.json(), dict)

    @property
    def _services_path(self) -> str:
        return "api/v3/services" if self._is_v3 else "api/services"

    @cached_property
    def _named(self) -> list[str]:
        body = Part(self.http.get(self._services_path).json())
        return body.texts("services") if self._is_v3 else body.texts("data")

    def _of_v3(self, service: str, start: datetime, end: datetime) -> list[Record]:
        asked = {
            "query.serviceName": service,
            "query.startTimeMin": start.isoformat(),
            "query.startTimeMax": end.isoformat(),
            "query.searchDepth": self.config.limit,
        }
        try:
            body = self.http.get("api/v3/traces", params=asked).json()
        except Refused as problem:
            if problem.answered == 404:  # how it says that there are none
                return []
            raise
        return [Record.of(trace_id, "otlp", trace) for trace_id, trace in _by_trace(Part(body)).items()]

    def _of_v1(self, service: str, start: datetime, end: datetime) -> list[Record]:
        asked = {
            "service": service,
            "start": int(start.timestamp() * 1_000_000),
            "end": int(end.timestamp() * 1_000_000),
            "limit": self.config.limit,
        }
        told = Part(self.http.get("api/traces", params=asked).json()).each("data")
        return [
            Record.of(trace.text("traceID") or f"{place}", "jaeger", trace.value) for place, trace in enumerate(told)
        ]


def _by_trace(body: Part) -> dict[str, dict[str, Any]]:
    """Return the traces that lie mixed in one answer, each by itself."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for resource in body["result"].each("resourceSpans"):
        for scope in resource.each("scopeSpans"):
            of: defaultdict[str, list[Any]] = defaultdict(list)
            for span in scope.each("spans"):
                of[span.text("traceId", 64)].append(span.value)
            for trace_id, spans in of.items():
                told = {"scope": scope["scope"].value or {}, "spans": spans}
                found[trace_id].append({"resource": resource["resource"].value or {}, "scopeSpans": [told]})
    return {trace_id: {"resourceSpans": told} for trace_id, told in found.items()}
