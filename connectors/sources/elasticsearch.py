"""Source: log documents in Elasticsearch or OpenSearch, found by searches."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

import orjson

from connectors.base import Cursor, Gap, Page, Record, option, secret
from connectors.errors import BadRecord, Misconfigured, SourceUnavailable
from connectors.http import Endpoint, OverHTTP
from connectors.logins import LoginConfig
from connectors.reading import Part, bounded_id
from connectors.sources.elasticsearch_documents import NAMES, at, line_of
from connectors.sources.elasticsearch_reading import PointInTime
from connectors.sources.logfields import moment_of as time_in
from connectors.sources.logfolding import Told
from connectors.sources.loglines import LogLine
from connectors.sources.logsource import FOLDING, LogConfig, LogSource, moment_of, nanoseconds
from events.drafts import LIMITS

HISTORY = timedelta(hours=1)
# So many documents of one time are known again by name; of more, those already stored are told by their ids alone.
MOST_SEEN = 10_000
_INGESTED = "event.ingested"


@dataclass(frozen=True, kw_only=True)
class ElasticsearchConfig(LoginConfig, LogConfig):
    """What the owner sets."""

    index: str = option(
        "Indices, data streams, aliases or patterns, with commas between; of another cluster as cluster:index.",
        default="logs-*",
    )
    query: str = option(
        "Which documents: in Lucene's syntax, such as log.level:(error OR warn) AND service.name:checkout, or as a "
        "query in JSON. The narrower, the quicker.",
        default="*",
    )
    api_key: str = secret("API key, encoded or as ID:KEY, where one is needed.", default="")
    time_field: str = option(
        "The field that says when, of type date or date_nanos. With event.ingested none is missed that comes late.",
        default="@timestamp",
    )
    delay: int = option(
        "Seconds before now at which reading ends: what comes into the index later than that is missed.",
        default=60,
        at_least=1,
    )
    fields: dict[str, str] = option(
        f"Where documents that do not follow ECS say it: a path for any of {', '.join(NAMES)}.", default={}
    )
    partial: bool = option(
        "When some shards do not answer: take what the others tell, and note a gap; else wait until all do.",
        default=False,
    )
    document_page: str = option(
        "Address of a document with {index} and {id} where these go, such as "
        "https://kibana.example/app/discover#/doc/logs/{index}?id={id}; empty: events link to none.",
        default="",
    )

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found = super().wrong()
        found |= {name: "This may not be empty." for name in ("index", "time_field") if not getattr(self, name).strip()}
        if unknown := sorted(self.fields.keys() - NAMES.keys()):
            found["fields"] = f"{', '.join(unknown)}: one of {', '.join(NAMES)}."
        if self.document_page and not self.document_page.startswith(("https://", "http://")):
            found["document_page"] = "Give an http or https address."
        if self.query.lstrip().startswith("{") and not isinstance(self._json(), dict):
            found["query"] = "This is no query in JSON."
        return found

    def _json(self) -> Any:
        try:
            return orjson.loads(self.query)
        except orjson.JSONDecodeError:
            return None

    def selected(self) -> dict[str, Any]:
        """Return the query as the server reads it."""
        if self.query.lstrip().startswith("{"):
            return dict(self._json())
        return {"query_string": {"query": self.query.strip() or "*"}}

    def login(self) -> dict[str, str]:
        """Return the headers that prove us; an API key goes before all else."""
        if not self.api_key:
            return super().login()
        key = b64encode(self.api_key.encode()).decode() if ":" in self.api_key else self.api_key
        return {"Authorization": f"ApiKey {key}"}

    def link(self, index: str, name: str) -> str:
        """Return the address of a document's page, where there is one that an event can carry."""
        url = self.document_page.replace("{index}", quote(index, safe="")).replace("{id}", quote(name, safe=""))
        return url if len(url) <= LIMITS["url"] else ""


@dataclass(slots=True)
class _Place:
    """How far was read: up to a time, and which documents of that very time."""

    at: int
    seen: list[str]

    def fresh(self, hits: list[Part]) -> list[Record]:
        """Return the hits that were not read before, and move on.

        Raises:
            SourceUnavailable: it is not said when they were.
        """
        known, found = set(self.seen), []
        for hit in hits:
            name, time = _name(hit), _sorted_by(hit)
            if time is None:
                raise SourceUnavailable("The search does not say by which time its hits are sorted.")
            if time == self.at and name in known:
                continue
            if time != self.at:
                self.at, self.seen = time, []
            self.seen.append(name)
            found.append(Record.of(f"{hit.text('_index')}/{hit.text('_id')}"[:300], "document", hit.value))
        del self.seen[:-MOST_SEEN]
        return found


