"""How Elasticsearch and OpenSearch are paged through: one point in time, search after search. It stores nothing.

What they do differently is how a point in time is opened and closed, and by what documents of one time are told apart.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from connectors.errors import Misconfigured, Refused, SourceUnavailable
from connectors.http import Client
from connectors.reading import Part
from connectors.windows import Overfull
from rcaplatform.kit.errors import DomainError

PAGE = 1_000
KEEP = "5m"  # how long the server keeps a point in time that is not asked for
_GONE, _UNKNOWN = 404, {400, 405}
# Unique within a point in time, from Elasticsearch 7.12 and OpenSearch 3.3 on; before, the id must do.
_TIES = ("_shard_doc", "_id")


@dataclass(frozen=True, slots=True)
class _Dialect:
    path: str
    params: Mapping[str, str]
    name: str  # what the id of a point in time is called

    def closing(self, pit: str) -> dict[str, Any]:
        return {self.name: pit if self.name == "id" else [pit]}


_ELASTICSEARCH = _Dialect("_pit", {"keep_alive": KEEP}, "id")
_OPENSEARCH = _Dialect("_search/point_in_time", {"keep_alive": KEEP, "allow_partial_pit_creation": "false"}, "pit_id")


@dataclass(frozen=True, slots=True)
class Hits:
    """Documents found, oldest first.

    Attributes:
        missing: what was not searched, in words; nothing when all was.
    """

    hits: list[Part]
    missing: str = ""


class PointInTime:
    """The documents of an index as they are now, from ``with`` to its end.

    Args:
        index: names, patterns or aliases, with commas between.
        partial: take what is told although something was not searched.
    """

    def __init__(self, http: Client, index: str, *, partial: bool) -> None:
        self._http, self._partial, self._tie = http, partial, 0
        self._index = quote(index, safe="*,")
        self._dialect, self._id, self.shards = self._opened()

    def _opened(self) -> tuple[_Dialect, str, int]:
        try:
            return self._open(_ELASTICSEARCH)
        except Refused as refusal:
            told = refusal.answered == 405 or "no handler" in refusal.said.lower()
            if refusal.answered not in _UNKNOWN or not told:
                raise
        return self._open(_OPENSEARCH)

    def _open(self, dialect: _Dialect) -> tuple[_Dialect, str, int]:
        body = Part(self._http.post(f"{self._index}/{dialect.path}", params=dialect.params).json())
        pit = body.text(dialect.name, 1_000_000)
        if not pit:
            message = "What answers here is neither Elasticsearch nor OpenSearch."
            raise Misconfigured(message, fields={"url": message})
        return dialect, pit, body["_shards"].number("total") or 0

    def pages(self, query: Mapping[str, Any], *, by: str, size: int = 0) -> Iterator[Hits]:
        """Yield what ``query`` finds, in the order of the time in the field ``by``, in pages.

        Where a page is more than is taken at once, smaller ones are asked for.

        Args:
            size: how many there are in a page; 0: as many as is usual.

        Raises:
            SourceUnavailable: not all could be searched, the point in time is gone, or a page came twice.
        """
        after: list[Any] = []
        size = size or PAGE
        while True:
            try:
                body = self._search(query, by, after, size)
            except Overfull:
                if size == 1:
                    raise
                size = max(1, size // 2)
                continue
            found = Hits(hits_in(body.value), self._missing(body))
            yield found
            if len(found.hits) < size:
                return
            last = found.hits[-1]["sort"].value
            if not isinstance(last, list) or not last or last == after:
                raise SourceUnavailable("The search does not say where its next page begins.")
            after = last

    def _search(self, query: Mapping[str, Any], by: str, after: list[Any], size: int) -> Part:
        time = {"order": "asc", "unmapped_type": "date", "numeric_type": "date_nanos"}
        asked: dict[str, Any] = {
            "size": size,
            "query": query,
            "sort": [{by: time}, {_TIES[self._tie]: "asc"}],
            "pit": {"id": self._id, "keep_alive": KEEP},
            "track_total_hits": False,
        }
        if after:
            asked["search_after"] = after
        params = {"allow_partial_search_results": str(self._partial).lower()}
        try:
            body = Part(self._http.post("_search", params=params, json=asked).json())
        except Refused as refusal:
            if refusal.answered == _GONE:
                raise SourceUnavailable("The point in time is gone; the next poll opens another.") from refusal
            if refusal.answered not in _UNKNOWN or self._tie or _TIES[0] not in refusal.said:
                raise
            self._tie = 1
            return self._search(query, by, after, size)
        self._id = body.text("pit_id", 1_000_000) or self._id
        return body

    def _missing(self, body: Part) -> str:
        missing = missing_in(body)
        if missing and not self._partial:
            raise SourceUnavailable(f"Not all was searched: {missing}.")
        return missing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(DomainError):  # it ends by itself
            self._http.delete(self._dialect.path, json=self._dialect.closing(self._id))


def hits_in(payload: Any) -> list[Part]:
    """Return the hits in the answer to a search, also one that ran in the background."""
    body = Part(payload)
    found = body["response"] if body["response"].value else body
    return found["hits"].each("hits")


def missing_in(body: Part) -> str:
    """Say what a search left out, as time ran out or shards or clusters did not answer; nothing when it is whole."""
    shards, clusters = body["_shards"], body["_clusters"]
    absent = sum(clusters.number(state) or 0 for state in ("skipped", "partial", "failed"))
    told = [
        "it ran out of time" if body.flag("timed_out") else "",
        f"{shards.number('failed')} of {shards.number('total')} shards failed" if shards.number("failed") else "",
        f"{absent} of {clusters.number('total')} clusters did not tell all" if absent else "",
    ]
    failures = [reason for part in shards.each("failures")[:1] if (reason := part["reason"].text("reason", 200))]
    return ", ".join([part for part in told if part] + failures)
