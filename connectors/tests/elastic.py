"""What Elasticsearch and OpenSearch do with the searches of a connector, and no more, for tests."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.sources.logsource import nanoseconds
from connectors.tests.peers import Asked, Reply


@dataclass
class Cluster:
    """Answers by the protocol: a point in time is opened, searched in order, and closed by its newest id.

    Attributes:
        documents: (index, id, source), whose @timestamp is when they are found.
        opensearch: its version, as (major, minor); none: it is Elasticsearch.
        window: how many hits a search may ask for at most.
        answer: what else its answers say.
        strict: whether each search must come under the newest id, as all answers arrive.
    """

    documents: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    opensearch: tuple[int, int] | None = None
    window: int = 10_000
    answer: dict[str, Any] = field(default_factory=dict)
    shards: int = 1
    strict: bool = True
    open: int = 0
    searches: int = 0

    def __call__(self, asked: Asked) -> Any:
        """Answer one request."""
        opens, closes = ("/_search/point_in_time", "pit_id") if self.opensearch else ("/_pit", "id")
        if asked.method == "POST" and asked.path.endswith(opens):
            self.open += 1
            return {closes: "pit-0", "_shards": {"total": self.shards, "successful": self.shards, "failed": 0}}
        if asked.method == "DELETE" and asked.path == opens:
            newest = f"pit-{self.searches}"
            assert asked.json() == {closes: [newest] if self.opensearch else newest}
            self.open -= 1
            return {"succeeded": True, "num_freed": 1}
        if asked.method == "POST" and asked.path == "/_search":
            return self.search(asked.json())
        return Reply({"error": f"no handler found for uri [{asked.path}] and method [{asked.method}]"}, status=400)

    def search(self, asked: dict[str, Any]) -> Any:
        """Return the hits of one page."""
        assert asked["pit"]["id"] == f"pit-{self.searches}" or not self.strict
        if asked["size"] > self.window:
            return Reply({"error": {"reason": "Result window is too large"}}, status=400)
        ((by, order),), ((tie, _),) = (list(one.items()) for one in asked["sort"])
        assert order["numeric_type"] == "date_nanos"
        if tie == "_shard_doc" and self.opensearch and self.opensearch < (3, 3):
            reason = "No mapping found for [_shard_doc] in order to sort on"
            return Reply({"error": {"root_cause": [{"reason": reason}]}, "status": 400}, status=400)
        self.searches += 1
        span = asked["query"]["bool"]["filter"][0]["range"][by]
        found = sorted(
            ([_nanos(source[by]), place if tie == "_shard_doc" else name], index, name, source)
            for place, (index, name, source) in enumerate(self.documents)
            if _nanos(span["gte"]) <= _nanos(source[by]) < _nanos(span["lt"])
        )
        told = [one for one in found if one[0] > asked.get("search_after", [])][: asked["size"]]
        hits = [{"_index": index, "_id": name, "_source": source, "sort": sort} for sort, index, name, source in told]
        shards = {"total": self.shards, "successful": self.shards, "skipped": 0, "failed": 0}
        whole = {"took": 1, "timed_out": False, "_shards": shards, "pit_id": f"pit-{self.searches}"}
        return {**whole, "hits": {"max_score": None, "hits": hits}, **self.answer}


def _nanos(text: str) -> int:
    digits = text.rstrip("Z").partition(".")[2]
    return nanoseconds(datetime.fromisoformat(text[:19] + "+00:00")) + int(digits.ljust(9, "0") or 0)
