"""Documents are taken from Elasticsearch and OpenSearch once each, and never silently in part."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import services
from connectors.answers import whole_body
from connectors.base import Record
from connectors.errors import BadRecord, Misconfigured, Refused, SourceUnavailable
from connectors.models import Connector, Gap
from connectors.polling import poll
from connectors.reading import Part
from connectors.sources import elasticsearch_reading
from connectors.sources.elasticsearch import Elasticsearch, ElasticsearchConfig
from connectors.sources.elasticsearch_documents import at
from connectors.sources.elasticsearch_reading import hits_in, missing_in
from connectors.tests.corpus import EMPTIES, STRANGE, assert_golden, escapes, mutilated, places, told
from connectors.tests.elastic import Cluster
from connectors.tests.factories import NOW
from connectors.tests.peers import Peer, Reply, turns
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

RECORDED = sorted(payloads("elasticsearch", "specification").glob("*search*response*.json"))
START = NOW - timedelta(minutes=30)
STACK = "shop.Broke: balance is 0\n\tat a.B.c(B.java:7)"
ECS = {
    "@timestamp": "2030-01-01T11:30:00.123456789Z",
    "log": {"level": "ERROR", "logger": "shop.Checkout"},
    "message": "no money left",
    "error": {"type": "shop.Broke", "message": "balance is 0", "stack_trace": STACK},
    "service": {"name": "checkout", "environment": "live"},
    "trace": {"id": "AB" * 16},
    "span": {"id": "cd" * 8},
    "host": {"name": "web-1"},
    "data_stream": {"type": "logs", "dataset": "shop.app", "namespace": "live"},
}
FLAT = {
    "@timestamp": "2030-01-01T11:30:00.123456789Z",
    "log.level": "ERROR",
    "log.logger": "shop.Checkout",
    "message": "no money left",
    "error.type": "shop.Broke",
    "error.message": "balance is 0",
    "error.stack_trace": STACK,
    "service.name": "checkout",
    "service.environment": "live",
    "trace.id": "AB" * 16,
    "span.id": "cd" * 8,
}
OTEL = {
    "@timestamp": "2030-01-01T11:30:00.123456789Z",
    "severity_text": "ERROR",
    "body": {"text": "no money left"},
    "resource": {"attributes": {"service": {"name": "checkout"}, "deployment.environment.name": "live"}},
    "attributes": {"exception.type": "shop.Broke", "exception.message": "balance is 0"},
    "trace_id": "ab" * 16,
}


def source(url: str = "http://elastic", **values: Any) -> Elasticsearch:
    return Elasticsearch(ElasticsearchConfig.read({"url": url, **values}), workspace=Path("unused"), now=NOW)


def hit(source: Any, **more: Any) -> dict[str, Any]:
    return {"_index": "logs-shop", "_id": "a/1", "_source": source, **more}


def decode(payload: Any, **values: Any) -> list[EventDraft]:
    return list(source(**values).decode(Record.of("one", "document", payload)))


def drafts(payload: Any) -> list[EventDraft]:
    lenient = source(min_severity="info")
    return [draft for found in hits_in(payload) for draft in lenient.decode(Record.of("one", "document", found.value))]


def test_every_example_of_the_specification_is_understood_as_before() -> None:
    found = {path.name: told(drafts(orjson.loads(path.read_bytes()).get("value"))) for path in RECORDED}
    assert_golden("elasticsearch/answers", found)


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
@pytest.mark.parametrize("document", [ECS, FLAT, OTEL], ids=["ecs", "flat", "otel"])
def test_no_field_breaks_it(document: dict[str, Any], value: Any) -> None:
    assert escapes(hit(document, sort=[1, 2]), value, decode) == []


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_document_mutilated_is_a_bad_record_at_most(data: st.DataObject) -> None:
    payload = hit(data.draw(st.sampled_from([ECS, FLAT, OTEL])), sort=[1, 2])
    way = data.draw(st.sampled_from(list(places(payload))))
    try:
        decode(mutilated(payload, way, data.draw(STRANGE)), min_severity="info")
    except (BadRecord, Invalid):
        return


@pytest.mark.parametrize("document", [ECS, FLAT, OTEL], ids=["ecs", "flat", "otel"])
def test_every_way_of_naming_fields_tells_the_same(document: dict[str, Any]) -> None:
    (draft,) = decode(hit(document))
    assert (draft.title, draft.severity, draft.service, draft.environment) == (
        "no money left",
        "high",
        "checkout",
        "live",
    )
    assert draft.timestamp == datetime(2030, 1, 1, 11, 30, 0, 123456, tzinfo=UTC)
    assert draft.data["exception"]["type"] == "shop.Broke"
    assert draft.data["trace_id"] == "ab" * 16
    assert draft.source_id == "logs-shop/a/1"


def test_the_stack_of_a_document_is_read() -> None:
    (draft,) = decode(hit(ECS))
    assert draft.data["exception"]["frames"]
    assert draft.component == "shop.Checkout"


def test_fields_that_are_called_otherwise_are_named_by_the_owner() -> None:
    document = {"when": "2030-01-01T11:00:00Z", "sev": "critical", "text": "boom", "app": {"id": "till"}}
    fields = {"timestamp": "when", "level": "sev", "message": "text", "service": "app.id"}
    (draft,) = decode(hit(document), fields=fields)
    assert (draft.title, draft.severity, draft.service) == ("boom", "critical", "till")
    assert draft.timestamp == datetime(2030, 1, 1, 11, tzinfo=UTC)


def test_the_data_stream_says_what_the_document_does_not() -> None:
    stream = {"dataset": "nginx.error", "namespace": "live"}
    (draft,) = decode(hit({**ECS, "service": None, "data_stream": stream}))
    assert (draft.service, draft.environment) == ("nginx.error", "live")


def test_the_time_it_was_sorted_by_is_the_last_resort() -> None:
    document = {name: value for name, value in ECS.items() if name != "@timestamp"}
    (draft,) = decode(hit(document, sort=[1_893_499_200_000_000_000, 0]), time_field="event.ingested")
    assert draft.timestamp == NOW


def test_an_event_links_to_the_page_of_its_document() -> None:
    page = "https://kibana.example/app/discover#/doc/logs/{index}?id={id}"
    (draft,) = decode(hit(ECS), document_page=page)
    assert draft.url == "https://kibana.example/app/discover#/doc/logs/logs-shop?id=a%2F1"


def test_the_longest_name_goes_first_where_a_path_has_dots() -> None:
    assert at({"a": {"b": 1, "b.c": 2}}, "a.b.c") == 2
    assert at({"a.b": {"c": [3, 4]}}, "a.b.c") == 3
    assert at({"a": 1}, "a.b") is None


def documents(times: list[int]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return failures so many milliseconds after `START`."""
    return [
        (
            "logs-shop",
            f"id-{place:04}",
            {
                "@timestamp": (START + timedelta(milliseconds=time)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z",
                "log.level": "error",
                "message": f"failed {place}",
            },
        )
        for place, time in enumerate(times)
    ]


def connect(peer: Peer, **values: Any) -> Connector:
    settings = {"url": peer.url, "fold_after": 0, **values}
    return services.connect(name="elastic", kind="elasticsearch", values=settings, actor=None, now=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize("opensearch", [None, (2, 11), (3, 3)], ids=["elasticsearch", "opensearch 2", "opensearch 3"])
@pytest.mark.parametrize(
    "times",
    [list(range(23)), [place // 3 for place in range(23)], [0] * 11 + [1] * 12],
    ids=["one by one", "in threes", "two times"],
)
def test_every_document_is_stored_once_however_the_pages_fall(
    times: list[int], opensearch: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch_reading, "PAGE", 5)
    cluster = Cluster(documents(times), opensearch=opensearch)
    with Peer({"*": cluster}) as peer:
        connector = connect(peer)
        for minute in range(2):
            cluster.searches = 0
            poll(connector=connector, now=NOW + timedelta(minutes=minute))
    assert Event.objects.count() == len(times)
    assert cluster.open == 0
    assert not Gap.objects.exists()


def test_a_poll_that_was_cut_off_goes_on_without_telling_anything_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch_reading, "PAGE", 5)
    cluster = Cluster(documents([0] * 8 + [1] * 4))
    with Peer({"*": cluster}) as peer:
        pages = source(peer.url, fold_after=0).read({})
        first = next(pages)
        assert isinstance(pages, Generator)
        pages.close()
        assert cluster.open == 0
        cluster.searches = 0
        rest = [record for page in source(peer.url, fold_after=0).read(first.cursor) for record in page.records]
    told = [record.reference for record in [*first.records, *rest]]
    assert len(told) == len(set(told)) == 12


def test_what_is_newer_than_the_delay_is_left_for_later() -> None:
    cluster = Cluster(documents([30 * 60_000 - 30_000, 30 * 60_000 - 90_000]))
    with Peer({"*": cluster}) as peer:
        pages = list(source(peer.url, fold_after=0).read({}))
        assert [record.reference for page in pages for record in page.records] == ["logs-shop/id-0001"]
        assert list(source(peer.url).read(pages[-1].cursor)) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"timed_out": True},
        {"_shards": {"total": 3, "successful": 2, "failed": 1, "failures": [{"reason": {"reason": "node left"}}]}},
        {"_clusters": {"total": 2, "successful": 1, "skipped": 1}},
    ],
    ids=["time", "shards", "clusters"],
)
def test_an_answer_in_part_is_tried_again(answer: dict[str, Any]) -> None:
    with Peer({"*": Cluster(documents([0]), answer=answer)}) as peer, pytest.raises(SourceUnavailable):
        list(source(peer.url).read({}))


