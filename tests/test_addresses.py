"""The fixed addresses: where each thing answers, with or without a slash, and what is said when nothing does."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from openapi_spec_validator import validate
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from events.tests.factories import EventFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def outsider() -> APIClient:
    return APIClient()


def test_a_process_that_lives_says_so_without_asking_anybody(
    outsider: APIClient, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        answer = outsider.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_process_that_can_work_says_what_it_found(outsider: APIClient) -> None:
    answer = outsider.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "redis": "ok", "migrations": "ok"}


def test_without_redis_a_process_is_not_ready_and_says_so(outsider: APIClient, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = outsider.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "redis": "unreachable", "migrations": "ok"}


def test_without_the_database_a_process_is_not_ready_and_says_so(
    outsider: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", gone)
    answer = outsider.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "unreachable", "redis": "ok", "migrations": "unknown"}


def test_with_a_migration_to_come_a_process_is_not_ready(outsider: APIClient) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations m WHERE app = 'accounts' AND NOT EXISTS"
            " (SELECT FROM django_migrations later WHERE later.app = m.app AND later.name > m.name)"
        )
    answer = outsider.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["migrations"]) == (503, "1 pending")


def test_metrics_count_requests(outsider: APIClient) -> None:
    outsider.get("/healthz")
    text = outsider.get("/metrics").content.decode()
    assert re.search(r"^django_http_requests_total_by_method_total\{method=\"GET\"\} [1-9]", text, re.MULTILINE)


@pytest.mark.parametrize(
    "address",
    ["/api/v1", "/api/v1/schema", "/api/v1/docs", "/api/v1/redoc", "/.well-known/jwks.json", "/healthz", "/readyz"],
)
def test_what_is_public_needs_no_sign_in(outsider: APIClient, address: str) -> None:
    assert outsider.get(address).status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_slash_at_the_end_makes_no_difference(api: Callable[..., APIClient], engineer: User, slash: str) -> None:
    client, event = api(engineer), EventFactory()
    for address in ("", "/me", "/events", f"/events/{event.pk}", "/investigations", "/schema", "/docs", "/redoc"):
        assert client.get(f"/api/v1{address}{slash}").status_code == 200
    assert client.post(f"/api/v1/events{slash}", {"title": "x"}).status_code == 201
    assert client.delete(f"/api/v1/events/{event.pk}{slash}").status_code == 204
    assert client.post(f"/api/v1/auth/token{slash}", {}).status_code == 400


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/api", "/api/v1"),
        ("/api/", "/api/v1/"),
        ("/api/events?tag=a%20b&page=2", "/api/v1/events?tag=a%20b&page=2"),
        ("/api/v1x/events/", "/api/v1/v1x/events/"),
        ("/api//evil.example", "/api/v1//evil.example"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_without_a_version_the_present_one_is_meant(address: str, target: str, method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(address)
    assert (answer.status_code, answer["Location"]) == (308, target)


def test_the_redirect_keeps_the_body(api: Callable[..., APIClient], engineer: User) -> None:
    answer = api(engineer).post("/api/events", {"title": "kept"}, follow=True)
    assert (answer.status_code, answer.json()["title"]) == (201, "kept")


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_address_with_nothing_behind_it_is_a_problem(method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)("/api/v1/nothing/here")
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (
        404,
        "application/problem+json",
        "not_found",
    )


def test_an_error_of_ours_is_a_problem_to_a_program(
    api: Callable[..., APIClient], engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.api.views.EventViewSet.list", lambda *_, **__: 1 / 0)
    client = api(engineer)
    client.raise_request_exception = False
    answer = client.get("/api/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")


def test_a_database_that_went_away_is_503(
    api: Callable[..., APIClient], engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("events.api.views.EventViewSet.list", gone)
    answer = api(engineer).get("/api/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_the_schema_is_valid_openapi(outsider: APIClient) -> None:
    schema = outsider.get("/api/v1/schema?format=json").json()
    assert schema["openapi"].startswith("3.1")
    validate(schema)


def test_the_schema_is_made_without_a_warning(tmp_path: Path) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_every_operation_says_what_it_does_and_how_it_fails(outsider: APIClient) -> None:
    paths = outsider.get("/api/v1/schema?format=json").json()["paths"]
    operations = {f"{method} {path}": told for path, methods in paths.items() for method, told in methods.items()}
    assert len({told["operationId"] for told in operations.values()}) == len(operations)
    silent = [name for name, told in operations.items() if not (told.get("summary") and told.get("tags"))]
    careless = [name for name, told in operations.items() if "401" not in told["responses"]]
    assert (silent, careless) == ([], [])


class _Inline(HTMLParser):
    """Collects what a strict content policy forbids, and what comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        inline = tag == "style" or (tag == "script" and "src" not in given)
        foreign = [value for name, value in attrs if name in {"src", "href"} and "//" in (value or "")]
        handlers = [name for name in given if name.startswith("on") or name == "style"]
        if (inline and not given.get("nonce")) or foreign or handlers:
            self.found.append(f"<{tag} {given}>")


@pytest.mark.parametrize("address", ["/api/v1/docs", "/api/v1/redoc"])
def test_the_documentation_keeps_to_the_content_policy_and_to_this_server(outsider: APIClient, address: str) -> None:
    page = outsider.get(address, headers={"Accept": "text/html"})
    parser = _Inline()
    parser.feed(page.content.decode())
    assert parser.found == []
    assert "unsafe-inline" not in page["Content-Security-Policy"]
    assert "unsafe-eval" not in page["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/api/v1/", "/api/v1/me", "/api/v1/nowhere"])
def test_an_answer_in_json_may_load_nothing_and_stand_in_no_frame(client: Client, address: str) -> None:
    answer = client.get(address, headers={"Accept": "application/json"})

    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("line", ["%0A", "a%0Ab", "%0Cx"])
def test_an_address_with_a_line_end_in_it_is_answered_like_any_other(api: Any, user: User, line: str) -> None:
    assert api(user).get(f"/api/v1/nowhere/{line}").status_code == 404
    assert api(user).get(f"/api/v1/events/service/{line}").status_code in {200, 400}
