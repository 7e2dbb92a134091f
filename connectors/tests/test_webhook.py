"""A webhook of any shape: recognised by its words, or read where the owner says; and whom it is believed."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Record
from connectors.digestion import digest_pending
from connectors.errors import BadRecord, Forged, Misconfigured
from connectors.models import Delivery
from connectors.signing import hmac_hex
from connectors.sources.alertmanager import Alertmanager
from connectors.sources.webhook import Webhook
from connectors.tests.alerts import BASIC, BEARER, KEY, made, pushed
from connectors.tests.corpus import DROPPED, EMPTIES, STRANGE, assert_golden, escapes, mutilated, places
from connectors.tests.factories import NOW, ConnectorFactory
from connectors.tests.vendors import ALARM, EVENTS_API, SAMPLES, SNS, recorded, sent_elsewhere
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

RECORDED = recorded()
ELSEWHERE = sent_elsewhere()
OWN = {
    "what": {"happened": "Queue is long"},
    "how_bad": "Sev-A",
    "when": "31.12.2029 23:00:00",
    "where": {"svc.name": "checkout", "box": "n1"},
    "ref": 7,
    "phase": "raised",
}
FIELDS = {
    "message": "what.happened",
    "severity": "how_bad",
    "time": "when",
    "service": "where[\"svc.name\"] || 'web'",
    "component": "where.box",
    "environment": "'prod'",
    "key": "ref",
    "status": "phase",
}
MAPPED = {
    "fields": FIELDS,
    "title": "{what.happened} on {where.box}",
    "severities": {"Sev-A": "critical"},
    "time_format": "%d.%m.%Y %H:%M:%S",
}


def heard(payload: Any, **config: Any) -> list[EventDraft]:
    return pushed(made(Webhook, **config), payload)


def one(payload: Any, **config: Any) -> EventDraft:
    (draft,) = heard(payload, **config)
    return draft


def told(drafts: list[EventDraft]) -> list[list[str]]:
    """Return what golden files keep: here where it is, when it was and where to look as well."""
    return [
        [
            *(draft.event_type, draft.severity, draft.title, draft.service, draft.component, draft.environment),
            *("now" if draft.timestamp == NOW else draft.timestamp.isoformat(), draft.url, draft.source_id),
        ]
        for draft in drafts
    ]


def test_every_recorded_payload_becomes_the_event_it_became_before() -> None:
    assert_golden("webhook/keep-mocks", {name: told(heard(payload)) for name, payload in RECORDED.items()})


def test_what_other_tools_send_becomes_the_event_it_became_before() -> None:
    assert_golden("webhook/samples", {name: told(heard(payload)) for name, payload in (SAMPLES | ELSEWHERE).items()})


def test_every_recorded_payload_is_recognised_with_a_title_and_as_an_alert_or_a_notice() -> None:
    types = {one(payload).event_type for payload in RECORDED.values()}
    assert types == {"alert_firing", "alert_resolved", "notice"}


def test_an_alarm_is_taken_out_of_what_sns_wraps_it_in() -> None:
    wrapped, bare = one(SNS), one(ALARM)
    assert wrapped.source_id == bare.source_id
    assert (wrapped.title, wrapped.event_type) == ("HighCPU", "alert_firing")
    assert one({**ALARM, "NewStateValue": "OK"}).event_type == "alert_resolved"


def test_a_request_to_confirm_a_subscription_is_no_event() -> None:
    assert heard({"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example"}) == []


def test_what_alertmanager_sends_is_understood_as_by_its_own_connector() -> None:
    path = payloads("recorded-from-live-servers", "alertmanager-0.33.1") / "webhook.1.json"
    payload = orjson.loads(path.read_bytes())["body"]
    assert [draft.source_id for draft in heard(payload)] == [
        draft.source_id for draft in pushed(made(Alertmanager), payload)
    ]


def test_a_client_of_pagerduty_gives_the_secret_as_routing_key_and_it_is_not_kept() -> None:
    body = orjson.dumps(EVENTS_API)
    assert made(Webhook).verify({}, body).event == "payload"
    draft = one(EVENTS_API)
    assert KEY not in str(draft.raw_data)
    resolved = one({"routing_key": KEY, "event_action": "resolve", "dedup_key": "srv01/HTTP"})
    assert (resolved.event_type, resolved.title) == ("alert_resolved", "Alert srv01/HTTP resolved")


def test_a_client_of_opsgenie_gives_the_secret_as_its_key() -> None:
    assert made(Webhook).verify({"authorization": f"GenieKey {KEY}"}, b"{}").event == "payload"


def test_each_alert_of_a_list_is_an_event_with_what_stands_beside_the_list() -> None:
    alerts = [{"id": 1, "title": "Disk full"}, {"id": 2, "title": "Disk broken", "env": "test"}]
    drafts = heard({"env": "prod", "alerts": alerts})
    assert [(draft.title, draft.environment) for draft in drafts] == [("Disk full", "prod"), ("Disk broken", "test")]
    assert len(heard(alerts)) == 2


def test_a_list_is_found_where_the_owner_says() -> None:
    payload = {"result": {"rows": [{"title": "a b"}, {"title": "c d"}]}}
    assert [draft.title for draft in heard(payload, items="result.rows")] == ["a b", "c d"]
    with pytest.raises(BadRecord, match="items finds no list"):
        heard(payload, items="result")


def test_fields_are_found_where_the_owner_says() -> None:
    draft = one(OWN, **MAPPED)
    assert (draft.title, draft.severity, draft.source_id) == ("Queue is long on n1", "critical", "7/firing")
    assert (draft.service, draft.component, draft.environment) == ("checkout", "n1", "prod")
    assert draft.timestamp.isoformat() == "2029-12-31T23:00:00+00:00"


def test_what_is_not_where_the_owner_says_is_recognised() -> None:
    draft = one({"title": "Disk full", "host": "n1"}, fields={"title": "nowhere", "service": "none || 'web'"})
    assert (draft.title, draft.service, draft.component) == ("Disk full", "web", "n1")


def test_a_type_of_the_owners_is_written_as_types_are() -> None:
    assert one({"title": "Disk full"}, fields={"type": "'Capacity Warning!'"}).event_type == "capacity_warning"


def test_a_time_that_is_none_is_a_bad_record_and_says_which_field() -> None:
    for config in ({"fields": {"time": "when"}}, MAPPED):
        with pytest.raises(BadRecord) as refused:
            heard({**OWN, "when": "tomorrow"}, **config)
        assert refused.value.fields.keys() == {"time"}


def test_what_says_nothing_is_a_bad_record_and_says_what_to_set() -> None:
    with pytest.raises(BadRecord) as refused:
        heard({"foo": 1})
    assert refused.value.fields.keys() == {"title"}


def test_one_alert_with_a_time_of_its_own_is_one_event_however_often_it_is_sent() -> None:
    alert = {"id": "a", "title": "Disk full", "status": "firing", "started_at": "2029-12-31T23:00:00Z"}
    source = made(Webhook)
    ids = {draft.source_id for name in ("one", "two") for draft in source.decode(Record.of(name, "payload", alert))}
    assert len(ids) == 1
    assert one({**alert, "status": "resolved"}).source_id not in ids


def test_an_alert_without_a_time_is_told_by_the_delivery_it_came_in() -> None:
    source = made(Webhook)
    ids = {
        draft.source_id
        for name in ("one", "two")
        for draft in source.decode(Record.of(name, "payload", {"id": "a", "title": "Disk full"}))
    }
    assert len(ids) == 2


def test_a_body_sent_again_within_five_minutes_is_the_same_delivery() -> None:
    keys = {made(Webhook, at=NOW.replace(minute=minute)).verify(BEARER, b"{}").key for minute in (0, 4, 5)}
    assert len(keys) == 2


@pytest.mark.parametrize("headers", [BEARER, BASIC, {"authorization": KEY}])
def test_a_delivery_with_the_secret_is_taken(headers: dict[str, str]) -> None:
    assert made(Webhook).verify(headers, b"{}").key


@pytest.mark.parametrize(
    ("config", "headers", "body"),
    [
        ({}, {}, b"{}"),
        ({}, {}, b"no json"),
        ({}, {}, b'{"routing_key": "guessed"}'),
        ({}, {"authorization": "guessed"}, b'{"routing_key": "s3cret"}'),
        ({"header": "X-Token"}, BEARER, b"{}"),
        ({"auth": "hmac"}, BEARER, b"{}"),
        ({"auth": "hmac"}, {"x-signature-256": hmac_hex("guessed", b"{}")}, b"{}"),
        ({"auth": "hmac"}, {"x-signature-256": hmac_hex(KEY, b"")}, b"{}"),
        ({"auth": "standard-webhooks"}, {"webhook-id": "m", "webhook-signature": "v1,AAAA"} | BEARER, b"{}"),
    ],
)
def test_a_delivery_that_does_not_prove_itself_is_refused(
    config: dict[str, Any], headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(Forged):
        made(Webhook, **config).verify(headers, body)


@pytest.mark.parametrize("prefix", ["", "sha256=", "v1="])
def test_a_signed_delivery_is_taken(prefix: str) -> None:
    source = made(Webhook, auth="hmac", header="X-Sign")
    assert source.verify({"x-sign": prefix + hmac_hex(KEY, b"{}")}, b"{}").key


def test_bad_settings_are_named() -> None:
    with pytest.raises(Misconfigured) as refused:
        made(
            Webhook,
            secret="",
            items="a..b",
            fields={"colour": "a", "title": "a b"},
            title="{",
            severities={"x": "terrible"},
        )
    assert refused.value.fields.keys() == {"secret", "items", "fields.colour", "fields.title", "title", "severities"}


@pytest.mark.django_db
def test_a_delivery_goes_in_at_the_door_and_comes_out_as_an_event(client: Client) -> None:
    connector = ConnectorFactory(kind="webhook", secret={"secret": KEY})
    body = orjson.dumps(SAMPLES["new-relic"])
    headers = {"Authorization": f"Bearer {KEY}"}
    answers = [
        client.post(f"/hooks/{connector.name}", body, content_type="application/json", headers=headers)
        for _ in range(2)
    ]
    digest_pending(now=Delivery.objects.latest("received_at").received_at)
    assert answers[0].status_code == 202
    assert Event.objects.get().title == "Memory Used % > 90 for 5 minutes"


ALL = [*SAMPLES.values(), *ELSEWHERE.values(), *RECORDED.values()]


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_of_any_payload_breaks_the_reader(value: Any) -> None:
    for payload in SAMPLES.values():
        assert escapes(payload, value, heard) == []


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_breaks_a_reader_that_is_told_where_to_look(value: Any) -> None:
    assert escapes(OWN, value, lambda payload: heard(payload, **MAPPED)) == []


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_that_is_dropped_or_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    payload = data.draw(st.sampled_from(ALL))
    way = data.draw(st.sampled_from(list(places(payload))))
    with suppress(BadRecord, Invalid):
        heard(mutilated(payload, way, data.draw(st.just(DROPPED) | STRANGE)))


@settings(max_examples=300, deadline=None)
@given(payload=st.recursive(STRANGE, lambda inner: st.dictionaries(st.text(max_size=8), inner, max_size=4)))
def test_any_json_at_all_makes_an_event_or_a_dead_letter(payload: Any) -> None:
    with suppress(BadRecord, Invalid):
        heard(payload)
