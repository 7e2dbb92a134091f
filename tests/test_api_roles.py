"""Who may do what over the API: each person of the cast at each route, as a table of truth."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import credentials
from accounts.models import Scope, User
from accounts.tests.factories import ApiKeyFactory, UserFactory
from accounts.tokens import AccessToken
from connectors.tests.factories import DeadLetterFactory
from events.tests.factories import EventFactory
from investigations.tests.factories import (
    CommentFactory,
    EvidenceFactory,
    FinishedExportFactory,
    HypothesisFactory,
    InvestigationFactory,
    LinkFactory,
    NoteFactory,
    ReadyDraftFactory,
    SavedViewFactory,
    SuspectFactory,
)

pytestmark = pytest.mark.django_db
V1 = "/api/v1"
NEW_EVENT = {"title": "x", "timestamp": "2026-03-01T09:14:00Z", "event_type": "error"}
NEW_CASE = {"title": "x", "detected_at": "2026-03-01T09:14:00Z"}
NOTE = {"body": "x"}
GUESS = {"statement": "x"}
VIEW = {"name": "x", "query": "status=active"}
WINDOW = "start=2026-03-01&end=2026-03-02"

# Address, method, body; then what the user (of somebody else's things, of their own) and the engineer get.
# The administrator gets what the engineer gets unless a fourth says otherwise; who is not there gets 401.
READ = (200, 200, 200)
EVERYBODY = (201, 201, 201)
OWN = (403, 200, 200)
ADMIN = (403, 403, 403, 200)
NEW_KEY = {"name": "x", "scope": "read"}
CASES: list[tuple[str, str, dict[str, Any] | None, tuple[int, ...]]] = [
    ("/me", "GET", None, READ),
    ("/notifications", "GET", None, READ),
    ("/notifications/read", "POST", {}, READ),
    ("/notifications/preferences", "GET", None, READ),
    ("/notifications/preferences", "PATCH", {"digest": "daily"}, READ),
    ("/notifications/test", "POST", {"channel": "webhook"}, (400, 400, 400)),
    ("/events", "GET", None, READ),
    ("/events", "POST", NEW_EVENT, (403, 403, 201)),
    ("/events/bulk", "POST", None, (403, 403, 200)),
    ("/events/search?q=x", "GET", None, READ),
    (f"/events/by-date-range?{WINDOW}", "GET", None, READ),
    (f"/events/range?{WINDOW}", "GET", None, READ),
    ("/events/source/{git}", "GET", None, READ),
    ("/events/severity/{high}", "GET", None, READ),
    ("/events/service/{checkout}", "GET", None, READ),
    ("/events/{event}", "GET", None, READ),
    ("/events/{event}", "PUT", NEW_EVENT, (403, 403, 200)),
    ("/events/{event}", "PATCH", {"title": "y"}, (403, 403, 200)),
    ("/events/{event}", "DELETE", None, (403, 403, 204)),
    ("/events/{event}/restore", "POST", None, (403, 403, 200)),
    ("/events/{event}/tags", "GET", None, READ),
    ("/events/{event}/tags", "PUT", {"tags": []}, (403, 403, 200)),
    ("/events/{event}/tags", "POST", {"tags": ["x"]}, (403, 403, 200)),
    ("/events/{event}/tags/{tag}", "DELETE", None, (403, 403, 200)),
    ("/topology", "GET", None, READ),
    ("/investigations", "GET", None, READ),
    ("/investigations", "POST", NEW_CASE, EVERYBODY),
    ("/investigations/search?q=x", "GET", None, READ),
    (f"/investigations/by-date-range?{WINDOW}", "GET", None, READ),
    ("/investigations/status/{open}", "GET", None, READ),
    ("/investigations/stats", "GET", None, READ),
    ("/investigations/{case}", "GET", None, READ),
    ("/investigations/{case}", "PUT", NEW_CASE, OWN),
    ("/investigations/{case}", "PATCH", {"title": "y"}, OWN),
    ("/investigations/{case}", "DELETE", None, (403, 403, 204)),
    ("/investigations/{case}/restore", "POST", None, (403, 403, 200)),
    ("/investigations/{case}/status", "GET", None, READ),
    ("/investigations/{case}/status", "POST", {"status": "resolved"}, OWN),
    ("/investigations/{case}/status", "PUT", {"status": "resolved"}, OWN),
    ("/investigations/{case}/status", "PATCH", {"status": "resolved"}, OWN),
    ("/investigations/{case}/close", "POST", None, OWN),
    ("/investigations/{closed}/reopen", "POST", None, OWN),
    ("/investigations/{case}/events", "GET", None, READ),
    ("/investigations/{case}/link-event", "POST", {"event_id": "{event}"}, (403, 403, 201)),
    ("/investigations/{case}/unlink-event/{linked}", "POST", None, (403, 403, 200)),
    ("/investigations/{case}/unlink-event/{linked}", "DELETE", None, (403, 403, 200)),
    ("/investigations/{case}/events/{linked}/confirm", "POST", None, (403, 403, 200)),
    ("/investigations/{case}/events/{linked}/reject", "POST", None, (403, 403, 200)),
    ("/investigations/{case}/bursts", "GET", None, READ),
    ("/investigations/{case}/bursts/{linked}/confirm", "POST", None, (403, 403, 200)),
    ("/investigations/{case}/bursts/{linked}/reject", "POST", None, (403, 403, 200)),
    ("/investigations/{case}/suspects", "GET", None, READ),
    ("/investigations/{case}/suspects", "POST", None, (403, 403, 201)),
    ("/investigations/{case}/suspects/{suspect}", "PATCH", {"state": "dismissed"}, (403, 403, 200)),
    ("/links/calibration", "GET", None, READ),
    ("/suspects/calibration", "GET", None, READ),
    ("/investigations/{case}/notes", "GET", None, READ),
    ("/investigations/{case}/notes", "POST", NOTE, EVERYBODY),
    ("/investigations/{case}/notes/{note}", "GET", None, READ),
    ("/investigations/{case}/notes/{note}", "PUT", NOTE, OWN),
    ("/investigations/{case}/notes/{note}", "PATCH", NOTE, OWN),
    ("/investigations/{case}/notes/{note}", "DELETE", None, (403, 204, 204)),
    ("/investigations/{case}/notes/{note}/restore", "POST", None, (403, 200, 200)),
    ("/investigations/{case}/notes/{note}/revisions", "GET", None, READ),
    ("/investigations/{case}/comments", "GET", None, READ),
    ("/investigations/{case}/comments", "POST", {"body": "x", "event": "{linked}"}, EVERYBODY),
    ("/investigations/{case}/comments/{comment}", "GET", None, READ),
    ("/investigations/{case}/comments/{comment}", "DELETE", None, (403, 204, 204)),
    ("/investigations/{case}/comments/{comment}/restore", "POST", None, (403, 200, 200)),
    ("/investigations/{case}/hypotheses", "GET", None, READ),
    ("/investigations/{case}/hypotheses", "POST", GUESS, EVERYBODY),
    ("/investigations/{case}/hypotheses/{guess}", "GET", None, READ),
    ("/investigations/{case}/hypotheses/{guess}", "PUT", GUESS, OWN),
    ("/investigations/{case}/hypotheses/{guess}", "PATCH", {"verdict": "ruled_out"}, OWN),
    ("/investigations/{case}/hypotheses/{guess}", "DELETE", None, (403, 204, 204)),
    ("/investigations/{case}/hypotheses/{guess}/restore", "POST", None, (403, 200, 200)),
    ("/investigations/{case}/hypotheses/{guess}/evidence", "GET", None, READ),
    (
        "/investigations/{case}/hypotheses/{guess}/evidence",
        "POST",
        {"event": "{linked}", "stance": "neutral"},
        EVERYBODY,
    ),
    ("/investigations/{case}/hypotheses/{guess}/evidence/{piece}", "GET", None, READ),
    ("/investigations/{case}/hypotheses/{guess}/evidence/{piece}", "PUT", {"stance": "neutral"}, OWN),
    ("/investigations/{case}/hypotheses/{guess}/evidence/{piece}", "PATCH", {"why": "y"}, OWN),
    ("/investigations/{case}/hypotheses/{guess}/evidence/{piece}", "DELETE", None, (403, 204, 204)),
    ("/investigations/{case}/hypotheses/{guess}/evidence/{gone}/restore", "POST", None, (403, 200, 200)),
    ("/investigations/{case}/related", "GET", None, READ),
    ("/investigations/{case}/related", "POST", {"investigation_id": "{closed}"}, (403, 201, 201)),
    ("/investigations/{case}/related/{related}", "DELETE", None, (403, 204, 204)),
    ("/investigations/{case}/similar", "GET", None, READ),
    ("/investigations/{case}/differences", "GET", None, READ),
    ("/investigations/{case}/export?format=markdown", "GET", None, READ),
    ("/investigations/{case}/exports", "GET", None, READ),
    ("/investigations/{case}/exports", "POST", {"format": "json"}, (202, 202, 202)),
    ("/investigations/{case}/exports/{exported}", "GET", None, READ),
    ("/investigations/{case}/exports/{exported}/file", "GET", None, READ),
    ("/investigations/{case}/exports/{exported}", "DELETE", None, (403, 204, 204)),
    ("/investigations/{case}/drafts", "GET", None, READ),
    ("/investigations/{case}/drafts", "POST", {"kind": "summary"}, (403, 403, 409)),  # the assistant is off
    ("/investigations/{case}/drafts/{drafted}", "GET", None, READ),
    ("/investigations/{case}/drafts/{drafted}/take", "POST", None, (403, 403, 201)),
    ("/investigations/{case}/drafts/{drafted}", "DELETE", None, (403, 403, 204)),
    ("/investigations/import", "POST", {}, (403, 403, 400)),  # an empty document
    ("/views", "GET", None, READ),
    ("/views", "POST", VIEW, EVERYBODY),
    ("/views/{view}", "GET", None, READ),
    ("/views/{view}", "PATCH", {"name": "y"}, (403, 200, 403, 200)),
    ("/views/{view}", "DELETE", None, (403, 204, 403, 204)),
    ("/search?q=x", "GET", None, READ),
    ("/analytics/investigation-timeline", "GET", None, READ),
    ("/analytics/severity-distribution", "GET", None, READ),
    ("/analytics/mttr", "GET", None, READ),
    ("/analytics/sources", "GET", None, READ),
    ("/analytics/components", "GET", None, READ),
    ("/analytics/events/by-source", "GET", None, READ),
    ("/analytics/events/by-severity", "GET", None, READ),
    ("/analytics/connectors/health", "GET", None, READ),
    ("/api-keys", "GET", None, READ),
    ("/api-keys", "POST", NEW_KEY, EVERYBODY),
    ("/api-keys/{key}", "DELETE", None, (404, 204, 404, 204)),
    ("/admin/tokens/revoked", "GET", None, (403, 403, 403, 200)),
    ("/admin/audit", "GET", None, (403, 403, 403, 200)),
    ("/admin/audit/export", "GET", None, (403, 403, 403, 200)),
    ("/admin/tokens/revoke", "POST", {"jti": "0123456789abcdef"}, (403, 403, 403, 201)),
    ("/admin/users/{person}/revoke-tokens", "POST", {}, (403, 403, 403, 204)),
    ("/connectors/kinds", "GET", None, READ),
    ("/connectors/preview", "POST", {"kind": "webhook", "sample": {"title": "x"}}, ADMIN),
    ("/connectors/status", "GET", None, READ),
    ("/connectors/{connector}/status", "GET", None, READ),
    ("/connectors/{connector}/poll", "POST", None, (403, 403, 403, 202)),
    ("/connectors/{connector}/dlq", "GET", None, (403, 403, 200)),
    ("/connectors/{connector}/dlq/{letter}/retry", "POST", None, (403, 403, 200)),
    ("/admin/dlq", "GET", None, (403, 403, 200)),
    ("/admin/dlq/{letter}", "GET", None, (403, 403, 200)),
    ("/admin/dlq/{letter}", "PATCH", {"raw": "x"}, ADMIN),
    ("/admin/dlq/{letter}", "DELETE", None, (403, 403, 403, 204)),
    ("/admin/dlq/{letter}/retry", "POST", None, ADMIN),
    ("/admin/dlq/{letter}/rehearse", "POST", {}, ADMIN),
    ("/admin/dlq/retry", "POST", {}, (403, 403, 403, 202)),
    ("/admin/dlq/discard", "POST", {"stage": "unpack"}, ADMIN),
    ("/admin/dlq/export", "GET", None, (403, 403, 200)),
    ("/admin/circuit-breaker-status", "GET", None, ADMIN),
    ("/admin/circuit-breaker/{connector}/reset", "POST", None, ADMIN),
    ("/admin/circuit-breaker/{connector}/open", "POST", {}, ADMIN),
    ("/admin/halt", "POST", {}, (403, 403, 403, 204)),
    ("/admin/halt", "DELETE", None, (403, 403, 403, 409)),
    ("/admin/switches", "GET", None, ADMIN),
    ("/admin/switches/{bulk}", "PATCH", {"on": False}, ADMIN),
]
ROUTES = pytest.mark.parametrize("row", CASES, ids=lambda row: f"{row[1]} {row[0]}")


@pytest.fixture
def call() -> Callable[..., int]:
    """Return a way to send a row's request as somebody, to things that are an owner's, and see the status."""

    def send(row: tuple[Any, ...], client: APIClient, owner: User, **headers: str) -> int:
        case = InvestigationFactory(created_by=owner)
        closed = InvestigationFactory(created_by=owner, status="closed")
        related = InvestigationFactory()  # somebody else's, whoever asks
        case.related.add(related)
        letter = DeadLetterFactory(
            connector__kind="jsonlines",
            connector__config={"path": "/x"},
            connector__secret={},
            delivery=None,
            reference="line 7",
        )
        guess = HypothesisFactory(investigation=case, author=owner)
        gone = EvidenceFactory(hypothesis=guess, author=owner, deleted_at=timezone.now())
        ids = {
            "suspect": SuspectFactory(report__investigation=case).pk,
            "guess": guess.pk,
            "piece": EvidenceFactory(hypothesis=guess, author=owner).pk,
            "gone": gone.pk,
            "event": EventFactory(tags=["tag"]).pk,
            **{word: word for word in ("git", "high", "checkout", "tag", "open", "bulk")},
            "case": case.pk,
            "closed": closed.pk,
            "linked": LinkFactory(investigation=case).event_id,
            "note": NoteFactory(investigation=case, author=owner).pk,
            "comment": CommentFactory(investigation=case, author=owner).pk,
            "related": related.pk,
            "exported": FinishedExportFactory(investigation=case, created_by=owner).pk,
            "drafted": ReadyDraftFactory(investigation=case, created_by=owner).pk,
            "key": ApiKeyFactory(user=owner).pk,
            "view": SavedViewFactory(owner=owner, shared=True).pk,
            "person": UserFactory().pk,
            "letter": letter.pk,
            "connector": letter.connector.name,
        }
        address, method, body, _ = row
        given = body and {
            name: value.format(**ids) if isinstance(value, str) else value for name, value in body.items()
        }
        response = getattr(client, method.lower())(V1 + address.format(**ids), given, headers=headers)
        return int(response.status_code)

    return send


@ROUTES
def test_a_user_with_other_peoples_things(row: Any, call: Any, api: Any, user: User) -> None:
    assert call(row, api(user), UserFactory()) == row[3][0]


@ROUTES
def test_a_user_with_their_own_things(row: Any, call: Any, api: Any, user: User) -> None:
    assert call(row, api(user), user) == row[3][1]


@ROUTES
def test_an_engineer_with_other_peoples_things(row: Any, call: Any, api: Any, engineer: User) -> None:
    assert call(row, api(engineer), UserFactory()) == row[3][2]


@ROUTES
def test_an_administrator_with_other_peoples_things(row: Any, call: Any, api: Any, admin: User) -> None:
    assert call(row, api(admin), UserFactory()) == row[3][-1]


# What a key of the scope ingest is for; nothing else opens to it.
INGEST = {("/events", "POST"), ("/events/bulk", "POST")}


@ROUTES
@pytest.mark.parametrize("scope", Scope.values)
def test_a_key_opens_what_its_scope_and_the_role_permit(row: Any, call: Any, engineer: User, scope: str) -> None:
    _, secret = credentials.create_key(name="x", user=engineer, scope=scope, actor=None, now=timezone.now())
    meant = {
        Scope.INGEST: (row[0], row[1]) in INGEST,
        Scope.READ: row[1] == "GET",
        Scope.FULL: (row[0], row[1]) != ("/api-keys", "POST"),
    }
    expected = row[3][2] if meant[Scope(scope)] else 403
    assert call(row, APIClient(), UserFactory(), Authorization=f"Bearer {secret}") == expected


@ROUTES
@pytest.mark.parametrize("who", ["an outsider", "somebody deactivated", "somebody deactivated in a session"])
def test_who_is_not_there(row: Any, call: Any, api: Any, deactivated: User, who: str) -> None:
    client = api(None)
    if who == "somebody deactivated":
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(deactivated)}")
    elif who == "somebody deactivated in a session":
        client.force_login(deactivated)
    assert call(row, client, UserFactory()) == 401


@ROUTES
def test_a_browser_gets_a_page_of_every_answer(row: Any, call: Any, api: Any, admin: User) -> None:
    expected = 200 if row[3][-1] == 204 else row[3][-1]  # a page cannot be without a body
    assert call(row, api(admin), admin, Accept="text/html") == expected


@ROUTES
def test_every_route_says_what_it_takes(row: Any, call: Any, api: Any, admin: User) -> None:
    assert call((row[0], "OPTIONS", None, None), api(admin), admin) == 200


def test_the_table_names_every_route() -> None:
    paths = APIClient().get(f"{V1}/schema?format=json").json()["paths"]
    described = {
        (shape(path.removeprefix(V1)), method.upper()) for path, operations in paths.items() for method in operations
    }
    assert {(shape(address), method) for address, method, _, _ in CASES} == {
        (path, method) for path, method in described if not path.startswith("/auth/")
    }


def shape(address: str) -> str:
    """Return an address with every id alike."""
    return "/".join("{}" if part.startswith("{") else part for part in address.partition("?")[0].split("/"))


def test_a_refusal_says_what_the_role_may_not(api: Any, user: User) -> None:
    refused = api(user).post(f"{V1}/events", NEW_EVENT)
    assert refused.json()["detail"] == "The role user may not create event."
    assert refused.json()["code"] == "permission_denied"
