"""Operators and programs look after connectors, dead letters and circuit breakers over the API."""

import json
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Switch, User
from connectors import breakers
from connectors.choices import BreakerState, DeadLetterState
from connectors.models import Breaker, DeadLetter
from connectors.registry import SOURCES
from connectors.tests.factories import SECRET, ConnectorFactory, DeadLetterFactory
from connectors.tests.test_deliveries import push
from events.models import Event

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


@pytest.fixture
def office(api: Any, admin: User) -> APIClient:
    """The API as an administrator calls it."""
    client: APIClient = api(admin)
    return client


def test_one_connector_is_shown_with_its_breaker_and_without_its_secret(office: APIClient) -> None:
    connector = ConnectorFactory(name="shop")
    breakers.move(connector=connector, to=BreakerState.OPEN, reason="no route", now=timezone.now())
    answer = office.get(f"{V1}/connectors/shop/status")
    assert (answer.json()["state"], answer.json()["breaker"]) == ("resting", "open")
    assert SECRET not in answer.content.decode()


def test_a_connector_that_is_not_there_is_404(office: APIClient) -> None:
    for path in ("connectors/gone/status", "connectors/gone/dlq"):
        assert office.get(f"{V1}/{path}").status_code == 404


def test_every_kind_says_what_it_must_be_told(office: APIClient) -> None:
    kinds = {kind["kind"]: kind for kind in office.get(f"{V1}/connectors/kinds").json()}
    assert kinds.keys() == SOURCES.keys()
    secrets = [setting for setting in kinds["github"]["settings"] if setting["secret"]]
    assert {setting["name"]: setting["type"] for setting in secrets} == {"token": "string", "secret": "string"}


def test_dead_letters_of_a_connector_are_listed_without_those_of_others(office: APIClient) -> None:
    letter, _ = DeadLetterFactory(), DeadLetterFactory()
    answer = office.get(f"{V1}/connectors/{letter.connector.name}/dlq")
    assert [row["id"] for row in answer.json()["results"]] == [str(letter.pk)]


def test_a_letter_is_not_found_under_another_connector(office: APIClient) -> None:
    letter, other = DeadLetterFactory(), ConnectorFactory()
    assert office.post(f"{V1}/connectors/{other.name}/dlq/{letter.pk}/retry").status_code == 404


def test_letters_are_filtered_and_an_unknown_filter_is_refused_by_name(office: APIClient) -> None:
    letter = DeadLetterFactory(error="KeyError")
    DeadLetterFactory()
    found = office.get(f"{V1}/admin/dlq", {"error": "KeyError", "connector": letter.connector.name, "state": "open"})
    assert [row["id"] for row in found.json()["results"]] == [str(letter.pk)]
    refused = office.get(f"{V1}/admin/dlq", {"colour": "red"})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["colour"])


@pytest.mark.parametrize("count", [1, 20])
def test_a_list_costs_the_same_queries_however_long(
    office: APIClient, django_assert_num_queries: Any, count: int
) -> None:
    for _ in range(count):
        DeadLetterFactory()
    office.get(f"{V1}/admin/dlq")
    with django_assert_num_queries(1):
        office.get(f"{V1}/admin/dlq")


def test_a_letter_is_edited_rehearsed_and_retried(office: APIClient) -> None:
    letter = DeadLetterFactory()
    where, good = f"{V1}/admin/dlq/{letter.pk}", push("fix").decode()
    assert len(office.post(f"{where}/rehearse", {"raw": good}).json()["events"]) == 2
    assert office.post(f"{where}/rehearse", {}).json()["stage"] == "unpack"
    assert office.patch(where, {"raw": good}).json()["edited"] is True
    assert Event.objects.count() == 0
    assert office.post(f"{where}/retry").json()["state"] == DeadLetterState.REPLAYED
    assert Event.objects.count() == 2
    assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == ["edit", "retry"]


def test_a_letter_that_is_settled_is_a_conflict(office: APIClient) -> None:
    letter = DeadLetterFactory(state=DeadLetterState.REPLAYED)
    assert office.delete(f"{V1}/admin/dlq/{letter.pk}").status_code == 409


