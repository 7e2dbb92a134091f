"""What is small to send and large, deep or long to read: refused with a 4xx, or read in bounds; never our fault.

The bounds of each door by itself are tested beside it (see docs/security.md); here all doors get the same bombs.
"""

import gzip
import json
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import credentials
from accounts.models import Scope, User
from connectors import digestion
from connectors.choices import DeliveryState
from connectors.models import Connector, Delivery
from connectors.tests.factories import NOW, SECRET, ConnectorFactory
from events.models import Event

pytestmark = pytest.mark.django_db
WIDE = b"1234567890123456789"  # so wide a number is read by another parser, with a limit of its own


def deep(levels: int, bottom: bytes = b"1", opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + bottom + closing * levels


VALUES = {
    "nested lists": deep(100_000),
    "nested lists, never closed": b"[" * 100_000,
    "nested objects": deep(50_000, opening=b'{"a":', closing=b"}"),
    "nested below the limit of one parser": deep(1_000),
    "nested around a wide number": deep(1_000, WIDE),
    "nested objects around a wide number": deep(900, WIDE, b'{"a":', b"}"),
    "a number without end": b"9" * 100_000,
    "a number beyond all numbers": b"1e999999999",
    "a wide number beyond all numbers": WIDE + b"e999999999",
    "digits without end": b"0." + b"1" * 100_000,
    "not a number": b"NaN",
    "without bounds": b"-Infinity",
    "half a character": rb'"\ud800"',
    "a null": rb'"\u0000"',
}
DOORS = {
    "an event": ("/api/v1/events", b'{"title": "x", "data": {"a": %s}}'),
    "many events": ("/api/v1/events/bulk", b'[{"title": "x", "data": {"a": %s}}]'),
    "a title": ("/api/v1/events", b'{"title": %s}'),
    "an investigation": ("/api/v1/investigations", b'{"title": "x", "metadata": {"a": %s}}'),
    "a token": ("/api/v1/auth/token", b'{"username": %s, "password": "x"}'),
    "a preview": ("/api/v1/connectors/preview", b'{"kind": "webhook", "sample": {"a": %s}}'),
}


@pytest.fixture
def client(api: Any, admin: User) -> APIClient:
    made: APIClient = api(admin)
    made.raise_request_exception = False
    return made


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("door", DOORS)
def test_a_bomb_is_the_senders_fault(client: APIClient, door: str, value: str) -> None:
    address, body = DOORS[door]
    answer = client.post(address, body % VALUES[value], content_type="application/json")
    assert answer.status_code < 500, answer.content[:300]
    assert answer.status_code != 201 or value in {"digits without end"}


@pytest.mark.parametrize("door", DOORS)
def test_a_compressed_bomb_is_blown_up_no_further_than_a_body_may_be(
    client: APIClient, settings: Settings, door: str
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.BULK_MAX_BYTES = 100_000
    address, body = DOORS[door]
    bomb = gzip.compress(body % (b'"' + b"a" * 20_000_000 + b'"'))
    assert len(bomb) < 100_000
    answer = client.post(address, bomb, content_type="application/json", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_bomb_within_a_bomb_is_not_lit(client: APIClient) -> None:
    twice = gzip.compress(gzip.compress(b'{"title": "x"}'))
    for coding in ("gzip", "gzip, gzip"):
        answer = client.post(
            "/api/v1/events", twice, content_type="application/json", headers={"Content-Encoding": coding}
        )
        assert answer.status_code in {400, 415}


def test_of_a_key_that_comes_twice_every_parser_takes_the_same(client: APIClient) -> None:
    # Two readers that disagree about one body are a way around whichever of them checks it.
    for more in (b"", b', "data": {"n": %s}' % WIDE):
        body = b'{"title": "first", "severity": "low", "title": "second"%s}' % more
        answer = client.post("/api/v1/events", body, content_type="application/json")
        assert (answer.status_code, answer.json()["title"]) == (201, "second")


def test_a_key_without_end_is_kept_or_refused_but_breaks_no_list(client: APIClient) -> None:
    answer = client.post("/api/v1/events", {"title": "x", "data": {"k" * 1_000_000: 1}})
    assert answer.status_code in {201, 400}
    assert client.get("/api/v1/events").status_code == 200


def test_an_unknown_field_without_end_is_named_in_an_answer_that_ends(client: APIClient) -> None:
    answer = client.post("/api/v1/events", {"title": "x", **{f"{number}{'k' * 1_000}": 1 for number in range(5_000)}})
    assert answer.status_code == 400
    assert len(answer.content) < 100_000


def test_keys_that_are_made_to_collide_cost_no_more_than_others(client: APIClient) -> None:
    # Integers as text hash at random in each process; as many as this would take minutes if they met in one bucket.
    body = {"title": "x", "data": {str(number * (2**61 - 1)): 0 for number in range(100_000)}}
    assert client.post("/api/v1/events", body).status_code in {201, 400}


BODIES = {
    "webhook": b'{"title": "x", "details": %s}',
    "alertmanager": b'{"version": "4", "status": "firing", "alerts": [{"status": "firing", "labels": %s}]}',
    "opsgenie": b'{"action": "Create", "alert": {"alertId": "1", "message": "x", "details": %s}}',
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("kind", BODIES)
def test_a_delivery_that_is_a_bomb_is_taken_and_ends_as_a_dead_letter_at_worst(kind: str, value: str) -> None:
    made: Connector = ConnectorFactory(name="bombed", kind=kind, config={})
    client = APIClient(raise_request_exception=False)
    proof = {"Authorization": f"Bearer {SECRET}"}
    answer = client.post("/hooks/bombed", BODIES[kind] % VALUES[value], content_type="application/json", headers=proof)
    assert answer.status_code == 202, answer.content
    digestion.digest_pending(now=timezone.now())
    delivery = Delivery.objects.get(connector=made)
    assert delivery.state in {DeliveryState.DIGESTED, DeliveryState.IGNORED, DeliveryState.DEAD}, delivery.state


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize("value", VALUES)
def test_telemetry_that_is_a_bomb_is_the_senders_fault(engineer: User, signal: str, value: str) -> None:
    _, key = credentials.create_key(name="x", user=engineer, scope=Scope.INGEST, actor=None, now=NOW)
    body = b'{"resource%s": [%s]}' % (signal.capitalize().encode(), VALUES[value])
    answer = APIClient(raise_request_exception=False).post(
        f"/otlp/v1/{signal}", body, content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code < 500, answer.content[:300]
    assert Event.objects.count() == 0


def test_a_cursor_that_is_a_bomb_is_no_cursor(client: APIClient) -> None:
    for bomb in ("W" * 100_000, "W1tb" * 3_000):
        answer = client.get("/api/v1/events", {"cursor": bomb})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["cursor"])


def test_a_token_that_is_a_bomb_is_no_token(client: APIClient) -> None:
    header = json.dumps({"alg": "RS256", "kid": "x" * 100_000})
    for token in ("a." * 10_000, f"{header.encode().hex()}.e30.e30", "." * 100_000):
        answer = APIClient(raise_request_exception=False).get(
            "/api/v1/me", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 401
