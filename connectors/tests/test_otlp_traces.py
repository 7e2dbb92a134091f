"""Which spans become events, and what is said of them."""

from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from connectors.errors import BadRecord
from connectors.sources.otlp_traces import count, drafts
from connectors.tests.otlp import CLIENT, CONSUMER, ERROR, INTERNAL, OK, SERVER, START, exception, span, traces
from events.drafts import EventDraft

BANK = ("bank.errors.TimeoutError", "bank did not answer")


def told(request: ExportTraceServiceRequest, slow_ms: int = 1_000) -> list[EventDraft]:
    found = list(drafts(request, slow_ms=slow_ms))
    assert all(isinstance(draft, EventDraft) for draft in found)
    return [draft for draft in found if isinstance(draft, EventDraft)]


def one(*spans: Span, **resource: str) -> EventDraft:
    (draft,) = told(traces(*spans, **resource))
    return draft


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"status": OK, "events": [exception(*BANK)]},
        {"took_ms": 1_000},
        {"attributes": {"http.response.status_code": 404}},
        {"kind": CLIENT, "attributes": {"http.response.status_code": 503}},
        {"status": OK, "attributes": {"http.response.status_code": 500}},
    ],
    ids=str,
)
def test_a_span_that_went_well_is_no_event(given: dict[str, Any]) -> None:
    assert told(traces(span(**given))) == []


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ({"status": ERROR, "events": [exception(*BANK)]}, "POST /pay failed: TimeoutError: bank did not answer"),
        ({"events": [exception(*BANK)]}, "POST /pay failed: TimeoutError: bank did not answer"),
        ({"events": [exception("A", "first"), exception("B", "last")]}, "POST /pay failed: B: last"),
        ({"events": [exception("B", "one\ntwo")]}, "POST /pay failed: B: one"),
        ({"events": [exception("", "no words")]}, "POST /pay failed: no words"),
        ({"status": ERROR, "said": "card declined\nat once"}, "POST /pay failed: card declined"),
        ({"status": ERROR, "attributes": {"http.response.status_code": 502}}, "POST /pay failed: HTTP 502"),
        ({"attributes": {"http.status_code": 500}}, "POST /pay failed: HTTP 500"),
        ({"status": ERROR}, "POST /pay failed"),
        ({"status": ERROR, "name": " "}, "A span without a name failed"),
        (
            {"status": ERROR, "name": "POST", "attributes": {"http.request.method": "POST", "http.route": "/pay/{id}"}},
            "POST /pay/{id} failed",
        ),
        (
            {"status": ERROR, "name": "HTTP GET", "attributes": {"http.method": "GET", "http.target": "/p?a=1"}},
            "GET /p?a=1 failed",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_title_says_what_failed_and_why(given: dict[str, Any], title: str) -> None:
    draft = one(span(**given))
    assert (draft.title, draft.event_type) == (title, "span_error")


def test_a_slow_span_says_how_long_it_took() -> None:
    draft = one(span(took_ms=2_345.6))
    assert (draft.title, draft.event_type) == ("POST /pay took 2.3 s", "slow_span")
    assert draft.data["duration_ms"] == 2345.6
    assert draft.tags == ("server", "slow")


def test_how_long_is_slow_can_be_set() -> None:
    (draft,) = told(traces(span(took_ms=60)), slow_ms=50)
    assert draft.title == "POST /pay took 60 ms"


def test_a_slow_span_that_failed_is_a_failure_and_tagged_slow() -> None:
    draft = one(span(took_ms=3_000, status=ERROR))
    assert (draft.event_type, draft.tags) == ("span_error", ("server", "slow"))


def test_a_span_whose_clock_went_back_took_no_time() -> None:
    assert one(span(status=ERROR, took_ms=-5)).data["duration_ms"] == 0


@pytest.mark.parametrize(
    ("kind", "parent", "failing", "slow"),
    [
        (SERVER, 9, "high", "medium"),
        (CONSUMER, 9, "high", "medium"),
        (INTERNAL, 0, "high", "medium"),
        (CLIENT, 9, "medium", "low"),
        (INTERNAL, 9, "medium", "low"),
        (77, 9, "medium", "low"),
    ],
)
def test_it_is_worse_where_somebody_waits(kind: int, parent: int, failing: str, slow: str) -> None:
    assert one(span(kind=kind, parent=parent, status=ERROR)).severity == failing
    assert one(span(kind=kind, parent=parent, took_ms=2_000)).severity == slow


def test_only_the_span_that_met_it_tells_it_in_its_title() -> None:
    met = [exception(*BANK)]
    chain = traces(
        span(3, parent=2, name="POST bank", kind=CLIENT, status=ERROR, events=met),
        span(2, parent=1, name="charge", kind=INTERNAL, status=ERROR, events=met),
        span(1, name="POST /pay", status=ERROR),
    )
    assert [draft.title for draft in told(chain)] == [
        "POST bank failed: TimeoutError: bank did not answer",
        "charge failed after POST bank failed",
        "POST /pay failed after charge failed",
    ]
    assert [draft.data.get("exception", {}).get("type") for draft in told(chain)] == [BANK[0], BANK[0], None]


def test_a_span_with_a_reason_of_its_own_keeps_it() -> None:
    chain = traces(
        span(2, parent=1, name="GET cache", kind=CLIENT, status=ERROR, events=[exception("Miss", "no entry")]),
        span(1, status=ERROR, events=[exception("ValueError", "amount is negative")]),
    )
    assert told(chain)[1].title == "POST /pay failed: ValueError: amount is negative"


def test_an_event_carries_what_the_span_and_its_resource_say() -> None:
    stack = 'Traceback (most recent call last):\n  File "/srv/pay.py", line 7, in charge\nTimeoutError: no'
    draft = one(
        span(
            2,
            parent=1,
            status=ERROR,
            said="boom",
            attributes={"http.route": "/pay", "http.response.status_code": 504, "code.namespace": "shop.pay"},
            events=[exception("TimeoutError", "no", stack)],
        ),
        service_name="checkout",
        deployment_environment_name="prod",
    )
    assert (draft.service, draft.component, draft.environment) == ("checkout", "shop.pay", "prod")
    assert draft.tags == ("server", "/pay", "504", "TimeoutError")
    assert draft.source_id == "0102030405060708090a0b0c0d0e0f10/0000000000000002"
    assert draft.timestamp.timestamp() == START / 1e9
    assert draft.data == {
        "duration_ms": 5.0,
        "trace_id": "0102030405060708090a0b0c0d0e0f10",
        "span_id": "0000000000000002",
        "parent_span_id": "0000000000000001",
        "name": "POST /pay",
        "kind": "server",
        "status": "boom",
        "exception": {
            "type": "TimeoutError",
            "message": "no",
            "frames": [{"file": "/srv/pay.py", "line": 7, "function": "charge"}],
            "stack": stack,
        },
        "attributes": {"http.route": "/pay", "http.response.status_code": 504, "code.namespace": "shop.pay"},
        "resource": {"service.name": "checkout", "deployment.environment.name": "prod"},
    }


def test_the_scope_is_the_component_of_a_span_that_names_none() -> None:
    (draft,) = told(traces(span(status=ERROR), scope="django.requests", deployment_environment="staging"))
    assert (draft.component, draft.environment) == ("django.requests", "staging")


def test_a_service_nobody_named_is_none() -> None:
    draft = one(span(status=ERROR), service_name="unknown_service:python")
    assert (draft.service, draft.data.get("resource")) == ("", None)


def test_a_span_told_by_two_routes_is_one_event() -> None:
    draft = one(span(status=ERROR))
    assert draft.content_addressed


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"trace_id": bytes(16)}, "A trace id is missing"),
        ({"trace_id": b"short"}, "A trace id is missing or not 16 bytes long"),
        ({"span_id": b""}, "A span id is missing"),
        ({"start_time_unix_nano": 0}, "A time is missing"),
        ({"end_time_unix_nano": 0}, "A time is missing"),
        ({"end_time_unix_nano": 2**64 - 1}, "later than the year 2199"),
    ],
    ids=str,
)
def test_a_span_that_cannot_be_is_refused_and_the_others_are_not(given: dict[str, Any], why: str) -> None:
    bad, good = drafts(traces(span(1, **given), span(2, status=ERROR)), slow_ms=1_000)
    assert isinstance(bad, BadRecord)
    assert why in bad.message
    assert isinstance(good, EventDraft)


def test_long_texts_are_cut_and_not_refused() -> None:
    long = "x" * 300_000
    draft = one(
        span(
            name=long,
            status=ERROR,
            said=long,
            attributes={"code.namespace": long, "http.route": long, "http.request.method": long},
            events=[exception(long, long, long)],
        ),
        service_name=long,
        deployment_environment_name=long,
    )
    assert len(str(draft.data)) < 200_000


def test_spans_are_counted() -> None:
    assert count(traces(span(1), span(2))) == 2
