"""SQL injection: whatever somebody gives reaches the database as a value, and is never a part of a statement."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts.models import User
from events.models import Event
from frontend import filters
from tests.security.hostile import INJECTIONS, MARK
from tests.security.routes import WRITES, Row, things
from tests.test_api_roles import CASES, V1, call

__all__ = ["call"]  # a fixture
pytestmark = pytest.mark.django_db
READS = sorted({row[0].partition("?")[0] for row in CASES if row[1] == "GET"})
WITH_IDS = sorted({row[0].partition("?")[0] for row in CASES if "{" in row[0]})
WITH_TEXT = [row for row in WRITES if any(isinstance(value, str) for value in (row[2] or {}).values())]
PAGES = {
    "/investigations/": filters.InvestigationFilter,
    "/events/": filters.EventFilter,
    "/analytics/": None,
    "/connectors/": None,
    "/investigations/{case}/": None,
    "/investigations/{case}/timeline": None,
    "/investigations/{case}/timeline/rows": None,
    "/investigations/{case}/timeline/matches": None,
    "/investigations/{case}/related": filters.InvestigationFilter,
}
ASKED = (
    "q",
    "sort",
    "order",
    "page",
    "after",
    "before",
    "event",
    "pane",
    "days",
    "start",
    "end",
    "newest",
)


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that is sent, without its values."""
    sent: list[str] = []

    def note(execute: Any, sql: Any, params: Any, *rest: Any) -> Any:
        sent.append(str(sql).lower())
        return execute(sql, params, *rest)

    with connection.execute_wrapper(note):
        yield sent


@pytest.fixture
def ids(call: Any, admin: User) -> dict[str, str]:
    return things(call, admin)


def parameters(address: str) -> list[str]:
    """Return the names of what a list of the API may be asked for."""
    generator: Any = SchemaGenerator
    paths = generator().get_schema(public=True)["paths"]
    wanted = re.sub(r"{\w+}", "{}", V1 + address)
    found = [told for path, told in paths.items() if re.sub(r"{\w+}", "{}", path) == wanted]
    fixed = [told for path, told in paths.items() if _fits(path, V1 + address)]
    given = [one for told in (found or fixed) for one in told.get("get", {}).get("parameters", ())]
    return [one["name"] for one in given if one["in"] == "query"]


def _fits(path: str, address: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), address) is not None


def test_the_watch_sees_what_is_spliced_into_a_statement(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", [MARK])
        assert not any(MARK in sql for sql in statements)
        cursor.execute(f"SELECT '{MARK}'")
    assert MARK in statements[-1]


@pytest.mark.parametrize("address", READS)
def test_no_parameter_of_a_list_becomes_a_part_of_a_statement(
    address: str, ids: dict[str, str], api: Any, admin: User, statements: list[str]
) -> None:
    client, there = api(admin), V1 + address.format(**ids)
    client.raise_request_exception = False
    for name in (*parameters(address), "q", "sort"):
        for text in INJECTIONS:
            answer = client.get(there, {name: text})
            assert answer.status_code < 500, (name, text)
    assert [sql for sql in statements if MARK in sql] == []


@pytest.mark.parametrize("address", WITH_IDS)
def test_no_part_of_an_address_becomes_a_part_of_a_statement(
    address: str, ids: dict[str, str], api: Any, admin: User, statements: list[str]
) -> None:
    client = api(admin)
    client.raise_request_exception = False
    for name in re.findall(r"{(\w+)}", address):
        for text in INJECTIONS:
            answer = client.get(V1 + address.format(**{**ids, name: quote(text, safe="")}))
            assert answer.status_code < 500, (name, text)
    assert [sql for sql in statements if MARK in sql] == []


@pytest.mark.parametrize("row", WITH_TEXT, ids=lambda row: f"{row[1]} {row[0]}")
def test_no_field_of_a_body_becomes_a_part_of_a_statement(
    row: Row, ids: dict[str, str], api: Any, admin: User, statements: list[str]
) -> None:
    address, method, body, _ = row
    client = api(admin)
    client.raise_request_exception = False
    given = {name: value.format(**ids) if isinstance(value, str) else value for name, value in body.items()}
    for name in body:
        for text in INJECTIONS:
            answer = getattr(client, method.lower())(V1 + address.format(**ids), {**given, name: text})
            assert answer.status_code < 500, (name, text)
    assert [sql for sql in statements if MARK in sql] == []


@pytest.mark.parametrize("address", PAGES)
def test_no_parameter_of_a_page_becomes_a_part_of_a_statement(
    address: str, ids: dict[str, str], client: Client, admin: User, statements: list[str]
) -> None:
    client.force_login(admin)
    form = PAGES[address]
    for name in {*ASKED, *(form.base_filters if form else ())}:
        for text in INJECTIONS:
            answer = client.get(address.format(**ids), {name: text})
            assert answer.status_code < 500, (name, text)
    assert [sql for sql in statements if MARK in sql] == []


def test_a_view_is_kept_under_any_name_and_shows_nothing_else(
    client: Client, engineer: User, statements: list[str]
) -> None:
    client.force_login(engineer)
    for text in INJECTIONS:
        answer = client.post("/investigations/views", {"name": text, "query": f"q={quote(text)}"}, follow=True)
        assert answer.status_code < 500
        assert answer.status_code != 200 or text in [view.name for view in answer.context["views"]]
    assert [sql for sql in statements if MARK in sql] == []


def test_a_condition_that_is_always_true_finds_nothing(api: Any, engineer: User, ids: dict[str, str]) -> None:
    assert Event.objects.exists()
    for text in INJECTIONS:
        for name in ("q", "service", "component", "environment", "tag"):
            answer = api(engineer).get(f"{V1}/events", {name: text})
            assert answer.status_code == 400 or answer.json()["results"] == [], (name, text)
