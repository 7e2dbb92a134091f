"""Spans told over OTLP say who calls whom: each call is counted once, however often it is sent."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rest_framework.test import APIClient

from accounts.models import User
from connectors import telemetry
from connectors.sources.otlp_calls import calls
from connectors.tests.otlp import CLIENT, ERROR, JSON, PROTOBUF, SERVER, START, as_json, span, traces
from events.models import CountedCalls, Dependency, Event

Told = list[tuple[str, str, int, int]]


def request(*told: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Return requests of several services as one, as a Collector sends them."""
    together = ExportTraceServiceRequest()
    for one in told:
        together.MergeFrom(one)
    return together


def checkout(peer: str = "", **given: Any) -> ExportTraceServiceRequest:
    named = {"peer.service": peer} if peer else {}
    asks = span(2, parent=1, kind=CLIENT, attributes=named, took_ms=30, **given)
    return traces(span(1), asks, service_name="checkout", deployment_environment_name="prod")


def payments(**given: Any) -> ExportTraceServiceRequest:
    answers = span(3, parent=2, kind=SERVER, took_ms=20, **given)
    return traces(answers, span(4, parent=3), service_name="payments", deployment_environment_name="prod")


def told(message: ExportTraceServiceRequest) -> Told:
    return [(one.caller, one.callee, one.calls, one.errors) for one in calls(message)[1]]


def test_a_span_whose_parent_is_of_another_service_is_a_call() -> None:
    _, (one,) = calls(request(checkout(), payments(status=ERROR)))
    assert (one.caller, one.callee, one.environment, one.calls, one.errors) == ("checkout", "payments", "prod", 1, 1)
    assert one.hour == datetime.fromtimestamp(START // 10**9 // 3_600 * 3_600, UTC)
    assert one.durations[5] == 1


def test_a_client_that_names_its_peer_stands_for_the_call_where_the_other_side_is_told_elsewhere() -> None:
    assert told(checkout("payments", status=ERROR)) == [("checkout", "payments", 1, 1)]
    assert told(payments()) == []


def test_a_call_of_which_both_sides_are_told_is_counted_on_one() -> None:
    assert told(request(checkout("payments"), payments())) == [("checkout", "payments", 1, 0)]


@pytest.mark.parametrize(
    "message",
    [
        checkout(),
        checkout("checkout"),
        checkout("payments", trace_id=b"short"),
        checkout("payments", start_time_unix_nano=0),
        traces(span(1), span(2, parent=1, kind=CLIENT, attributes={"peer.service": "payments"})),
        request(checkout(), traces(span(3, parent=2))),
        ExportTraceServiceRequest(),
    ],
    ids=["no peer", "itself", "a bad id", "no time", "no name", "a nameless service", "nothing"],
)
def test_what_is_no_call_between_services_is_none(message: ExportTraceServiceRequest) -> None:
    assert calls(message) == ("", [])


@pytest.fixture
def client(api: Callable[[User], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def post(client: Any, message: ExportTraceServiceRequest, kind: str = PROTOBUF) -> int:
    body = message.SerializeToString() if kind == PROTOBUF else as_json(message)
    answer = client.generic("POST", "/otlp/v1/traces", body, content_type=kind)
    return int(answer.status_code)


def counted() -> Told:
    return list(Dependency.objects.order_by("caller").values_list("caller", "callee", "calls", "errors"))


@pytest.mark.django_db
def test_a_batch_that_is_sent_again_is_counted_once_in_whatever_order_and_encoding(client: APIClient) -> None:
    assert post(client, request(checkout(), payments())) == 200
    assert post(client, request(payments(), checkout())) == 200
    assert post(client, request(checkout(), payments()), JSON) == 200
    assert counted() == [("checkout", "payments", 1, 0)]
    other = request(traces(span(7), service_name="checkout"), traces(span(8, parent=7), service_name="payments"))
    post(client, other)
    assert sum(calls for _, _, calls, _ in counted()) == 2


@pytest.mark.django_db
def test_calls_are_counted_with_the_events_of_their_request_or_not_at_all(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(**_: Any) -> None:
        raise OperationalError("gone")

    message = request(checkout(), payments(status=ERROR))
    with monkeypatch.context() as broken:
        broken.setattr(telemetry, "count_calls", gone)
        assert post(client, message) == 503
    assert (Event.objects.count(), counted()) == (0, [])
    assert post(client, message) == 200
    assert (Event.objects.count(), counted()) == (1, [("checkout", "payments", 1, 1)])


@pytest.mark.django_db
def test_spans_without_a_call_leave_no_trace_in_the_topology(client: APIClient) -> None:
    assert post(client, payments()) == 200
    assert (counted(), CountedCalls.objects.count()) == ([], 0)


@pytest.mark.django_db
def test_the_topology_answers_with_calls_told_over_otlp(client: APIClient) -> None:
    post(client, request(checkout(), payments()))
    day = datetime.fromtimestamp(START // 10**9, UTC).date()
    answer = client.get(
        "/api/v1/topology", {"service": "payments", "start": f"{day}T00:00:00Z", "end": f"{day}T23:59:59Z"}
    )
    assert "checkout" in answer.content.decode()
