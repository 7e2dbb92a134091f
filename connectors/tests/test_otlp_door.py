"""The OTLP door: who may tell, in which encodings, and what a client hears."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from pytest_django import Settings
from rest_framework.exceptions import Throttled
from rest_framework.test import APIClient

from accounts.models import User
from connectors import otlp, telemetry
from connectors.tests.otlp import ERROR, JSON, PROTOBUF, example, logs, metrics, record, recorded, span, traces
from events.models import Event
from events.services import store

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]


@pytest.fixture
def client(api: Api, engineer: User) -> APIClient:
    return api(engineer)


def post(client: Any, signal: str, body: bytes, kind: str = PROTOBUF, **headers: str) -> Any:
    return client.generic("POST", f"/otlp/v1/{signal}", body, content_type=kind, headers=headers)


def titles() -> list[str]:
    return sorted(Event.objects.values_list("title", flat=True))


BAD_SPANS = traces(span(1, trace_id=b""), span(2, status=ERROR), span(3, start_time_unix_nano=0), span(4))


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_an_empty_request_is_taken_in_either_encoding(client: APIClient, signal: str, slash: str) -> None:
    answer = post(client, signal + slash, b"")
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, PROTOBUF, b"")
    answer = post(client, signal + slash, b"{}", "application/json; charset=utf-8")
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, JSON, b"{}")


def test_spans_become_events_of_the_origin_otlp(client: APIClient) -> None:
    sent = traces(span(1, status=ERROR), span(2, took_ms=5_000), span(3), service_name="checkout").SerializeToString()
    answer = post(client, "traces", gzip.compress(sent), **{"Content-Encoding": "gzip"})
    assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    assert titles() == ["POST /pay failed", "POST /pay took 5.0 s"]
    assert set(Event.objects.values_list("origin__name", "origin__kind", "source", "service")) == {
        ("OTLP", "api", "traces", "checkout")
    }


def test_what_is_slow_is_a_setting(client: APIClient, settings: Settings) -> None:
    settings.OTLP_SLOW_SPAN_MS = 50
    post(client, "traces", traces(span(1, took_ms=50), span(2, took_ms=51)).SerializeToString())
    assert titles() == ["POST /pay took 51 ms"]


def test_log_records_become_events(client: APIClient) -> None:
    answer = post(client, "logs", logs(record("failed"), record("paid", 9), record("slow", 13)).SerializeToString())
    assert ExportLogsServiceResponse.FromString(answer.content) == ExportLogsServiceResponse()
    assert titles() == ["failed", "slow"]


def test_what_is_sent_again_is_stored_once(client: APIClient) -> None:
    for _ in range(2):
        assert post(client, "traces", traces(span(status=ERROR)).SerializeToString()).status_code == 200
        assert post(client, "logs", logs(record(), record()).SerializeToString()).status_code == 200
    assert titles() == ["POST /pay failed", "failed"]


def test_both_encodings_tell_of_the_same_events(client: APIClient) -> None:
    body = example("trace.json").replace(b'"kind": 2', b'"kind": 2, "status": {"code": 2}')
    assert post(client, "traces", body, JSON).status_code == 200
    assert post(client, "traces", body.replace(b"EEE19B7EC3C1B174", b"eee19b7ec3c1b174"), JSON).status_code == 200
    assert titles() == ["I'm a server span failed"]


def test_what_the_sdk_sent_is_taken_as_it_was_sent(client: APIClient) -> None:
    for signal in ("traces", "logs"):
        body = recorded(f"{signal}.pb.gz").read_bytes()
        assert post(client, signal, body, **{"Content-Encoding": "gzip"}).content == b""
    assert set(titles()) == {"POST /checkout failed: HTTP 500", "failed to charge order 42", "slow"}


def test_items_that_cannot_be_are_named_and_the_others_stored(client: APIClient) -> None:
    answer = post(client, "traces", BAD_SPANS.SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 2)
    assert partial.error_message == "A trace id is missing or not 16 bytes long."
    assert titles() == ["POST /pay failed"]


def test_partial_success_in_json(client: APIClient) -> None:
    body = example("logs.json").replace(b"1544712660300000000", b"0")
    assert post(client, "logs", body, JSON).json() == {
        "partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "A time is missing."}
    }


def test_a_point_without_a_time_is_rejected_with_the_reason(client: APIClient) -> None:
    request = metrics(2)
    request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].time_unix_nano = 0
    answer = post(client, "metrics", request.SerializeToString())
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert (partial.rejected_data_points, partial.error_message) == (1, "A time is missing.")


def test_metrics_as_json_are_taken_compressed_and_garbage_is_not(client: APIClient) -> None:
    body = gzip.compress(example("metrics.json"))
    assert post(client, "metrics", body, JSON, **{"Content-Encoding": "gzip"}).status_code == 200
    assert post(client, "metrics", b"\xff").status_code == 400


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_what_cannot_be_decoded_is_400_in_the_encoding_of_the_request(client: APIClient, signal: str) -> None:
    answer = post(client, signal, b"\xff")
    assert (answer.status_code, answer["Content-Type"]) == (400, PROTOBUF)
    assert "not a protobuf" in Status.FromString(answer.content).message
    answer = post(client, signal, b"[", JSON)
    assert (answer.status_code, answer["Content-Type"]) == (400, JSON)
    assert "not JSON" in answer.json()["message"]
    assert "Retry-After" not in answer


def test_who_is_not_there_is_401_and_nothing_is_read(api: Api) -> None:
    answer = post(api(None), "traces", b"\xff")
    assert (answer.status_code, answer["Content-Type"]) == (401, PROTOBUF)
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert Status.FromString(answer.content).code == 16
    assert post(api(None), "logs", b"[", JSON).json()["code"] == 16


def test_who_may_not_create_events_is_403(api: Api, user: User) -> None:
    answer = post(api(user), "traces", b"", JSON)
    assert (answer.status_code, answer.json()) == (403, {"code": 7, "message": "The role user may not create event."})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/grpc", ""])
def test_another_media_type_is_415(client: APIClient, kind: str) -> None:
    assert post(client, "traces", b"x", kind).status_code == 415


def test_another_compression_is_415(client: APIClient) -> None:
    answer = post(client, "traces", b"x", JSON, **{"Content-Encoding": "br"})
    assert (answer.status_code, answer.json()["message"]) == (415, "Content-Encoding may be gzip or identity, not br.")


def test_a_client_that_takes_other_types_only_gets_its_own_all_the_same(client: APIClient) -> None:
    assert post(client, "traces", b"", Accept="text/html").status_code == 200


def test_the_limit_holds_after_decompression(client: APIClient, settings: Settings) -> None:
    settings.OTLP_MAX_BYTES = 1_000
    body = gzip.compress(logs(record("x" * 2_000)).SerializeToString())
    answer = post(client, "logs", body, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, "Retry-After" in answer) == (413, False)
    assert "1,000 bytes" in Status.FromString(answer.content).message


def test_a_request_of_too_many_items_is_413(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MAX_ITEMS", 1)
    answer = post(client, "logs", logs(record(), record("two")).SerializeToString())
    assert answer.status_code == 413
    assert "1 log records" in Status.FromString(answer.content).message
    assert titles() == []


@pytest.mark.parametrize("method", ["get", "put", "delete", "options", "head"])
def test_only_post_is_answered(client: APIClient, method: str) -> None:
    answer = getattr(client, method)("/otlp/v1/traces")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_database_that_does_not_answer_is_503_and_stores_nothing(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(**_: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(telemetry, "store", gone)
    answer = post(client, "traces", traces(span(status=ERROR)).SerializeToString())
    assert (answer.status_code, answer["Retry-After"]) == (503, str(otlp.RETRY_AFTER))
    assert Status.FromString(answer.content).code == 14
    assert titles() == []


def test_a_client_under_pressure_is_told_when_to_come_back(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> None:
        raise Throttled(wait=6)

    monkeypatch.setattr(otlp, "keep", full)
    answer = post(client, "logs", b"{}", JSON)
    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (429, "6", 8)


def test_an_error_of_ours_is_not_hidden(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise ImproperlyConfigured("ours")

    monkeypatch.setattr(otlp, "keep", broken)
    client.raise_request_exception = False
    answer = post(client, "logs", b"")
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")


def test_it_is_stored_whole_or_not_at_all(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fails_in_the_end(**given: Any) -> Any:
        calls.append(len(given["drafts"]))
        if len(calls) == 3:
            raise OperationalError("gone")
        return store(**given)

    monkeypatch.setattr(telemetry, "store", fails_in_the_end)
    monkeypatch.setattr(telemetry, "BATCH", 2)
    body = logs(*(record(f"failed {number}") for number in range(5))).SerializeToString()
    assert post(client, "logs", body).status_code == 503
    assert (calls, titles()) == ([2, 2, 1], [])
    assert post(client, "logs", body).status_code == 200
    assert len(titles()) == 5


def test_a_request_of_a_thousand_takes_as_many_queries_as_one_of_two(
    client: APIClient, django_assert_num_queries: Any, settings: Settings
) -> None:
    settings.EVENT_QUEUE_LIMIT = 0  # else it depends on the clock whether the queue is looked at
    post(client, "logs", logs(record()).SerializeToString())
    for size in (2, 1_000):
        body = logs(*(record(f"{size}, {number}") for number in range(size))).SerializeToString()
        with django_assert_num_queries(7):
            assert post(client, "logs", body).status_code == 200


def test_what_is_of_no_interest_writes_nothing(
    client: APIClient, django_assert_num_queries: Any, settings: Settings
) -> None:
    settings.EVENT_QUEUE_LIMIT = 0
    post(client, "logs", logs(record()).SerializeToString())
    with django_assert_num_queries(3):
        assert post(client, "traces", traces(span()).SerializeToString()).status_code == 200
