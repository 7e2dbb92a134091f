"""What a program can get wrong at the API door: always a 4xx that names the field, never a 500, nothing stored."""

import json
from collections.abc import Callable

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from events.models import Event
from events.tests.factories import EventFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/events"


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def nested(levels: int) -> object:
    value: object = "bottom"
    for _ in range(levels):
        value = {"deeper": value}
    return value


BODIES = {
    "no title": ({}, "title"),
    "empty title": ({"title": "  "}, "title"),
    "title too long": ({"title": "x" * 501}, "title"),
    "title is no text": ({"title": {"en": "x"}}, "title"),
    "unknown severity": ({"title": "x", "severity": "fatal"}, "severity"),
    "unknown source": ({"title": "x", "source": "pigeon"}, "source"),
    "no time": ({"title": "x", "timestamp": "yesterday"}, "timestamp"),
    "before the epoch": ({"title": "x", "timestamp": "1969-12-31T23:59:59Z"}, "timestamp"),
    "far future": ({"title": "x", "timestamp": "9999-12-31T23:59:59-23:59"}, "timestamp"),
    "far past": ({"title": "x", "timestamp": "0001-01-01T00:00:00+23:59"}, "timestamp"),
    "a number for a time": ({"title": "x", "timestamp": 1772356440}, "timestamp"),
    "data is a list": ({"title": "x", "data": [1]}, "data"),
    "data is null": ({"title": "x", "data": None}, "data"),
    "data too deep": ({"title": "x", "data": nested(70)}, "data"),
    "null character": ({"title": "a\x00b"}, "title"),
    "null character within": ({"title": "x", "data": {"log": ["ok", "a\x00b"]}}, "data"),
    "null character in a key": ({"title": "x", "data": {"a\x00b": 1}}, "data"),
    "too many tags": ({"title": "x", "tags": [str(number) for number in range(51)]}, "tags"),
    "tag too long": ({"title": "x", "tags": ["x" * 101]}, "tags.0"),
    "tags are text": ({"title": "x", "tags": "a,b"}, "tags"),
    "address of a script": ({"title": "x", "url": "javascript:alert(1)"}, "url"),
    "unknown field": ({"title": "x", "sevrity": "high"}, "sevrity"),
    "field that is only shown": ({"title": "x", "received_at": "2026-03-01T09:14:00Z"}, "received_at"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_wrong_field_is_named(client: APIClient, case: str) -> None:
    body, field = BODIES[case]
    response = client.post(URL, body)
    assert response.status_code == 400, response.content
    assert list(response.json()["errors"]) == [field]
    assert Event.objects.count() == 0


@pytest.mark.parametrize("case", [case for case in BODIES if case not in ("no title",)])
def test_a_wrong_field_is_named_in_a_change_too(client: APIClient, case: str) -> None:
    body, field = BODIES[case]
    event = EventFactory()
    response = client.patch(f"{URL}/{event.pk}", body)
    assert response.status_code == 400, response.content
    assert list(response.json()["errors"]) == [field]
    event.refresh_from_db()
    assert event.version == 1


def test_a_typo_gets_a_suggestion(client: APIClient) -> None:
    errors = client.post(URL, {"title": "x", "sevrity": "high"}).json()["errors"]
    assert errors == {"sevrity": ["There is no such field. Did you mean severity?"]}


RAW = {
    "not JSON": (b"{title: x}", 400, "parse_error"),
    "nothing": (b" ", 400, "parse_error"),
    "cut short": (b'{"title": "x"', 400, "parse_error"),
    "a list": (b'[{"title": "x"}]', 400, "parse_error"),
    "a text": (b'"x"', 400, "parse_error"),
    "not UTF-8": (b'{"title": "\xff"}', 400, "parse_error"),
    "half a character": (rb'{"title": "\ud800"}', 400, "parse_error"),
    "not a number": (b'{"title": "x", "data": {"a": NaN}}', 400, "parse_error"),
    "endless number": (b'{"title": "x", "data": {"a": ' + b"9" * 5000 + b"}}", 400, "parse_error"),
    "a bomb": (b"[" * 100_000, 400, "parse_error"),
    "too large": (b'{"title": "' + b"x" * 2000 + b'"}', 413, "too_large"),
}


@pytest.mark.parametrize("case", RAW)
def test_a_body_that_cannot_be_read_is_refused(client: APIClient, settings: Settings, case: str) -> None:
    body, status, code = RAW[case]
    if case == "too large":
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = client.post(URL, body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_another_kind_of_body_is_refused(client: APIClient) -> None:
    response = client.post(URL, b"title=x", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


PARAMETERS = {
    "unknown severity": ("severity=fatal", "severity"),
    "one of two unknown": ("severity=high&severity=fatal", "severity"),
    "unknown source": ("source=pigeon", "source"),
    "unknown order": ("sort=title", "sort"),
    "order in SQL": ("sort=timestamp;DROP TABLE events_event", "sort"),
    "no time": ("start=yesterday", "start"),
    "impossible day": ("end=2026-02-30T00:00:00Z", "end"),
    "before the first year": ("start=0001-01-01T00:00:00%2B23:59", "start"),
    "after the last year": ("end=9999-12-31T23:59:59-23:59", "end"),
    "time the wrong way round": ("start=2026-03-02T00:00:00Z&end=2026-03-01T00:00:00Z", "start"),
    "no id": ("investigation_id=42", "investigation_id"),
    "null character": ("service=%00", "service"),
    "null character in the search": ("q=a%00b", "q"),
    "null character in the second tag": ("tag=a&tag=%00", "tag"),
    "endless search": ("q=" + "x" * 501, "q"),
    "rank by nothing": ("sort=rank", "sort"),
    "unknown parameter": ("sevrity=high", "sevrity"),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_a_wrong_parameter_is_named(client: APIClient, case: str) -> None:
    query, name = PARAMETERS[case]
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 400, response.content
    assert list(response.json()["errors"]) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE events_event; --",
        "a & | ! <-> b",
        '"unclosed',
        "((((",
        "%",
        "\\",
        ":*",
        "or or or",
        "-",
        "the",
        "🦊",
    ],
)
def test_whatever_is_searched_for_is_only_text(client: APIClient, text: str) -> None:
    EventFactory()
    assert client.get(URL, {"q": text}).status_code == 200
    assert client.get(URL, {"service": text}).status_code == 200
    assert Event.objects.count() == 1


@pytest.mark.parametrize("wrong", ["42", "not-an-id", "%00", "../../etc/passwd", "0" * 1000])
def test_a_wrong_id_is_not_found(client: APIClient, wrong: str) -> None:
    for response in (client.get(f"{URL}/{wrong}"), client.patch(f"{URL}/{wrong}", {"title": "x"})):
        assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


def test_every_problem_has_the_same_shape(client: APIClient) -> None:
    response = client.post(URL, {"severity": "fatal"}, headers={"X-Request-Id": "quote-me-please"})
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "errors", "request_id"}
    assert (problem["status"], problem["title"], problem["code"]) == (400, "Bad Request", "invalid")
    assert "severity:" in problem["detail"]
    assert problem["request_id"] == response["X-Request-Id"] == "quote-me-please"


def test_a_method_that_is_not_there_is_refused(client: APIClient) -> None:
    response = client.delete(URL)
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in response["Allow"]


def test_a_browser_gets_a_page_and_a_program_json(client: APIClient) -> None:
    page = client.get(URL, headers={"Accept": "text/html"})
    assert page["Content-Type"].startswith("text/html")
    refused = client.get(f"{URL}?page=0", headers={"Accept": "text/html"})
    assert (refused.status_code, refused["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert json.loads(client.get(URL, headers={"Accept": "*/*"}).content)["count"] == 0
