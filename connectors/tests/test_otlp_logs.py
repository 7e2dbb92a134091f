"""Which log records become events, and what is said of them."""

from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from connectors.errors import BadRecord
from connectors.sources.otlp_logs import count, drafts
from connectors.tests.otlp import START, logs, record
from events.drafts import EventDraft


def told(*records: LogRecord, **resource: str) -> list[EventDraft]:
    found = list(drafts(logs(*records, **resource)))
    assert all(isinstance(draft, EventDraft) for draft in found)
    return [draft for draft in found if isinstance(draft, EventDraft)]


@pytest.mark.parametrize(
    ("number", "text", "severity"),
    [
        (0, "", None),
        (0, "INFO", None),
        (0, "warning", "medium"),
        (0, "FATAL", "critical"),
        (1, "", None),
        (9, "", None),
        (12, "ERROR", None),
        (13, "", "medium"),
        (16, "", "medium"),
        (17, "INFO", "high"),
        (20, "", "high"),
        (21, "", "critical"),
        (24, "", "critical"),
    ],
)
def test_the_number_decides_and_the_text_where_there_is_none(number: int, text: str, severity: str | None) -> None:
    assert [draft.severity for draft in told(record("paid", number, text))] == ([severity] if severity else [])


@pytest.mark.parametrize(
    "given",
    [
        {"body": "panic: no more connections"},
        {"attributes": {"exception.type": "TimeoutError"}},
        {"body": {"message": "paid", "error": "TimeoutError: no answer"}},
    ],
    ids=str,
)
def test_a_failure_told_as_information_is_a_failure(given: dict[str, Any]) -> None:
    assert [draft.severity for draft in told(record(number=9, **{"body": "paid", **given}))] == ["high"]


def test_who_writes_debug_means_it() -> None:
    assert told(record("panic: tested", 5)) == []


def test_an_attribute_does_not_outrank_the_record() -> None:
    attributes = {"levelname": "debug", "level": "info", "message": "not this", "trace_id": "not this"}
    (draft,) = told(record("this", 17, trace_id=bytes(range(16)), attributes=attributes))
    assert (draft.title, draft.severity) == ("this", "high")
    assert draft.data["trace_id"] == bytes(range(16)).hex()


def test_an_event_carries_exception_context_and_where_it_came_from() -> None:
    stack = 'Traceback (most recent call last):\n  File "/srv/pay.py", line 7, in charge\nTimeoutError: no'
    attributes = {
        "exception.type": "TimeoutError",
        "exception.message": "no",
        "exception.stacktrace": stack,
        "http.request.id": "r-1",
        "user.id": "u-1",
        "cart": {"items": [1, 2.5, True, None]},
    }
    (draft,) = told(
        record("charging failed", 17, attributes=attributes, span_id=b"\1" * 8, event_name="charge"),
        service_name="checkout",
        deployment_environment_name="prod",
    )
    assert (draft.source, draft.event_type, draft.title) == ("logs", "log_error", "charging failed")
    assert (draft.service, draft.environment, draft.tags) == ("checkout", "prod", ("TimeoutError",))
    assert draft.timestamp.timestamp() == START / 1e9
    assert draft.data == {
        "message": "charging failed",
        "level": "error",
        "span_id": "01" * 8,
        "request_id": "r-1",
        "user": "u-1",
        "exception": {
            "type": "TimeoutError",
            "message": "no",
            "frames": [{"file": "/srv/pay.py", "line": 7, "function": "charge"}],
            "stack": stack,
        },
        "event_name": "charge",
        "attributes": {"http.request.id": "r-1", "user.id": "u-1", "cart": {"items": [1, 2.5, True, None]}},
        "resource": {"service.name": "checkout", "deployment.environment.name": "prod"},
    }


def test_a_body_may_be_an_object() -> None:
    (draft,) = told(record({"msg": "no stock", "sku": 7}, 13))
    assert (draft.title, draft.data["record"]) == ("no stock", {"msg": "no stock", "sku": 7})


@pytest.mark.parametrize("body", [None, "", 7, [1, "two"], {}, b"\xff", 1.5], ids=repr)
def test_a_body_may_be_anything(body: Any) -> None:
    assert len(told(record(body, 17))) == 1


def test_the_scope_is_the_logger() -> None:
    (draft,) = (draft for draft in drafts(logs(record(), scope="shop.pay")) if isinstance(draft, EventDraft))
    assert (draft.component, draft.data["logger"]) == ("shop.pay", "shop.pay")


def test_a_record_without_a_time_has_the_time_it_was_observed() -> None:
    (draft,) = told(record(time_unix_nano=0, observed_time_unix_nano=START))
    assert draft.timestamp.timestamp() == START / 1e9


@pytest.mark.parametrize(("nanoseconds", "why"), [(0, "missing"), (2**64 - 1, "later than the year 2199")])
def test_a_record_without_a_possible_time_is_refused_and_the_others_are_not(nanoseconds: int, why: str) -> None:
    bad, good = drafts(logs(record(number=9, time_unix_nano=nanoseconds), record()))
    assert isinstance(bad, BadRecord)
    assert why in bad.message
    assert isinstance(good, EventDraft)


def test_a_record_sent_again_is_the_same_and_any_difference_makes_another() -> None:
    others = [
        logs(record(), service_name="checkout"),
        logs(record(), service_name="cart"),
        logs(record(), service_name="checkout", scope="x"),
        logs(record("other"), service_name="checkout"),
        logs(record(time_unix_nano=START + 1), service_name="checkout"),
        logs(record(observed_time_unix_nano=START), service_name="checkout"),
        logs(record(attributes={"a": 1}), service_name="checkout"),
    ]
    names = [draft.source_id for request in others for draft in drafts(request) if isinstance(draft, EventDraft)]
    assert len(set(names)) == len(others)
    again = next(iter(drafts(logs(record(), service_name="checkout"))))
    assert isinstance(again, EventDraft)
    assert again.source_id == names[0]


def test_records_are_counted() -> None:
    assert count(logs(record(), record())) == 2
