"""Alertmanager and Grafana: what their notifications tell, whom they are believed, and what a poll adds."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Call, Cursor, Record
from connectors.errors import BadRecord, Forged, Misconfigured
from connectors.signing import hmac_hex
from connectors.sources.alertmanager import Alertmanager
from connectors.sources.grafana import Grafana
from connectors.tests.alerts import BASIC, BEARER, KEY, decoded, made, polled, pushed, told_by
from connectors.tests.corpus import DROPPED, EMPTIES, STRANGE, assert_golden, escapes, mutilated, places, told
from connectors.tests.factories import NOW
from connectors.tests.peers import Peer
from events.drafts import EventDraft
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

RECORDED = payloads("recorded-from-live-servers")
NOTIFICATIONS = {
    f"{path.parent.name}/{path.name}": orjson.loads(path.read_bytes())["body"]
    for path in sorted(RECORDED.glob("alertmanager-*/webhook.*.json"))
}
LISTED = orjson.loads((RECORDED / "alertmanager-0.33.1" / "api_v2_alerts.json").read_bytes())
URL = "http://am.example"
ALERT = {
    "status": "firing",
    "labels": {"alertname": "DiskFull", "severity": "error", "app": "api", "instance": "n1:9100", "cluster": "eu"},
    "annotations": {"description": "95 % used", "runbook_url": "https://example.org/rb"},
    "startsAt": "2029-12-31T23:00:00.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.example/graph",
}
GRAFANA = {
    "values": {"B": 22.5, "C": 1},
    "valueString": "[ var='B' value=22.5 ]",
    "dashboardURL": "https://grafana.example/d/1",
    "panelURL": "https://grafana.example/d/1?viewPanel=2",
    "imageURL": "https://grafana.example/i.png",
    "silenceURL": "https://grafana.example/silence",
    "fingerprint": "c6eadffa33fcdf37",
}


def envelope(*alerts: Any, **more: Any) -> dict[str, Any]:
    return {"version": "4", "receiver": "hook", "status": "firing", "groupKey": "{}", "alerts": list(alerts), **more}


def heard(*alerts: Any, **more: Any) -> list[EventDraft]:
    return pushed(made(Alertmanager), envelope(*alerts, **more))


BARE = {name: value for name, value in ALERT.items() if name not in {"status", "endsAt"}}


def sent(*alerts: Any, at: Any = NOW) -> list[EventDraft]:
    """Return what a Prometheus tells that sends its alerts here at a time."""
    source = made(Alertmanager)
    parts = list(source.unpack(Call("notification", {}, orjson.dumps(alerts), at)))
    return decoded(source, [Record.of(f"one#{place}", kind, part) for place, (kind, part) in enumerate(parts)])


@pytest.mark.parametrize(
    ("ends", "told"),
    [(NOW + timedelta(minutes=4), "alert_firing"), (NOW, "alert_resolved"), (None, "alert_firing")],
    ids=["goes on", "has ended", "does not say"],
)
def test_what_prometheus_sends_has_ended_when_its_end_is_past(ends: Any, told: str) -> None:
    (draft,) = sent(BARE | ({"endsAt": ends.isoformat()} if ends else {}))
    assert draft.event_type == told


def test_a_delivery_that_is_digested_late_tells_what_was_so_when_it_came() -> None:
    (draft,) = sent(BARE | {"endsAt": (NOW - timedelta(minutes=1)).isoformat()}, at=NOW - timedelta(minutes=5))
    assert draft.event_type == "alert_firing"


def test_prometheus_and_alertmanager_tell_of_one_event() -> None:
    assert sent(BARE)[0].source_id == heard(ALERT)[0].source_id


def test_an_alert_that_is_none_is_a_bad_record_and_stops_no_other() -> None:
    source = made(Alertmanager)
    (_, good), (_, bad) = source.unpack(Call("notification", {}, orjson.dumps([BARE, 7]), NOW))
    assert list(source.decode(Record.of("a", "alert", good)))
    with pytest.raises(BadRecord):
        list(source.decode(Record.of("b", "alert", bad)))


def test_every_recorded_notification_becomes_the_events_it_became_before() -> None:
    found = {name: told(pushed(made(Alertmanager), payload)) for name, payload in NOTIFICATIONS.items()}
    assert_golden("alertmanager/webhook", found)


def test_a_repeated_notification_tells_of_the_same_events() -> None:
    by_server: dict[tuple[str, str], set[str]] = {}
    for name, payload in NOTIFICATIONS.items():
        if payload["status"] == "firing":
            ids = {draft.source_id for draft in pushed(made(Alertmanager), payload)}
            by_server.setdefault((name.partition("/")[0], payload["groupKey"]), set()).update(ids)
    assert {len(ids) for ids in by_server.values()} == {1}


def test_an_alert_says_how_bad_it_is_what_it_is_about_and_where_to_look() -> None:
    (draft,) = heard(ALERT)
    assert (draft.event_type, draft.severity, draft.title) == ("alert_firing", "high", "DiskFull: 95 % used")
    assert (draft.service, draft.component, draft.environment) == ("api", "n1:9100", "eu")
    assert draft.url == "http://prometheus.example/graph"
    assert draft.data["runbook"] == "https://example.org/rb"


def test_a_resolved_alert_is_another_event_at_the_time_it_ended() -> None:
    over = {**ALERT, "status": "resolved", "endsAt": "2029-12-31T23:30:00Z"}
    first, second = heard(ALERT, over)
    assert second.source_id != first.source_id
    assert (second.event_type, second.severity) == ("alert_resolved", "info")
    assert second.timestamp - first.timestamp > timedelta(minutes=29)


def test_a_template_may_leave_the_fingerprint_out() -> None:
    (recorded,) = pushed(made(Alertmanager), NOTIFICATIONS["alertmanager-0.25.0/webhook.1.json"])
    alert = dict(NOTIFICATIONS["alertmanager-0.25.0/webhook.1.json"]["alerts"][0])
    del alert["fingerprint"]
    assert [draft.source_id for draft in heard(alert)] == [recorded.source_id]


def test_common_labels_stand_in_for_those_an_alert_leaves_out() -> None:
    (draft,) = heard({"startsAt": ALERT["startsAt"], "fingerprint": "f"}, commonLabels=ALERT["labels"])
    assert (draft.service, draft.severity, draft.url) == ("api", "high", "")


def test_a_notification_that_leaves_alerts_out_says_so() -> None:
    drafts = heard(ALERT, truncatedAlerts=7)
    assert [draft.event_type for draft in drafts] == ["alert_firing", "alerts_truncated"]
    assert drafts[1].title == "A notification left out 7 alerts"


def test_what_lists_no_alerts_cannot_be_read() -> None:
    with pytest.raises(BadRecord, match="alerts is not a list"):
        pushed(made(Alertmanager), {"version": "4"})


def test_grafana_adds_what_was_measured_and_links_to_look_at() -> None:
    alert = {**ALERT, **GRAFANA, "generatorURL": ""}
    (draft,) = pushed(made(Grafana), envelope(alert, version="1", orgId=1, title="[FIRING:1]", state="alerting"))
    assert draft.data["values"] == {"B": "22.5", "C": "1"}
    assert draft.data["image"] == "https://grafana.example/i.png"
    assert draft.url == "https://grafana.example/d/1?viewPanel=2"


@pytest.mark.parametrize("headers", [BEARER, BASIC], ids=["bearer", "basic"])
@pytest.mark.parametrize("kind", [Alertmanager, Grafana])
def test_a_delivery_with_the_secret_is_taken(kind: Any, headers: dict[str, str]) -> None:
    source = made(kind)
    assert source.verify(headers, b"{}").key == source.verify(headers, b"{}").key != source.verify(headers, b"[]").key


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Bearer guessed", "Basic ???", "Basic czNjcmV0Og==", "é"])
@pytest.mark.parametrize("kind", [Alertmanager, Grafana])
def test_a_delivery_without_the_secret_is_refused(kind: Any, value: str) -> None:
    with pytest.raises(Forged):
        made(kind).verify({"authorization": value}, b"{}")


def test_a_connector_without_a_secret_takes_no_deliveries() -> None:
    with pytest.raises(Misconfigured):
        made(Alertmanager, secret="", url=URL).verify({"authorization": ""}, b"{}")


def test_a_connector_that_is_neither_polled_nor_called_is_misconfigured() -> None:
    with pytest.raises(Misconfigured) as refused:
        made(Alertmanager, secret="")
    assert refused.value.fields.keys() == {"url"}


def test_what_is_configured_says_whether_it_is_polled_and_called() -> None:
    hook, poll = made(Alertmanager), made(Alertmanager, secret="", url=URL)
    assert (hook.is_pushed(), hook.is_polled()) == (True, False)
    assert (poll.is_pushed(), poll.is_polled()) == (False, True)


def signed(body: bytes, *, stamp: str = "", key: str = KEY) -> dict[str, str]:
    text = f"{stamp}:".encode() + body if stamp else body
    headers = {"x-grafana-alerting-signature": hmac_hex(key, text)}
    return headers | ({"x-grafana-alerting-timestamp": stamp} if stamp else {})


def test_grafana_may_sign_its_deliveries() -> None:
    assert made(Grafana).verify(signed(b"{}"), b"{}").event == "notification"


def test_a_signature_of_another_body_or_secret_is_refused() -> None:
    for headers, body in ((signed(b"{}"), b"[]"), (signed(b"{}", key="guessed"), b"{}"), (signed(b"") | BEARER, b"{}")):
        with pytest.raises(Forged):
            made(Grafana).verify(headers, body)


def test_a_signed_timestamp_is_part_of_what_is_signed_and_must_be_of_these_minutes() -> None:
    grafana = made(Grafana, timestamp_header="X-Grafana-Alerting-Timestamp")
    now = int(NOW.timestamp())
    assert grafana.verify(signed(b"{}", stamp=str(now)), b"{}").key
    for headers in (signed(b"{}"), signed(b"{}", stamp=str(now - 301)), signed(b"{}", stamp="yesterday")):
        with pytest.raises(Forged):
            grafana.verify(headers, b"{}")


def test_a_poll_tells_of_what_fires_as_the_webhook_does() -> None:
    by_hook = pushed(made(Alertmanager), NOTIFICATIONS["alertmanager-0.33.1/webhook.1.json"])
    with Peer({"/api/v2/alerts": LISTED}) as peer:
        by_poll = told_by(made(Alertmanager, url=peer.url))
    assert len(by_poll) == 4
    assert by_hook[0].source_id in {draft.source_id for draft in by_poll}
    assert_golden("alertmanager/alerts", {"api_v2_alerts": told(by_poll)})


def test_grafana_is_asked_where_it_keeps_its_alerts_and_with_its_token() -> None:
    with Peer({"/api/alertmanager/grafana/api/v2/alerts": LISTED}) as peer:
        assert len(told_by(made(Grafana, url=peer.url, token="t"))) == 4
    assert peer.asked[0].headers["authorization"] == "Bearer t"


def polls(*listed: Any) -> list[list[EventDraft]]:
    """Return what is told by polls a minute apart, each given what the server lists then."""
    heard_each: list[list[EventDraft]] = []
    cursor: Cursor = {}
    for minute, alerts in enumerate(listed):
        with Peer({"/api/v2/alerts": alerts}) as peer:
            source = made(Alertmanager, url=peer.url, at=NOW + timedelta(minutes=minute))
            (page,) = polled(source, cursor)
        cursor = orjson.loads(orjson.dumps(page.cursor))
        heard_each.append(decoded(source, page.records))
    return heard_each


def test_what_still_fires_is_no_news() -> None:
    assert [len(drafts) for drafts in polls(LISTED, LISTED)] == [4, 0]


def test_an_alert_that_is_listed_no_more_is_resolved_since_it_was_missed_first() -> None:
    each = polls(LISTED, LISTED[1:], LISTED[1:], LISTED[1:], LISTED[1:])
    assert [len(drafts) for drafts in each] == [4, 0, 0, 1, 0]
    (resolved,) = each[3]
    assert (resolved.event_type, resolved.timestamp) == ("alert_resolved", NOW + timedelta(minutes=1))
    assert resolved.source_id.replace("resolved", "firing") in {draft.source_id for draft in each[0]}


def test_a_server_that_forgot_everything_for_a_minute_resolves_nothing() -> None:
    assert [len(drafts) for drafts in polls(LISTED, [], LISTED, LISTED)] == [4, 0, 0, 0]


def test_a_silenced_alert_is_told_of_once_it_is_heard() -> None:
    quiet = [{**LISTED[0], "status": {"state": "suppressed"}}]
    assert [len(drafts) for drafts in polls(quiet, LISTED[:1], quiet, quiet)] == [0, 1, 0, 0]


def test_more_alerts_than_are_remembered_are_a_gap() -> None:
    many = [{**LISTED[0], "fingerprint": str(number)} for number in range(2_001)]
    with Peer({"/api/v2/alerts": many}) as peer:
        (page,) = polled(made(Alertmanager, url=peer.url))
    assert len(page.records) == 2_001
    assert len(page.cursor["firing"]) == 2_000
    assert "More than 2000" in page.gaps[0].reason


FULL = envelope({**ALERT, **GRAFANA}, truncatedAlerts=2, groupLabels={"a": "b"}, commonLabels=ALERT["labels"])


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_breaks_the_decoder(value: Any) -> None:
    hear: Callable[[Any], Any] = lambda payload: pushed(made(Grafana), payload)  # noqa: E731
    assert escapes(FULL, value, hear) == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_that_is_dropped_or_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    payload = data.draw(st.sampled_from([FULL, *NOTIFICATIONS.values()]))
    way = data.draw(st.sampled_from(list(places(payload))))
    with suppress(BadRecord, Invalid):
        pushed(made(Alertmanager), mutilated(payload, way, data.draw(st.just(DROPPED) | STRANGE)))


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_breaks_a_poll(value: Any) -> None:
    def read(listed: Any) -> Any:
        with Peer({"/api/v2/alerts": listed}) as peer:
            return told_by(made(Alertmanager, url=peer.url))

    assert escapes(LISTED[:1], value, read) == []
