"""PagerDuty: what a webhook, a log entry and a row of the API tell, and whom a delivery is believed."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import BadRecord, Forged, Misconfigured
from connectors.signing import hmac_hex
from connectors.sources.pagerduty import PagerDuty
from connectors.tests.alerts import BEARER, KEY, decoded, made, polled, pushed, told_by
from connectors.tests.corpus import DROPPED, EMPTIES, STRANGE, assert_golden, escapes, mutilated, places, told
from connectors.tests.peers import Asked, Peer
from events.drafts import EventDraft
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

RECORDED = {
    path.name: orjson.loads(path.read_bytes())
    for path in sorted(payloads("pagerduty", "webhook-go-pagerduty").glob("*.json"))
}
SERVICE = {"id": "PS", "type": "service_reference", "summary": "API Service"}
DATA = {
    "id": "PI",
    "type": "incident",
    "html_url": "https://acme.pagerduty.com/incidents/PI",
    "number": 2,
    "status": "triggered",
    "title": "Nobody can pay",
    "service": SERVICE,
    "assignees": [{"summary": "Ada"}],
    "teams": [{"summary": "Payments"}],
    "priority": {"summary": "P1"},
    "urgency": "high",
}
NOTE = {"type": "incident_note", "id": "N", "content": "Looking", "incident": {"id": "PI", "summary": "Nobody can pay"}}


def webhook(event_type: str, data: Any, at: str = "2029-12-31T23:00:07.458Z") -> dict[str, Any]:
    agent = {"summary": "Ada"}
    return {"event": {"id": "01E", "event_type": event_type, "occurred_at": at, "agent": agent, "data": data}}


def heard(event_type: str, data: Any = DATA) -> EventDraft:
    (draft,) = pushed(made(PagerDuty), webhook(event_type, data))
    return draft


def entry(kind: str, **more: Any) -> dict[str, Any]:
    incident = {"id": "PI", "type": "incident", "title": "Nobody can pay", "urgency": "high", "service": SERVICE}
    return {
        "id": f"R-{kind}",
        "type": f"{kind}_log_entry",
        "created_at": "2029-12-31T23:00:07Z",
        "agent": {"summary": "Ada"},
        "incident": incident,
        "service": SERVICE,
        **more,
    }


def source(url: str, **more: Any) -> PagerDuty:
    return made(PagerDuty, url=url, token="t", **more)


def test_every_recorded_webhook_becomes_the_events_it_became_before() -> None:
    found = {name: told(pushed(made(PagerDuty), payload)) for name, payload in RECORDED.items()}
    assert_golden("pagerduty/webhook-go-pagerduty", found)


def test_an_incident_says_how_bad_it_is_what_it_is_about_and_where_to_look() -> None:
    draft = heard("incident.triggered")
    assert (draft.event_type, draft.severity, draft.title) == ("incident_triggered", "critical", "Nobody can pay")
    assert (draft.service, draft.url) == ("API Service", "https://acme.pagerduty.com/incidents/PI")
    assert list(draft.tags) == ["P1", "Payments"]


@pytest.mark.parametrize(
    ("happened", "severity"),
    [
        ("acknowledged", "info"),
        ("escalated", "critical"),
        ("reassigned", "info"),
        ("resolved", "info"),
        ("priority_updated", "critical"),
        ("reopened", "critical"),
        ("delegated", "info"),
    ],
)
def test_each_thing_that_happens_to_an_incident_is_an_event(happened: str, severity: str) -> None:
    draft = heard(f"incident.{happened}")
    assert (draft.event_type, draft.severity) == (f"incident_{happened}", severity)


def test_a_note_and_an_update_say_what_was_written() -> None:
    assert heard("incident.annotated", NOTE).title == "Nobody can pay annotated: Looking"
    update = {**NOTE, "type": "incident_status_update", "message": "Fixed soon", "content": None}
    draft = heard("incident.status_update_published", update)
    assert draft.title == "Nobody can pay status update published: Fixed soon"


def test_a_responder_is_told_of_by_name() -> None:
    asked = {**NOTE, "type": "incident_responder", "content": None, "user": {"summary": "Maeve"}}
    assert heard("incident.responder.added", asked).event_type == "incident_responder_added"


@pytest.mark.parametrize("event_type", ["service.updated", "pagey.ping", "incident", ""])
def test_what_happens_to_no_incident_is_ignored(event_type: str) -> None:
    assert pushed(made(PagerDuty), webhook(event_type, DATA)) == []


def test_without_a_priority_the_urgency_says_how_bad_it_is() -> None:
    assert [heard("incident.triggered", {**DATA, "priority": None, "urgency": each}).severity for each in ("high", "low", "")] == ["high", "low", "medium"]  # fmt: skip  # noqa: E501


def signed(body: bytes, *keys: str) -> dict[str, str]:
    return {"x-pagerduty-signature": ",".join(f"v1={hmac_hex(key, body)}" for key in keys)}


BODY = orjson.dumps(webhook("incident.triggered", DATA))


def test_one_right_signature_of_several_is_enough() -> None:
    assert made(PagerDuty).verify(signed(BODY, "older", KEY), BODY).key == "01E"


@pytest.mark.parametrize(
    "headers", [{}, signed(BODY), signed(BODY, "older"), signed(b"", KEY), {"x-pagerduty-signature": "v1=é"}]
)
def test_a_delivery_that_nobody_signed_with_the_secret_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forged):
        made(PagerDuty).verify(headers, BODY)


def test_the_secret_may_come_in_a_header_of_the_subscription() -> None:
    assert made(PagerDuty).verify(BEARER, BODY).key == "01E"


def test_a_delivery_without_an_id_is_named_by_its_body() -> None:
    assert len({made(PagerDuty).verify(signed(body, KEY), body).key for body in (b"{}", b"[]", b"x")}) == 3


def test_polling_needs_an_api_key() -> None:
    with pytest.raises(Misconfigured) as refused:
        made(PagerDuty, url="https://api.pagerduty.com")
    assert refused.value.fields.keys() == {"token"}


ROW = {**DATA, "incident_number": 2, "created_at": "2029-12-31T23:00:07Z", "resolve_reason": None}


def test_a_poll_tells_what_the_webhook_told_under_the_same_ids() -> None:
    entries = [
        entry("trigger"),
        entry("acknowledge"),
        entry("annotate", channel={"content": "Looking"}),
        entry("notify"),
    ]
    with Peer({"/incidents": {"incidents": [ROW], "more": False}, "/log_entries": {"log_entries": entries}}) as peer:
        drafts = told_by(source(peer.url), {"until": "2030-01-01T11:00:00+00:00"})
    assert {draft.source_id for draft in drafts} == {
        heard(f"incident.{happened}").source_id for happened in ("triggered", "acknowledged", "annotated")
    }
    assert peer.asked[0].headers["authorization"] == "Token token=t"
    assert peer.asked[1].queries["include[]"] == ["incidents", "services"]


def test_a_row_of_a_resolved_incident_tells_of_both_ends() -> None:
    row = {**ROW, "status": "resolved", "last_status_change_at": "2029-12-31T23:30:00Z"}
    with Peer({"/incidents": {"incidents": [row]}, "/log_entries": {"log_entries": []}}) as peer:
        drafts = told_by(source(peer.url), {"until": "2030-01-01T11:00:00+00:00"})
    assert [draft.event_type for draft in drafts] == ["incident_triggered", "incident_resolved"]


def test_pages_are_read_to_the_last() -> None:
    def page(asked: Asked) -> Any:
        offset = int(asked.query["offset"])
        rows = [{**entry("acknowledge"), "id": f"R{number}"} for number in range(offset, min(offset + 100, 250))]
        return {"log_entries": rows, "more": offset < 200}

    with Peer({"/incidents": {"incidents": []}, "/log_entries": page}) as peer:
        (window,) = polled(source(peer.url), {"until": "2030-01-01T11:00:00+00:00"})
    assert len({record.reference for record in window.records}) == 250


FULL = [webhook("incident.triggered", DATA), webhook("incident.annotated", NOTE), *RECORDED.values()]


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_of_a_webhook_breaks_the_decoder(value: Any) -> None:
    for payload in FULL:
        assert escapes(payload, value, lambda changed: pushed(made(PagerDuty), changed)) == []


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_of_a_poll_breaks_it(value: Any) -> None:
    rows = {"incidents": [ROW], "log_entries": [entry("annotate", channel={"content": "Looking"})], "more": False}

    def read(answer: Any) -> Any:
        with Peer({"*": answer}) as peer:
            pages = polled(source(peer.url), {"until": "2030-01-01T11:59:00+00:00"})
        return [decoded(source(peer.url), page.records) for page in pages]

    assert escapes(rows, value, read) == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_that_is_dropped_or_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    payload = data.draw(st.sampled_from(FULL))
    way = data.draw(st.sampled_from(list(places(payload))))
    with suppress(BadRecord, Invalid):
        pushed(made(PagerDuty), mutilated(payload, way, data.draw(st.just(DROPPED) | STRANGE)))