@pytest.mark.django_db
def test_an_answer_in_part_is_taken_with_a_gap_where_the_owner_wants_it() -> None:
    shards = {"total": 3, "successful": 2, "failed": 1, "failures": [{"reason": {"reason": "node left"}}]}
    with Peer({"*": Cluster(documents([0]), answer={"_shards": shards})}) as peer:
        poll(connector=connect(peer, partial=True), now=NOW)
        assert {asked.query["allow_partial_search_results"] for asked in peer.asked if asked.path == "/_search"} == {
            "true"
        }
    assert Event.objects.count() == 1
    assert Gap.objects.get().reason == "Not all was searched: 1 of 3 shards failed, node left."


def test_a_point_in_time_that_is_gone_is_no_fault_of_the_owner() -> None:
    gone = Reply({"error": {"type": "search_context_missing_exception"}}, status=404)
    routes = {"/logs-*/_pit": {"id": "p", "_shards": {"total": 1}}, "/_search": gone, "/_pit": {}}
    with Peer(routes) as peer, pytest.raises(SourceUnavailable, match="point in time is gone"):
        list(source(peer.url).read({}))


def test_an_index_that_is_not_there_is_told_to_the_owner() -> None:
    absent = Reply({"error": {"type": "index_not_found_exception"}}, status=404)
    with Peer({"*": absent}) as peer, pytest.raises(Refused):
        source(peer.url).check()