def test_those_chosen_are_handed_to_the_workers(office: APIClient) -> None:
    letter = DeadLetterFactory()
    DeadLetterFactory()
    DeadLetterFactory(connector=letter.connector, state=DeadLetterState.DISCARDED)
    answer = office.post(f"{V1}/admin/dlq/retry", {"connector": letter.connector.name})
    assert (answer.status_code, answer.json()) == (202, {"queued": 1})


def test_all_of_one_error_are_discarded_in_one_call(office: APIClient) -> None:
    letter = DeadLetterFactory(error="KeyError")
    DeadLetterFactory(connector=letter.connector, error="ValueError")
    answer = office.post(f"{V1}/admin/dlq/discard", {"connector": letter.connector.name, "error": "KeyError"})
    assert (answer.status_code, answer.json()) == (200, {"discarded": 1, "left": 0})
    assert [one.error for one in DeadLetter.objects.filter(state=DeadLetterState.OPEN)] == ["ValueError"]


@pytest.mark.parametrize(("body", "field"), [({}, "connector"), ({"colour": "red"}, "colour"), ({"stage": 1}, "stage")])
def test_nothing_is_discarded_unless_it_is_said_what(office: APIClient, body: dict[str, Any], field: str) -> None:
    DeadLetterFactory()
    refused = office.post(f"{V1}/admin/dlq/discard", body)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, [field])
    assert DeadLetter.objects.get().state == DeadLetterState.OPEN


def test_letters_are_exported_line_by_line(office: APIClient) -> None:
    DeadLetterFactory()
    body = b"".join(office.get(f"{V1}/admin/dlq/export").streaming_content)  # type: ignore[attr-defined]
    assert [json.loads(line)["raw"] for line in body.splitlines()] == ["garbage"]


def test_a_breaker_is_opened_and_reset_and_its_history_shown(office: APIClient) -> None:
    connector = ConnectorFactory(name="shop")
    opened = office.post(f"{V1}/admin/circuit-breaker/shop/open", {"reason": "They deploy."}).json()["breakers"][0]
    assert (opened["state"], opened["held"], opened["reason"]) == ("open", True, "They deploy.")
    office.post(f"{V1}/admin/circuit-breaker/shop/reset")
    assert Breaker.objects.get(pk=connector.pk).state == BreakerState.CLOSED
    shown = office.get(f"{V1}/admin/circuit-breaker-status").json()["breakers"][0]
    assert [move["after"] for move in shown["history"]] == ["closed", "open"]


def test_everything_is_stopped_and_goes_on(office: APIClient) -> None:
    ConnectorFactory(name="shop")
    assert office.post(f"{V1}/admin/halt", {"reason": "Wrong data."}).status_code == 204
    assert office.get(f"{V1}/connectors/shop/status").json()["state"] == "halted"
    assert office.post(f"{V1}/admin/halt", {}).status_code == 409
    assert office.delete(f"{V1}/admin/halt").status_code == 204
    assert not Switch.objects.exists()


def test_what_is_too_large_to_edit_is_refused_by_name(office: APIClient) -> None:
    letter = DeadLetterFactory()
    refused = office.patch(f"{V1}/admin/dlq/{letter.pk}", {"raw": "x" * (5 * 1024 * 1024 + 1)})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["raw"])
    assert DeadLetter.objects.get().original is None


def test_settings_are_tried_on_a_sample_before_a_connector_is_made(office: APIClient) -> None:
    sample = {"title": "Disk full", "severity": "critical", "host": "db-1", "timestamp": "2030-01-01T12:00:00Z"}
    shown = office.post(f"{V1}/connectors/preview", {"kind": "webhook", "sample": sample}).json()
    assert [(event["title"], event["severity"]) for event in shown["events"]] == [("Disk full", "critical")]
    assert not Event.objects.exists()


def test_a_kind_that_takes_no_deliveries_cannot_be_tried(office: APIClient) -> None:
    refused = office.post(f"{V1}/connectors/preview", {"kind": "git", "sample": {}})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["kind"])