class Elasticsearch(OverHTTP[ElasticsearchConfig], LogSource[ElasticsearchConfig]):
    """Reads the documents that a query finds, oldest first, and takes each once.

    Elasticsearch from 7.12 on, OpenSearch from 2.4 on. It follows ECS and OpenTelemetry's mapping, nested or with dots
    in its names; other fields can be named.
    """

    kind, label, Config = "elasticsearch", "Elasticsearch or OpenSearch", ElasticsearchConfig

    def endpoint(self) -> Endpoint:
        """Return where it is."""
        config = self.config
        url = config.url.rstrip("/") + "/"
        return Endpoint(url=url, headers=config.login(), requests_per_second=config.requests_per_second)

    def check(self) -> None:
        """Return when there is such an index, and the query is understood.

        Raises:
            Misconfigured: no index has such a name.
        """
        with self._now() as documents:
            if not documents.shards:
                message = f"No index is called {self.config.index}, or none that we may see."
                raise Misconfigured(message, fields={"index": message})
            end = nanoseconds(self.now)
            next(documents.pages(self._query(end - 60 * 10**9, end), by=self.config.time_field, size=1))

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield documents page by page.

        The cursor is {from, seen, folding}: what is of the time ``from`` is read again, but for those seen.
        """
        folding = self.folding(cursor)
        begin = int(cursor.get("from") or nanoseconds(self.now - HISTORY))
        place = _Place(begin, list(cursor.get("seen", [])))
        end = nanoseconds(self.now - timedelta(seconds=self.config.delay))
        if begin >= end:
            return
        missing = ""
        with self._now() as documents:
            for found in documents.pages(self._query(begin, end), by=self.config.time_field):
                fresh = place.fresh(found.hits)
                records = folding.fold(fresh)
                moved = {"from": str(place.at), "seen": list(place.seen), FOLDING: folding.state()}
                gaps = (_gap(begin, end, found.missing),) if found.missing != missing else ()
                missing = found.missing
                yield Page(records, moved, ignored=max(0, len(fresh) - len(records)), gaps=gaps)
        records = folding.overdue()
        yield Page(records, {"from": str(end), "seen": [], FOLDING: folding.state()})

    def understood(self, record: Record) -> Told:
        """Return the document in ``record``."""
        hit, config = Part(record.value), self.config
        source, index, name = hit["_source"].value, hit.text("_index"), hit.id("_id")
        if not isinstance(source, dict):
            raise BadRecord("The document has no _source.", fields={"_source": "Not an object."})
        return Told(
            LogLine(line_of(source, config.fields)),
            bounded_id(f"{index}/{name}"),
            record.value,
            timestamp=self._timestamp(source, hit),
            service=config.service or _dataset(source),
            environment=config.environment or _namespace(source),
            url=config.link(index, name),
        )

    def _timestamp(self, source: Mapping[str, Any], hit: Part) -> datetime | None:
        """Return when it was written; when it was found by another time, that is the last resort."""
        usual = "@timestamp" if self.config.time_field == _INGESTED else self.config.time_field
        if told := time_in(at(source, self.config.fields.get("timestamp", usual))):
            return told
        sorted_by = _sorted_by(hit)
        return moment_of(sorted_by) if sorted_by is not None else None

    def _now(self) -> PointInTime:
        return PointInTime(self.http, self.config.index, partial=self.config.partial)

    def _query(self, start: int, end: int) -> dict[str, Any]:
        span = {"gte": _written(start), "lt": _written(end), "format": "strict_date_optional_time_nanos"}
        return {"bool": {"filter": [{"range": {self.config.time_field: span}}, self.config.selected()]}}


def _written(nanos: int) -> str:
    """Return a time as the server reads it, to the nanosecond."""
    seconds, rest = divmod(nanos, 10**9)
    return f"{moment_of(seconds * 10**9):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def _sorted_by(hit: Part) -> int | None:
    """Return the time a hit was sorted by, in nanoseconds, where the server says so."""
    told = hit["sort"].value
    first = told[0] if isinstance(told, list) and told else None
    return first if isinstance(first, int) and not isinstance(first, bool) else None


def _gap(start: int, end: int, missing: str) -> Gap:
    return Gap(moment_of(start), moment_of(end), f"Not all was searched: {missing}.")


def _name(hit: Part) -> str:
    return blake2b(f"{hit.text('_index')}/{hit.text('_id')}".encode(errors="replace"), digest_size=8).hexdigest()


def _dataset(source: Mapping[str, Any]) -> str:
    """Return the data stream's dataset, for a document that names no service."""
    told = at(source, "data_stream.dataset")
    return told if isinstance(told, str) and told != "generic" else ""


def _namespace(source: Mapping[str, Any]) -> str:
    told = at(source, "data_stream.namespace")
    return told if isinstance(told, str) and told != "default" else ""
