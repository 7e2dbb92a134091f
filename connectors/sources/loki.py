"""Source: Grafana Loki, by range queries, or in its place: what shippers push to Loki they push here."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import orjson

from connectors.base import Call, Cursor, Envelope, Gap, Page, Push, Record, option, parsed
from connectors.credentials import HookConfig, key_of, require_secret
from connectors.http import Endpoint, OverHTTP
from connectors.logins import TenantConfig
from connectors.reading import Part
from connectors.sources import loki_push
from connectors.sources.logfolding import Told
from connectors.sources.loglines import LogLine
from connectors.sources.logsource import FOLDING, LogConfig, LogSource, moment_of, nanoseconds

# Loki's own bounds: lines an answer, and the longest range it answers for.
MOST_LINES = 5_000
LONGEST = timedelta(days=30)
HISTORY, SETTLE = timedelta(hours=1), timedelta(seconds=30)
SECOND = 10**9
# Otherwise what was said of one line is merged into the labels of its stream, and each line becomes a stream.
CATEGORIZED = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
_LOGFMT = re.compile(r'(?:^|\s)([A-Za-z_][\w.]*)=(?:"((?:[^"\\]|\\.){0,4000})"|(\S{0,4000}))')
_MAX_LINE = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class LokiConfig(HookConfig, TenantConfig, LogConfig):
    """What the owner sets: Loki is polled, or shippers push."""

    query: str = option(
        'LogQL that selects the lines, such as {namespace="shop"} |~ "(?i)error|warn|fail". The narrower, the quicker.',
        default="",
    )

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found = super().wrong()
        if self.url and not self.query.strip():
            found["query"] = "This may not be empty."
        both = "Poll Loki or let shippers push, not both: each line would be told twice."
        return found | ({"secret": both} if self.url and self.secret else {})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when, in nanoseconds, of which stream, and what is known of this line alone."""

    at: int
    labels: dict[str, str]
    line: str
    metadata: dict[str, str]

    @property
    def digest(self) -> str:
        """What identifies it: two lines of one nanosecond, stream and text are one."""
        told = orjson.dumps([self.at, self.labels, self.line, self.metadata], option=orjson.OPT_SORT_KEYS)
        return blake2b(told, digest_size=16).hexdigest()

    def record(self) -> Record:
        """Return it as a record."""
        told = {"at": str(self.at), "labels": self.labels, "line": self.line, "metadata": self.metadata}
        return Record.of(f"{self.at}/{self.digest}", "line", told)


