"""What an event can be found by, whichever way it came in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from connectors import services
from connectors.polling import poll
from connectors.tests.github import decode, delivery_of
from connectors.tests.otlp import ERROR, PROTOBUF, logs, record, span, traces
from connectors.tests.repositories import Repository
from events.services import store
from events.tests.factories import OriginFactory

pytestmark = pytest.mark.django_db
NOON = "2026-03-01T12:00:00Z"
STACK = "\n".join(["TimeoutError: no answer", *(f"  at shop.pay.Step{number}.run(Step.java)" for number in range(90))])
SAID = {"path": "/api/v1/pay", "order_id": "ORD-778899", "upstream": "auth-service", "amount": 4217.5, "attempt": 86421}
LINE = {"ts": NOON, "level": "error", "msg": "payment failed\nthe mainspring broke", "stack": STACK, **SAID}
WORDS = ("/api/v1/pay", "ORD-778899", "auth-service", "4217.5", "86421")
Found = Callable[[str], int]


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def found(client: APIClient) -> Found:
    return lambda text: int(client.get("/api/v1/events/search", {"q": text}).json()["count"])


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path / "data"


def read(kind: str, values: dict[str, Any]) -> None:
    connector = services.connect(name=kind, kind=kind, values=values, actor=None, now=timezone.now())
    poll(connector=connector, now=timezone.now())


def everything(found: Found, *more: str) -> None:
    assert {text: found(text) for text in (*WORDS, *more)} == dict.fromkeys((*WORDS, *more), 1)


def test_a_log_line(found: Found, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(orjson.dumps(LINE) + b"\n")
    read("jsonlines", {"path": str(tmp_path / "app.log")})
    everything(found, "mainspring", '"the mainspring broke"', "TimeoutError", "Step.java")


def test_a_log_record_over_otlp(client: APIClient, found: Found) -> None:
    sent = logs(record(LINE["msg"], attributes={**SAID, "exception.stacktrace": STACK})).SerializeToString()
    assert client.generic("POST", "/otlp/v1/logs", sent, content_type=PROTOBUF).status_code == 200
    everything(found, "mainspring", "TimeoutError")


def test_a_span(client: APIClient, found: Found) -> None:
    sent = traces(span(1, status=ERROR, attributes=SAID)).SerializeToString()
    assert client.generic("POST", "/otlp/v1/traces", sent, content_type=PROTOBUF).status_code == 200
    everything(found)


def test_an_event_over_the_api(client: APIClient, found: Found) -> None:
    assert client.post("/api/v1/events", {"title": "One", "data": LINE}).status_code == 201
    everything(found, "mainspring", "TimeoutError")


def test_events_in_bulk(client: APIClient, found: Found) -> None:
    assert client.post("/api/v1/events/bulk", [{"title": "One", "data": {"deep": [LINE]}}]).status_code == 200
    everything(found, "mainspring", "TimeoutError")


def test_a_commit(found: Found, tmp_path: Path) -> None:
    shop = Repository(tmp_path / "shop")
    shop.commit("Pay later\n\nFor order ORD-778899.\n", {"services/payments/gateway.py": "x\n"})
    read("git", {"url": str(shop.path)})
    texts = ("ORD-778899", "gateway.py", "payments/gateway.py", "services/payments/gateway.py", '"Pay later"')
    assert {text: found(text) for text in texts} == dict.fromkeys(texts, 1)


def test_a_commit_told_by_github(found: Found) -> None:
    commit = {
        "id": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "message": "Pay later\n\nFor order ORD-778899.",
        "timestamp": NOON,
        "modified": ["services/payments/gateway.py"],
    }
    parts: dict[str, Any] = {"ref": "refs/heads/main", "after": commit["id"], "commits": [commit]}
    drafts = decode("push", orjson.dumps(delivery_of(**parts)))
    store(drafts=drafts[:1], origin=OriginFactory(), now=timezone.now())
    texts = ("ORD-778899", "gateway.py", "payments/gateway.py")
    assert {text: found(text) for text in texts} == dict.fromkeys(texts, 1)
