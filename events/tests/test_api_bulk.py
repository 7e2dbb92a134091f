"""Many events in one call: the good ones are stored, the others are told why not, and nothing is stored twice."""

import gzip
import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from events import services
from events.api import telling
from events.models import Event
from events.tests.test_api_bad_input import BODIES

pytestmark = pytest.mark.django_db
ONE = "/api/v1/events"
URL = f"{ONE}/bulk"
LINES = "application/x-ndjson"


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def lines(*items: Any) -> bytes:
    return b"\n".join(item if isinstance(item, bytes) else json.dumps(item).encode() for item in items)


def some(number: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"title": f"Event {index}", "source": "ci", "source_id": f"b-{index}"} | fields for index in range(number)]


def tally(response: Any) -> tuple[int, int, int, int]:
    assert response.status_code == 200, response.content
    body = response.json()
    return body["received"], body["stored"], body["duplicates"], body["refused"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_array_of_events_is_stored(client: APIClient, slash: str) -> None:
    assert tally(client.post(URL + slash, some(3))) == (3, 3, 0, 0)
    assert Event.objects.count() == 3


def test_one_event_a_line_is_stored_and_empty_lines_are_passed_over(client: APIClient) -> None:
    body = lines(*some(2)) + b"\r\n\n  \n" + lines(*some(3)) + b"\n"
    assert tally(client.post(URL, body, content_type=LINES)) == (5, 3, 2, 0)


def test_an_event_of_many_is_like_an_event_alone(client: APIClient) -> None:
    told = {
        "timestamp": "2026-03-01T10:14:00+01:00",
        "source": "ci",
        "source_id": "build-42",
        "event_type": "build_failure",
        "title": " Build\t42 \\ failed\n",
        "severity": "high",
        "tags": ["b", 'quo"ted, {brace}', "b", "back\\slash"],
        "url": "http://jenkins:8080/job/42",
        "data": {"number": 123456789012345678901234567890, "text": "a\tb\nc\\N"},
        "raw_data": ["as", "received"],
        "metadata": {"team": "ünï 🔥"},
    }
    client.post(URL, [told])
    assert client.post(ONE, {**told, "source_id": "build-43"}).status_code == 201
    many, alone = Event.objects.order_by("source_id").values()
    ours = {"id", "dedupe_key", "source_id", "keywords", "search", "received_at", "parsed_at", "updated_at"}
    assert {name: many[name] for name in many.keys() - ours} == {name: alone[name] for name in alone.keys() - ours}
    assert many["title"] == "Build\t42 \\ failed"


def test_the_good_are_stored_though_others_are_bad(client: APIClient) -> None:
    body = lines(
        {"title": "good", "source_id": "1"}, {"source_id": "2"}, b'{"title": "cut sh', b"7", {"title": "good too"}
    )
    response = client.post(URL, body, content_type=LINES)
    assert tally(response) == (5, 2, 0, 3)
    first, *others = response.json()["errors"]
    assert first == {"index": 1, "source_id": "2", "errors": {"title": ["This field is required."]}}
    assert [(other["index"], list(other["errors"])) for other in others] == [(2, [""]), (3, [""])]


@pytest.mark.parametrize("kind", [LINES, "application/json"])
@pytest.mark.parametrize("case", BODIES)
def test_a_bad_item_is_told_the_same_at_both_doors(client: APIClient, case: str, kind: str) -> None:
    item, field = BODIES[case]
    alone = client.post(ONE, item).json()["errors"]
    body = lines(item, {"title": "good"}) if kind == LINES else json.dumps([item, {"title": "good"}])
    response = client.post(URL, body, content_type=kind)
    assert tally(response) == (2, 1, 0, 1)
    (refused,) = response.json()["errors"]
    assert (refused["index"], refused["errors"]) == (0, alone)
    assert list(alone) == [field]


def test_when_all_are_bad_the_problem_carries_the_report(client: APIClient) -> None:
    response = client.post(URL, [{"title": ""}, {"titel": "x"}])
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    report = response.json()["report"]
    assert (report["received"], report["stored"], report["refused"], len(report["errors"])) == (2, 0, 2, 2)


def test_a_hundred_errors_are_told_and_the_rest_counted(client: APIClient) -> None:
    response = client.post(URL, [{"title": ""}] * 150 + some(1))
    assert tally(response) == (151, 1, 0, 150)
    assert len(response.json()["errors"]) == 100


def test_an_item_of_unknown_fields_is_told_of_a_few(client: APIClient) -> None:
    response = client.post(URL, [dict.fromkeys(map(str, range(5_000)), 1)])
    assert len(response.json()["report"]["errors"][0]["errors"]) == 20


@pytest.mark.parametrize("body", [b"", b" \n\n", b"[]"])
def test_nothing_told_is_nothing_stored(client: APIClient, body: bytes) -> None:
    kind = "application/json" if body == b"[]" else LINES
    assert tally(client.post(URL, body, content_type=kind)) == (0, 0, 0, 0)


RAW = {
    "not an array": (b'{"title": "x"}', "application/json", 400),
    "array cut short": (b'[{"title": "x"}, {"ti', "application/json", 400),
    "a form": (b"title=x", "application/x-www-form-urlencoded", 415),
    "too many items": (b"[" + b"1," * 10_000 + b"1]", "application/json", 413),
    "too many lines": (b"1\n" * 10_001, LINES, 413),
    "too many empty lines": (b"\n" * 10_001 + b"1", LINES, 413),
}


@pytest.mark.parametrize("case", RAW)
def test_a_body_that_cannot_be_read_stores_nothing(client: APIClient, case: str) -> None:
    body, kind, status = RAW[case]
    response = client.post(URL, body, content_type=kind)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("kind", [LINES, "application/json"])
def test_a_compressed_body_is_read(client: APIClient, kind: str) -> None:
    body = lines(*some(3)) if kind == LINES else json.dumps(some(3)).encode()
    packed = gzip.compress(body[:20]) + gzip.compress(body[20:])
    response = client.post(URL, packed, content_type=kind, headers={"Content-Encoding": "gzip"})
    assert tally(response) == (3, 3, 0, 0)
    one = gzip.compress(json.dumps(some(1)[0]).encode())
    again = client.post(ONE, one, content_type="application/json", headers={"Content-Encoding": "gzip"})
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (gzip.compress(b" " * 40_000_000), "gzip", 413),
        (gzip.compress(lines(*some(3)))[:-9], "gzip", 400),
        (b"never compressed", "gzip", 400),
        (b"", "br", 200),
        (b"x", "br", 415),
    ],
    ids=["a bomb", "cut short", "not compressed", "nothing", "another coding"],
)
def test_a_compressed_body_is_read_within_bounds(client: APIClient, body: bytes, coding: str, status: int) -> None:
    response = client.post(URL, body, content_type=LINES, headers={"Content-Encoding": coding})
    assert response.status_code == status
    assert Event.objects.count() == 0


