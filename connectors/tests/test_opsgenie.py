"""Opsgenie: what a webhook and a row of the API tell, and whom a delivery is believed."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Record
from connectors.errors import BadRecord, Forged, Misconfigured
from connectors.sources.opsgenie import Opsgenie
from connectors.tests.alerts import BASIC, BEARER, KEY, decoded, made, polled, pushed, told_by
from connectors.tests.corpus import DROPPED, EMPTIES, STRANGE, assert_golden, escapes, mutilated, places, told
from connectors.tests.peers import Asked, Peer
from events.drafts import EventDraft
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

INCIDENTS = [
    row["data"] for row in orjson.loads((payloads("opsgenie", "rest-devlake") / "opsgenie_incidents.json").read_bytes())
]
ACTION = {
    "action": "Create",
    "integrationName": "Shop",
    "source": {"name": "web", "type": "API"},
    "alert": {
        "alertId": "A-1",
        "message": "Disk full",
        "tags": ["prod"],
        "tinyId": "23",
        "alias": "disk",
        "entity": "n1",
        "username": "ada@example.org",
        "createdAt": 1_893_452_400_104,
        "updatedAt": 1_893_452_430_104_002_000,
        "priority": "P1",
        "details": {"service": "api", "env": "prod"},
        "description": "95 % used",
    },
}
ROW = {
    "id": "A-1",
    "tinyId": "23",
    "message": "Disk full",
    "status": "closed",
    "acknowledged": True,
    "priority": "P1",
    "createdAt": "2029-12-31T23:00:00.104Z",
    "updatedAt": "2029-12-31T23:30:00.104Z",
    "report": {"ackTime": 30_000, "closeTime": 1_800_000, "acknowledgedBy": "ada", "closedBy": "ada"},
}
SOON = {"until": "2030-01-01T11:30:00+00:00"}


def heard(action: str, **more: Any) -> EventDraft:
    (draft,) = pushed(made(Opsgenie), {**ACTION, "action": action, "alert": {**ACTION["alert"], **more}})  # type: ignore[dict-item]
    return draft


def source(url: str, **more: Any) -> Opsgenie:
    return made(Opsgenie, url=url, key="k", **more)


def test_every_recorded_incident_becomes_the_events_it_became_before() -> None:
    records = [Record.of(row["id"], "incident", row) for row in INCIDENTS]
    assert_golden("opsgenie/rest-devlake", {"opsgenie_incidents": told(decoded(made(Opsgenie), records))})


def test_an_alert_says_how_bad_it_is_and_what_it_is_about() -> None:
    draft = heard("Create")
    assert (draft.event_type, draft.severity, draft.title) == ("alert_firing", "critical", "Disk full")
    assert (draft.service, draft.component, draft.environment) == ("api", "n1", "prod")
    assert draft.timestamp.isoformat() == "2029-12-31T23:00:00.104000+00:00"


@pytest.mark.parametrize(
    ("action", "event_type"),
    [
        ("Acknowledge", "alert_acknowledged"),
        ("Close", "alert_resolved"),
        ("AddNote", "alert_add_note"),
        ("UnAcknowledge", "alert_unacknowledged"),
        ("EscalateNext", "alert_escalate_next"),
        ("Delete", "alert_deleted"),
    ],
)
def test_what_is_done_to_an_alert_is_an_event_at_the_time_it_was_done(action: str, event_type: str) -> None:
    draft = heard(action)
    assert (draft.event_type, draft.timestamp.second) == (event_type, 30)


def test_a_page_of_the_alert_is_linked_where_the_site_is_known() -> None:
    (draft,) = pushed(made(Opsgenie, site="https://acme.app.opsgenie.com/"), ACTION)
    assert draft.url == "https://acme.app.opsgenie.com/alert/detail/A-1/details"


def test_a_poll_tells_what_the_webhook_told_under_the_same_ids() -> None:
    with Peer({"/v2/alerts": {"data": [ROW]}}) as peer:
        drafts = told_by(source(peer.url), SOON)
    assert [draft.source_id for draft in drafts] == [
        heard(action).source_id for action in ("Create", "Acknowledge", "Close")
    ]
    assert [draft.timestamp.isoformat()[11:19] for draft in drafts] == ["23:00:00", "23:00:30", "23:30:00"]
    assert peer.asked[0].headers["authorization"] == "GenieKey k"
    assert peer.asked[0].query["query"].startswith("updatedAt >= ")


def test_incidents_are_polled_where_wanted() -> None:
    with Peer({"/v2/alerts": {"data": []}, "/v1/incidents": {"data": INCIDENTS}}) as peer:
        drafts = told_by(source(peer.url, incidents=True), SOON)
    assert [draft.event_type for draft in drafts] == ["incident_triggered", "incident_triggered", "incident_resolved"]


def test_pages_are_read_to_the_last() -> None:
    def page(asked: Asked) -> Any:
        offset = int(asked.query["offset"])
        return {"data": [{**ROW, "id": str(number)} for number in range(offset, min(offset + 100, 250))]}

    with Peer({"/v2/alerts": page}) as peer:
        (window,) = polled(source(peer.url), SOON)
    assert len({record.reference for record in window.records}) == 250


@pytest.mark.parametrize("headers", [BEARER, BASIC, {"authorization": KEY}])
def test_a_delivery_with_the_secret_is_taken(headers: dict[str, str]) -> None:
    assert made(Opsgenie).verify(headers, b"{}").event == "webhook"


def test_the_secret_may_come_in_another_header() -> None:
    opsgenie = made(Opsgenie, secret_header="X-Secret")
    assert opsgenie.verify({"x-secret": KEY}, b"{}").key
    with pytest.raises(Forged):
        opsgenie.verify(BEARER, b"{}")


def test_polling_needs_an_api_key() -> None:
    with pytest.raises(Misconfigured) as refused:
        made(Opsgenie, url="https://api.opsgenie.com", site="acme")
    assert refused.value.fields.keys() == {"key", "site"}


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_breaks_the_decoder(value: Any) -> None:
    opsgenie = made(Opsgenie)
    for kind, payload in [("action", ACTION), ("alert", ROW), *(("incident", row) for row in INCIDENTS)]:
        broken = escapes(payload, value, lambda new, kind=kind: decoded(opsgenie, [Record.of("one", kind, new)]))  # type: ignore[misc]
        assert broken == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_that_is_dropped_or_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    kind, payload = data.draw(st.sampled_from([("action", ACTION), ("alert", ROW), ("incident", INCIDENTS[1])]))
    way = data.draw(st.sampled_from(list(places(payload))))
    changed = mutilated(payload, way, data.draw(st.just(DROPPED) | STRANGE))
    with suppress(BadRecord, Invalid):
        decoded(made(Opsgenie), [Record.of("one", kind, changed)])
