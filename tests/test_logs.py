"""What a line of the log tells of a request, and what it never tells."""

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
from django.test import Client
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts.models import User
from rcaplatform.kit.logging import with_trace

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as caught:
        yield caught


def the_request(lines: list[MutableMapping[str, Any]]) -> MutableMapping[str, Any]:
    (line,) = [line for line in lines if line["event"] == "request"]
    return line


def test_a_request_of_the_api_is_told_with_its_route_and_who_asked(
    api: Callable[[User], APIClient], engineer: User, lines: list[MutableMapping[str, Any]]
) -> None:
    api(engineer).get("/api/v1/events/00000000-0000-7000-8000-000000000000?q=hunter2")
    line = the_request(lines)
    assert (line["method"], line["status"], line["user"]) == ("GET", 404, str(engineer.pk))
    assert line["route"].startswith("api/v1/")
    assert line["queries"] >= 1
    assert line["ms"] > 0


def test_what_was_searched_for_is_not_told(
    api: Callable[[User], APIClient], engineer: User, lines: list[MutableMapping[str, Any]]
) -> None:
    api(engineer).get("/api/v1/events?search=hunter2")
    assert "hunter2" not in str(lines)


def test_telling_who_asked_costs_no_statement(client: Client, lines: list[MutableMapping[str, Any]]) -> None:
    client.get("/.well-known/jwks.json")
    line = the_request(lines)
    assert (line["user"], line["queries"]) == (None, 0)


def test_a_line_tells_the_trace_it_belongs_to() -> None:
    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1)))
    with trace.use_span(span):
        assert with_trace(None, "", {"event": "x"})["trace_id"] == f"{0xABC:032x}"


def test_a_line_outside_a_trace_tells_none() -> None:
    assert with_trace(None, "", {"event": "x"}) == {"event": "x"}
