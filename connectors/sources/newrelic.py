"""Source: spans in New Relic, found by NRQL through NerdGraph."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Record, option, secret
from connectors.errors import Misconfigured, RateLimited, Refused, SourceUnavailable
from connectors.http import Endpoint
from connectors.reading import Part
from connectors.sources.tracepolling import TracePageConfig, TracePolling
from connectors.windows import Overfull

# What NRQL returns at most, and how many traces are asked for at once.
MOST_ROWS, BATCH = 5_000, 50
# What of a trace happened around a window is read too.
AROUND = timedelta(minutes=5)
SECONDS = 25  # New Relic would give a query five
_GRAPHQL = """query ($account: Int!, $nrql: Nrql!, $timeout: Seconds) {
  actor { account(id: $account) { nrql(query: $nrql, timeout: $timeout) { results } } }
}"""
_NAME = re.compile(r"[\w-]{1,128}", re.ASCII)
_FORBIDDEN = frozenset({"ACCESS_DENIED", "FORBIDDEN", "NOT_AUTHORIZED", "UNAUTHENTICATED", "UNAUTHORIZED"})
_WRONG = frozenset({"BAD_USER_INPUT", "INVALID_INPUT", "NOT_FOUND"})
_TOO_MANY = frozenset({"TOO_MANY_REQUESTS", "RATE_LIMITED"})


@dataclass(frozen=True, kw_only=True)
class NewRelicConfig(TracePageConfig):
    """What the owner sets."""

    url: str = option(
        "Address of NerdGraph; of the EU https://api.eu.newrelic.com.", default="https://api.newrelic.com"
    )
    user_key: str = secret("User key (NRAK-…), of a user who may query the account.")
    account: int = option("Number of the account.", at_least=1)
    where: str = option(
        "Which spans make their traces worth reading, as a condition of NRQL.",
        default="error.class IS NOT NULL OR otel.status_code = 'ERROR' OR duration.ms > 500",
    )

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        return super().wrong() | ({} if self.where.strip() else {"where": "This may not be empty."})


class NewRelic(TracePolling[NewRelicConfig]):
    """Searches for traces, then reads their spans. What is usual is known of the traces that are found alone."""

    kind, label, Config, written = "newrelic", "New Relic traces", NewRelicConfig, "newrelic"
    settle = timedelta(minutes=1)

    @property
    def page(self) -> str:
        """Address of a trace."""
        return self.config.page

    def endpoint(self) -> Endpoint:
        """Return where NerdGraph is."""
        config = self.config
        headers = {"API-Key": config.user_key}
        return Endpoint(url=config.url, headers=headers, requests_per_second=config.requests_per_second)

    def check(self) -> None:
        """Return when the account can be queried, and the condition is understood."""
        self._rows(_nrql("uniques(trace.id, 1)", self._where, "SINCE 1 minute ago"))

    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        """Return the traces of which a span meets the condition."""
        limit = self.config.limit
        found = self._rows(_nrql(f"uniques(trace.id, {limit})", self._where, _span(start, end)))
        lists = [value for row in found if isinstance(row, dict) for value in row.values() if isinstance(value, list)]
        names = [name for listed in lists for name in listed if isinstance(name, str) and _NAME.fullmatch(name)]
        full = f"The condition finds {limit:,} traces or more." if len(names) >= limit else ""
        if full and end - start > self.floor:  # it will be halved, so they need not be read
            raise Overfull(full)
        records: list[Record] = []
        for first in range(0, len(names), BATCH):
            records += self._traces(names[first : first + BATCH], start - AROUND, end + AROUND)
        if full:
            raise Overfull(full, records)
        return records

    @property
    def _where(self) -> str:
        return f"({self.config.where})"

    def _traces(self, names: Sequence[str], start: datetime, end: datetime) -> list[Record]:
        """Return these traces, by halves where they have more spans than are told at once.

        Of a trace that has more by itself, so many are told.
        """
        listed = ", ".join(f"'{name}'" for name in names)
        rows = self._rows(_nrql("*", f"trace.id IN ({listed})", f"{_span(start, end)} LIMIT {MOST_ROWS}"))
        if len(rows) >= MOST_ROWS and len(names) > 1:
            middle = len(names) // 2
            return self._traces(names[:middle], start, end) + self._traces(names[middle:], start, end)
        spans: dict[str, list[Any]] = {name: [] for name in names}
        for row in rows:
            name = Part(row).text("trace.id", 100) or Part(row).text("traceId", 100)
            spans.setdefault(name, []).append(row)
        return [Record.of(name, "newrelic", {"spans": told}) for name, told in spans.items() if told]

    def _rows(self, nrql: str) -> list[Any]:
        """Return what a query finds.

        Raises:
            Refused: the account or the query is not for us; the answer says so under 200.
            SourceUnavailable: it cannot be answered now.
        """
        variables = {"account": self.config.account, "nrql": nrql, "timeout": SECONDS}
        body = Part(self.http.post("graphql", json={"query": _GRAPHQL, "variables": variables}).json())
        for problem in body.each("errors"):
            raise _problem(problem)
        account = body["data"]["actor"]["account"]
        if account.value is None:
            message = f"The key may not see the account {self.config.account}, or there is none."
            raise Misconfigured(message, fields={"account": message})
        if not isinstance(account["nrql"]["results"].value, list):
            raise SourceUnavailable("NerdGraph gives no results, and no reason.")
        return [row.value for row in account["nrql"].each("results")]


def _nrql(select: str, where: str, span: str) -> str:
    return f"SELECT {select} FROM Span WHERE {where} {span}"  # noqa: S608 - the owner's condition, or checked names


def _span(start: datetime, end: datetime) -> str:
    return f"SINCE {int(start.timestamp() * 1_000)} UNTIL {int(end.timestamp() * 1_000)}"


def _problem(problem: Part) -> Exception:
    """Return what an error in an answer means."""
    said = problem.text("message", 500) or "no reason"
    kind = problem["extensions"].text("errorClass", 100) or problem["extensions"].text("code", 100)
    if kind in _TOO_MANY:
        return RateLimited(f"NerdGraph asks us to wait: {said}", seconds=60)
    if kind in _FORBIDDEN:
        return Refused(f"NerdGraph does not accept our key for this: {said}", answered=403, said=said)
    if kind in _WRONG or "syntax error" in said.lower():
        return Refused(f"NerdGraph will not answer this: {said}", answered=400, said=said)
    return SourceUnavailable(f"NerdGraph cannot answer now: {said}")