def test_a_pattern_that_matches_no_index_is_told_to_the_owner() -> None:
    with Peer({"*": Cluster(shards=0)}) as peer, pytest.raises(Misconfigured) as refused:
        source(peer.url).check()
    assert set(refused.value.fields) == {"index"}


def test_a_query_that_is_not_understood_is_told_to_the_owner() -> None:
    routes = {"/logs-*/_pit": {"id": "p"}, "/_search": Reply({"error": "parse_exception"}, status=400)}
    with Peer({**routes, "/_pit": {}}) as peer, pytest.raises(Refused, match="parse_exception"):
        list(source(peer.url).read({}))


def test_too_busy_is_asked_again_later() -> None:
    busy = Reply({"error": {"type": "es_rejected_execution_exception"}}, status=429)
    with Peer({"*": busy}) as peer, pytest.raises(SourceUnavailable):
        list(source(peer.url).read({}))


def test_pages_that_are_too_large_are_asked_for_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_body, "__defaults__", (3_000,))
    cluster = Cluster(documents(list(range(40))), strict=False)
    with Peer({"*": cluster}) as peer:
        records = [record for page in source(peer.url, fold_after=0).read({}) for record in page.records]
    assert len(records) == 40


def test_a_page_that_comes_twice_ends_the_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch_reading, "PAGE", 1)
    same = {"hits": {"hits": [hit(ECS, sort=[1, 1])]}}
    routes = {"/logs-*/_pit": {"id": "p"}, "/_search": turns(same), "/_pit": {}}
    with Peer(routes) as peer, pytest.raises(SourceUnavailable, match="next page"):
        list(source(peer.url).read({}))


@pytest.mark.parametrize(
    ("query", "selected"),
    [
        ("*", {"query_string": {"query": "*"}}),
        ("log.level:error", {"query_string": {"query": "log.level:error"}}),
        ('{"term": {"log.level": "error"}}', {"term": {"log.level": "error"}}),
    ],
)
def test_a_query_is_lucene_s_or_json(query: str, selected: dict[str, Any]) -> None:
    with Peer({"*": Cluster()}) as peer:
        source(peer.url, query=query).check()
        (asked,) = [asked.json() for asked in peer.asked if asked.path == "/_search"]
    assert asked["query"]["bool"]["filter"][1] == selected


@pytest.mark.parametrize(
    ("values", "authorization"),
    [
        ({"api_key": "id:key"}, "ApiKey aWQ6a2V5"),
        ({"api_key": "aWQ6a2V5"}, "ApiKey aWQ6a2V5"),
        ({"user": "ada", "password": "geheim"}, "Basic YWRhOmdlaGVpbQ=="),
    ],
)
def test_credentials_are_sent(values: dict[str, str], authorization: str) -> None:
    with Peer({"*": Cluster()}) as peer:
        source(f"{peer.url}", **values).check()
        assert {asked.headers["authorization"] for asked in peer.asked} == {authorization}


def test_an_index_of_another_cluster_is_asked_for_below_the_address() -> None:
    routes = {"/es/far%3Alogs-*,b/_pit": {"id": "p", "_shards": {"total": 1}}, "/es/_search": {}, "/es/_pit": {}}
    with Peer(routes) as peer:
        source(f"{peer.url}/es", index="far:logs-*,b").check()
        assert [asked.method for asked in peer.asked] == ["POST", "POST", "DELETE"]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"index": " "}, "index"),
        ({"time_field": ""}, "time_field"),
        ({"fields": {"colour": "a"}}, "fields"),
        ({"document_page": "kibana"}, "document_page"),
        ({"query": '{"term": '}, "query"),
        ({"query": "{1}"}, "query"),
        ({"delay": 0}, "delay"),
    ],
)
def test_a_setting_that_cannot_work_is_named(values: dict[str, Any], name: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        source(**values)
    assert set(refused.value.fields) == {name}


def test_a_whole_answer_misses_nothing() -> None:
    assert missing_in(Part({"timed_out": False, "_shards": {"total": 3, "failed": 0, "skipped": 2}})) == ""


def test_a_document_without_a_source_is_a_dead_letter() -> None:
    with pytest.raises(BadRecord):
        decode({"_index": "logs", "_id": "1"})