def test_a_body_that_is_too_large_is_refused(client: APIClient, settings: Settings) -> None:
    settings.BULK_MAX_BYTES = 1_000
    assert client.post(URL, some(100)).status_code == 413


def test_a_call_repeated_after_its_answer_was_lost_stores_nothing_twice(client: APIClient) -> None:
    told = [{"title": "no id"}, {"title": "no id either"}, *some(1)]
    first = client.post(URL, told, headers={"Idempotency-Key": "call-1"})
    again = client.post(URL, told, headers={"Idempotency-Key": "call-1"})
    assert (tally(first), tally(again)) == ((3, 3, 0, 0), (3, 0, 3, 0))
    assert tally(client.post(URL, told, headers={"Idempotency-Key": "call-2"})) == (3, 2, 1, 0)
    assert tally(client.post(URL, told)) == (3, 2, 1, 0)


def test_one_event_told_again_under_its_key_is_stored_once(client: APIClient) -> None:
    first, again = (client.post(ONE, {"title": "no id"}, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_the_same_key_of_two_clients_is_two_keys(
    client: APIClient, api: Callable[[User | None], APIClient], admin: User
) -> None:
    for who in (client, api(admin)):
        assert tally(who.post(URL, [{"title": "x"}], headers={"Idempotency-Key": "1"})) == (1, 1, 0, 0)


def test_a_key_without_end_is_refused(client: APIClient) -> None:
    response = client.post(URL, some(1), headers={"Idempotency-Key": "k" * 201})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["Idempotency-Key"])


def test_a_call_cut_off_in_the_middle_can_be_repeated(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "AT_ONCE", 2)
    whole, calls = services.take, iter(range(9))

    def once(**given: Any) -> services.Stored:
        if next(calls):
            raise OperationalError("gone")
        return whole(**given)

    with patch.object(services, "take", once):
        assert client.post(URL, some(5)).status_code == 503
    assert Event.objects.count() == 2
    assert tally(client.post(URL, some(5))) == (5, 3, 2, 0)


def test_the_trail_has_one_entry_for_a_call(client: APIClient, engineer: User) -> None:
    client.post(URL, some(3))
    client.post(URL, some(3))
    entry = AuditEntry.objects.get(verb="create events")
    assert (entry.actor, entry.target_type, entry.change) == (engineer, "origin", {"events": [0, 3]})


def test_a_hundred_events_cost_as_many_queries_as_ten(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries, settings: Settings
) -> None:
    settings.EVENT_QUEUE_LIMIT = 0  # else it depends on the clock whether the queue is looked at
    client.post(URL, some(1))
    # Origin, savepoint, stage, copy, move, clear, trail, release.
    with django_assert_num_queries(8):
        client.post(URL, some(100, source="logs"))
    with django_assert_num_queries(8):
        client.post(URL, some(10, source="git"))


def test_one_event_costs_a_handful_of_queries(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries, settings: Settings
) -> None:
    settings.EVENT_QUEUE_LIMIT = 0
    client.post(ONE, {"title": "x"})
    with django_assert_num_queries(2):  # origin, the event with its entry in the trail
        client.post(ONE, {"title": "y"})