class Loki(OverHTTP[LokiConfig], LogSource[LokiConfig], Push[LokiConfig]):
    """Asks what a query selects, oldest first, and takes every line once.

    Lines of the newest half minute are left for the next poll, as they may come in out of order. Where more than 5,000
    lines have one nanosecond, the others are a gap.

    With a secret in place of an address it takes what a shipper pushes (Fluent Bit, Vector, Promtail, Alloy): enter the
    webhook's address as that of Loki, and the secret as bearer token or password.
    """

    kind, label, Config = "loki", "Grafana Loki", LokiConfig
    polled_with, pushed_with = "url", "secret"
    keeps, paths = ("content-encoding",), ("loki/api/v1/push",)

    def endpoint(self) -> Endpoint:
        """Return where it is."""
        config, headers = self.config, CATEGORIZED | self.config.login()
        return Endpoint(url=config.url, headers=headers, requests_per_second=config.requests_per_second)

    def check(self) -> None:
        """Return when the query is answered."""
        end = nanoseconds(self.now)
        self._ask(end - 60 * SECOND, end, limit=1)

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield lines page by page. The cursor is {from, seen, folding}: ``from`` is read again but for those seen."""
        folding = self.folding(cursor)
        start, seen = int(cursor.get("from") or nanoseconds(self.now - HISTORY)), set(cursor.get("seen", []))
        end = nanoseconds(self.now - SETTLE)
        while start < end:
            stop = min(end, start + int(LONGEST.total_seconds()) * SECOND)
            entries = self._ask(start, stop, limit=MOST_LINES)
            fresh = [entry for entry in entries if entry.digest not in seen]
            gaps: tuple[Gap, ...] = ()
            if len(entries) < MOST_LINES:
                start, seen = stop, set()
            elif (last := entries[-1].at) > start:
                start, seen = last, {entry.digest for entry in entries if entry.at == last}
            else:
                gaps = (Gap(moment_of(start), moment_of(start + 1_000), f"Over {MOST_LINES:,} lines have one time."),)
                start, seen = start + 1, set()
            records = folding.fold(entry.record() for entry in fresh)
            if start >= end:
                records += folding.overdue()
            moved = {"from": str(start), "seen": sorted(seen), FOLDING: folding.state()}
            yield Page(records, moved, ignored=max(0, len(fresh) - len(records)), gaps=gaps)

    def understood(self, record: Record) -> Told:
        """Return the line in ``record``."""
        told = Part(record.value)
        fields = {**fields_of(told.text("line", _MAX_LINE)), **_absent(told)}
        return Told(
            LogLine(fields),
            self._name(told),
            record.value,
            timestamp=moment_of(told.text("at")),
            service=self.config.service,
            environment=self.config.environment,
        )

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the secret, and that the push is understood; shippers name no push, so equal bodies are one.

        Raises:
            Forged: the secret is missing or wrong.
            UnknownForm: it is in a form that is not read here.
        """
        require_secret(headers, self.config.secret)
        loki_push.require_known(headers)
        return Envelope(key_of(body), "push")

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield the lines of a push, those that say the same many times as one."""
        entries = entries_in(loki_push.read(call.headers, call.body))
        for record in self.folded(entry.record() for entry in entries):
            yield record.kind, parsed(record.raw)

    def _name(self, told: Part) -> str:
        """Return what identifies a line, whichever way it came."""
        at, line = told.text("at", 100), told.text("line", _MAX_LINE)
        labels, metadata = told.mapping("labels"), told.mapping("metadata")
        return f"{at}/{Entry(int(at), labels, line, metadata).digest}" if at.isdecimal() else at

    def _ask(self, start: int, end: int, *, limit: int) -> list[Entry]:
        """Return the lines from ``start`` up to, and without, ``end``, oldest first."""
        asked = {"query": self.config.query, "start": start, "end": end, "limit": limit, "direction": "forward"}
        return entries_in(self.http.get("loki/api/v1/query_range", params=asked).json())


def entries_in(payload: Any) -> list[Entry]:
    """Return the lines in an answer or a push, oldest first; what is no stream of lines has none."""
    body = Part(payload)
    streams = body["data"].each("result") or body.each("streams")
    found = [
        Entry(int(value[0]), stream.mapping("stream"), value[1], _metadata(value))
        for stream in streams
        for value in _list(stream["values"].value)
        if isinstance(value, list) and len(value) >= 2 and isinstance(value[1], str) and str(value[0]).isdecimal()
    ]
    return sorted(found, key=lambda entry: entry.at)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _metadata(value: list[Any]) -> dict[str, str]:
    """Return what is known of a line alone: in an answer under a name, in a push as it is."""
    more = Part({"more": value[2] if len(value) > 2 else None})
    return more["more"].mapping("structuredMetadata") | more["more"].mapping("parsed") or more.mapping("more")


def fields_of(line: str) -> dict[str, Any]:
    """Return what a line says: a JSON object, logfmt with two pairs at least, or a text."""
    if line.lstrip().startswith("{"):
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, dict):
            return found
    pairs = {name: quoted.replace('\\"', '"') or plain for name, quoted, plain in _LOGFMT.findall(line)}
    return pairs if len(pairs) > 1 and ("msg" in pairs or "message" in pairs) else {"message": line}


def _absent(told: Part) -> dict[str, Any]:
    """Return what stream and line say of themselves, under the names that a log line would use."""
    around = {**told.mapping("labels"), **told.mapping("metadata")}
    level = around.get("detected_level", around.get("level", ""))
    service = around.get("service_name") or around.get("service") or around.get("app") or around.get("job", "")
    named = {"level": level if level != "unknown" else "", "service": service, "labels": told.mapping("labels")}
    named |= {name: around[name] for name in ("trace_id", "span_id", "env", "namespace", "pod") if name in around}
    line = fields_of(told.text("line", _MAX_LINE))
    return {name: value for name, value in named.items() if value and name not in line}
