"""Traces are found in New Relic by NRQL, and an error is one though it comes under 200."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import services
from connectors.base import Record
from connectors.errors import BadRecord, Misconfigured, RateLimited, Refused, SourceUnavailable
from connectors.models import Gap
from connectors.polling import poll
from connectors.sources import newrelic
from connectors.sources.newrelic import NewRelic, NewRelicConfig
from connectors.tests.corpus import EMPTIES, STRANGE, escapes, mutilated, places
from connectors.tests.factories import NOW
from connectors.tests.peers import Asked, Peer, Reply
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Invalid

AT = int((NOW - timedelta(minutes=10)).timestamp() * 1_000)
TRACE = "ab" * 16
# As an agent of New Relic tells a span, and as OpenTelemetry's exporter does.
AGENT = {
    "trace.id": TRACE,
    "traceId": TRACE,
    "id": "00000000000000a1",
    "guid": "00000000000000a1",
    "name": "WebTransaction/POST /charge",
    "timestamp": AT,
    "duration": 2.5,
    "duration.ms": 2500,
    "appName": "payments",
    "entity.name": "payments",
    "category": "generic",
    "nr.entryPoint": True,
    "error.class": "shop.Broke",
    "error.message": "balance is 0",
    "http.statusCode": 500,
}
OTEL = {
    "trace.id": TRACE,
    "id": "00000000000000b2",
    "parent.id": "00000000000000a1",
    "name": "SELECT orders",
    "timestamp": AT,
    "duration.ms": 1800.5,
    "service.name": "orders",
    "deployment.environment": "live",
    "span.kind": "client",
    "otel.status_code": "OK",
}
TRACES = {TRACE: [AGENT, OTEL]}


def source(url: str = "http://newrelic", **values: Any) -> NewRelic:
    config = NewRelicConfig.read({"url": url, "user_key": "NRAK-1", "account": 7, **values})
    return NewRelic(config, workspace=Path("unused"), now=NOW)


class NerdGraph:
    """What NerdGraph does with the two queries that are asked: names of traces, and spans of named traces."""

    def __init__(self, traces: dict[str, list[dict[str, Any]]]) -> None:
        self.traces = traces

    def __call__(self, asked: Asked) -> Any:
        variables = asked.json()["variables"]
        assert asked.headers["api-key"] == "NRAK-1"
        assert (variables["account"], asked.path) == (7, "/graphql")
        nrql = variables["nrql"]
        if limit := re.search(r"uniques\(trace.id, (\d+)\)", nrql):
            since, until = (
                (int(found) for found in re.findall(r"(?:SINCE|UNTIL) (\d+)", nrql)) if "UNTIL" in nrql else (0, 2**63)
            )
            names = [
                name for name, spans in self.traces.items() if any(since <= span["timestamp"] < until for span in spans)
            ]
            return told([{"uniques.trace.id": names[: int(limit[1])]}])
        listed = re.findall(r"'([\w-]+)'", nrql)
        return told([span for name in listed for span in self.traces[name]][: int(nrql.rpartition("LIMIT ")[2])])


def told(results: list[Any]) -> dict[str, Any]:
    return {"data": {"actor": {"account": {"nrql": {"results": results}}}}}


def refusal(message: str, kind: str = "") -> dict[str, Any]:
    extensions = {"errorClass": kind} if kind else {}
    empty: dict[str, Any] = {"actor": {"account": {"nrql": None}}}
    return {"data": empty, "errors": [{"message": message, "extensions": extensions}]}


def decode(trace: Any) -> list[EventDraft]:
    return list(source().decode(Record.of("one", "newrelic", trace)))


def test_a_span_of_an_agent_is_understood() -> None:
    failed, slow = decode({"spans": [AGENT, OTEL]})
    assert (failed.event_type, failed.service, failed.severity) == ("span_error", "payments", "high")
    assert "Broke: balance is 0" in failed.title
    assert (failed.data["duration_ms"], failed.data["kind"]) == (2500.0, "server")
    assert "500" in failed.tags
    assert (slow.event_type, slow.service, slow.environment) == ("slow_span", "orders", "live")


def test_a_span_is_the_same_event_as_over_otlp() -> None:
    (failed, _) = decode({"spans": [AGENT, OTEL]})
    assert (failed.data["trace_id"], failed.data["span_id"]) == (TRACE, "00000000000000a1")


def test_an_expected_error_is_no_failure() -> None:
    calm = {**AGENT, "error.expected": True, "http.statusCode": 404, "duration.ms": 1}
    assert decode({"spans": [calm]}) == []


def test_seconds_do_where_milliseconds_are_missing() -> None:
    (slow,) = decode({"spans": [{**OTEL, "duration.ms": None, "duration": 1.5}]})
    assert slow.data["duration_ms"] == 1500.0


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_breaks_it(value: Any) -> None:
    assert escapes({"spans": [AGENT, OTEL]}, value, decode) == []


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_trace_mutilated_is_a_bad_record_at_most(data: st.DataObject) -> None:
    trace = {"spans": [AGENT, OTEL]}
    way = data.draw(st.sampled_from(list(places(trace))))
    try:
        decode(mutilated(trace, way, data.draw(STRANGE)))
    except (BadRecord, Invalid):
        return


@pytest.mark.django_db
def test_traces_are_polled_and_each_span_is_stored_once() -> None:
    with Peer({"*": NerdGraph(TRACES)}) as peer:
        values = {"url": peer.url, "user_key": "NRAK-1", "account": 7, "trace_page": "https://nr.example/{trace}"}
        connector = services.connect(name="traces", kind="newrelic", values=values, actor=None, now=NOW)
        for minute in range(2):
            poll(connector=connector, now=NOW + timedelta(minutes=minute))
    assert sorted(Event.objects.values_list("event_type", "url")) == [
        ("slow_span", f"https://nr.example/{TRACE}"),
        ("span_error", f"https://nr.example/{TRACE}"),
    ]
    assert not Gap.objects.exists()


def test_traces_with_more_spans_than_are_told_at_once_are_read_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newrelic, "MOST_ROWS", 4)
    traces = {
        f"{place:032x}": [{**OTEL, "trace.id": f"{place:032x}", "id": f"{span:016x}"} for span in (1, 2)]
        for place in range(1, 6)
    }
    with Peer({"*": NerdGraph(traces)}) as peer:
        records = list(source(peer.url).fetch(NOW - timedelta(hours=1), NOW))
    assert {record.reference: len(record.value["spans"]) for record in records} == dict.fromkeys(traces, 2)


@pytest.mark.django_db
def test_more_traces_of_one_time_than_are_told_at_once_are_a_gap() -> None:
    traces = {
        f"{place:032x}": [{**OTEL, "trace.id": f"{place:032x}", "name": f"charge {place}"}] for place in range(1, 6)
    }
    with Peer({"*": NerdGraph(traces)}) as peer:
        values = {"url": peer.url, "user_key": "NRAK-1", "account": 7, "limit": 3, "requests_per_second": 1_000}
        connector = services.connect(name="traces", kind="newrelic", values=values, actor=None, now=NOW)
        poll(connector=connector, now=NOW)
    assert Event.objects.count() == 3
    assert Gap.objects.get().reason == "The condition finds 3 traces or more."


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (refusal("NRQL Syntax Error: Error at line 1"), Refused),
        (refusal("no", "INVALID_INPUT"), Refused),
        (refusal("no", "ACCESS_DENIED"), Refused),
        (refusal("slow down", "TOO_MANY_REQUESTS"), RateLimited),
        (refusal("NRDB took too long", "TIMEOUT"), SourceUnavailable),
        (refusal("boom"), SourceUnavailable),
        ({"data": {"actor": {"account": None}}}, Misconfigured),
        (told([])["data"], Misconfigured),
        ({"data": {"actor": {"account": {"nrql": None}}}}, SourceUnavailable),
    ],
    ids=["syntax", "input", "access", "too many", "timeout", "unknown", "account", "no data", "no results"],
)
def test_an_error_under_200_is_one(answer: Any, problem: type[Exception]) -> None:
    with Peer({"*": answer}) as peer, pytest.raises(problem) as raised:
        source(peer.url).check()
    assert type(raised.value) is problem


def test_a_key_that_is_not_accepted_is_told_to_the_owner() -> None:
    with Peer({"*": Reply({"errors": []}, status=401)}) as peer, pytest.raises(Refused, match="credentials"):
        source(peer.url).check()


def test_no_name_of_a_trace_gets_out_of_its_quotes() -> None:
    answers = told([{"uniques.trace.id": ["a' OR 1 = 1", 5, None]}])
    with Peer({"*": answers}) as peer:
        assert list(source(peer.url).fetch(NOW - timedelta(hours=1), NOW)) == []
        assert len(peer.asked) == 1


@pytest.mark.parametrize(
    ("values", "name"), [({"where": " "}, "where"), ({"account": 0}, "account"), ({"trace_page": "nr"}, "trace_page")]
)
def test_a_setting_that_cannot_work_is_named(values: dict[str, Any], name: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        source(**values)
    assert set(refused.value.fields) == {name}
