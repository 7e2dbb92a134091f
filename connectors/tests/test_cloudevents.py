"""CloudEvents and CDEvents: three forms of one event, who is believed, and what it becomes."""

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
import pytest
from django.test import Client

from connectors.base import Call, Record
from connectors.digestion import digest_pending
from connectors.errors import BadRecord, Forged, Misconfigured
from connectors.models import DeadLetter, Delivery
from connectors.sources.cloudevents import CDEvents, CloudEvents, CloudEventsConfig
from connectors.standardwebhooks import standard_webhook
from connectors.tests.alerts import BEARER, KEY, made
from connectors.tests.corpus import DROPPED, EMPTIES, assert_golden, escapes, mutilated, told
from connectors.tests.factories import NOW, ConnectorFactory
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Invalid

STRUCTURED = {"content-type": "application/cloudevents+json; charset=UTF-8"}
EVENT = {
    "specversion": "1.0",
    "id": "a-1",
    "source": "https://shop.example/services/checkout",
    "type": "com.example.payment.declined",
    "subject": "order/42",
    "time": "2030-01-01T11:59:00.5Z",
    "severity": "error",
    "datacontenttype": "application/json",
    "data": {"message": "The bank does not answer", "environment": "prod", "url": "https://shop.example/orders/42"},
}
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "a-1",
    "ce-source": "https://shop.example/services/checkout",
    "ce-type": "com.example.payment.declined",
    "ce-subject": "order%2F42",
    "ce-time": "2030-01-01T11:59:00.5Z",
    "ce-severity": "error",
    "content-type": "application/json",
}


def pipeline_run(outcome: str = "failure", **content: Any) -> dict[str, Any]:
    """Return a CDEvent about a pipeline that finished."""
    return {
        "context": {
            "version": "0.4.1",
            "id": "c-1",
            "source": "/tekton/prod",
            "type": "dev.cdevents.pipelinerun.finished.0.2.0",
            "timestamp": "2030-01-01T11:58:00Z",
        },
        "subject": {
            "id": "run-7",
            "source": "/tekton/prod",
            "type": "pipelineRun",
            "content": {"pipelineName": "shop", "outcome": outcome, "errors": "Tests failed", **content},
        },
    }


def wrapped(body: dict[str, Any]) -> dict[str, Any]:
    """Return a CDEvent as it travels: the data of a CloudEvent."""
    context = body["context"]
    named = {name: context[name] for name in ("id", "source", "type")}
    return {"specversion": "1.0", **named, "time": context["timestamp"], "data": body}


def heard(payload: Any, headers: dict[str, str] | None = None, **config: str) -> list[EventDraft]:
    """Return what a call tells."""
    source = made(CloudEvents, **config)
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    parts = source.unpack(Call("event", STRUCTURED if headers is None else headers, body))
    return [draft for kind, value in parts for draft in source.decode(Record.of("one", kind, value))]


def test_an_event_in_headers_and_one_in_json_are_the_same() -> None:
    (binary,), (structured,) = heard(EVENT["data"], HEADERS), heard(EVENT)
    for name in ("source_id", "timestamp", "event_type", "severity", "title", "service", "environment", "url"):
        assert getattr(binary, name) == getattr(structured, name)


def test_a_batch_is_taken_apart() -> None:
    headers = {"content-type": "application/cloudevents-batch+json"}
    events = [EVENT, EVENT | {"id": "a-2"}, wrapped(pipeline_run())]
    assert [draft.event_type for draft in heard(events, headers)] == [
        "com.example.payment.declined",
        "com.example.payment.declined",
        "build_failure",
    ]


def test_what_an_event_says_is_kept() -> None:
    (draft,) = heard(EVENT)
    assert draft.title == "com.example.payment.declined order/42: The bank does not answer"
    assert draft.source == "alerts"
    assert (draft.severity, draft.service, draft.component) == ("high", "checkout", "order/42")
    assert (draft.environment, draft.url) == ("prod", "https://shop.example/orders/42")
    assert draft.timestamp.isoformat() == "2030-01-01T11:59:00.500000+00:00"


def test_an_event_without_a_time_happened_now() -> None:
    (draft,) = heard({name: value for name, value in EVENT.items() if name != "time"})
    assert draft.timestamp == NOW


def test_the_end_of_a_long_type_is_kept() -> None:
    (draft,) = heard(EVENT | {"type": "com.example." + "x" * 60 + ".order.failed"})
    assert draft.event_type.endswith(".order.failed")


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({"severity": "critical"}, "critical"),
        ({"severity": "", "severitytext": "WARN", "severitynumber": 13}, "medium"),
        ({"severity": "", "severitynumber": "21"}, "critical"),
        ({"severity": "", "data": {"level": "warning"}}, "medium"),
        ({"severity": "", "type": "com.example.build.failed"}, "high"),
        ({"severity": "", "type": "com.example.order.placed"}, "info"),
    ],
    ids=str,
)
def test_severity_is_the_events_own_word(more: dict[str, Any], severity: str) -> None:
    assert [draft.severity for draft in heard(EVENT | more)] == [severity]


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("text/plain", b"disk is full", "disk is full"),
        ("application/octet-stream", b"\xff\x00", "\ufffd\x00"),
        ("", b'{"message": "full"}', {"message": "full"}),
        ("", b"full", "full"),
    ],
    ids=str,
)
def test_data_beside_headers_may_be_anything(content_type: str, body: bytes, data: Any) -> None:
    (draft,) = heard(body, HEADERS | {"content-type": content_type})
    assert draft.data["data"] == data


@pytest.mark.parametrize("body", [b"", b"garbage", b"{}", b'{"id": 1}', b"[1]", b'{"type": "x"}'], ids=repr)
def test_what_is_no_event_is_a_bad_record(body: bytes) -> None:
    with pytest.raises(BadRecord):
        heard(body)


def test_a_batch_that_is_no_list_is_a_bad_record() -> None:
    with pytest.raises(BadRecord, match="not a JSON list"):
        heard(EVENT, {"content-type": "application/cloudevents-batch+json"})


def test_a_cdevent_is_the_same_with_and_without_its_envelope() -> None:
    (bare,), (inside,) = heard(pipeline_run()), heard(wrapped(pipeline_run()))
    assert told([bare]) == told([inside])


@pytest.mark.parametrize(
    ("outcome", "event_type"),
    [
        ("success", "build_success"),
        ("failure", "build_failure"),
        ("error", "build_failure"),
        ("cancel", "build_cancelled"),
    ],
)
def test_a_pipeline_that_finished_is_a_build(outcome: str, event_type: str) -> None:
    assert [draft.event_type for draft in heard(pipeline_run(outcome))] == [event_type]


def cdevent(kind: str, **content: Any) -> dict[str, Any]:
    body = pipeline_run()
    return body | {
        "context": body["context"] | {"type": f"dev.cdevents.{kind}.0.2.0"},
        "subject": {"id": "pkg:oci/shop@sha256:1", "content": content},
    }


def test_the_words_of_cdevents_are_the_products() -> None:
    environment = {"environment": {"id": "prod"}}
    bodies = [
        cdevent("service.deployed", artifactId="pkg:oci/shop@sha256:1", **environment),
        cdevent("service.rolledback", **environment),
        cdevent("incident.detected", service={"id": "shop"}, description="Slow", **environment),
        cdevent("artifact.published", change={"id": "abc1234"}),
        cdevent("taskrun.finished", taskName="unit", outcome="failure"),
        cdevent("testsuiterun.finished", testSuite={"name": "e2e"}, outcome="fail", severity="low"),
        cdevent("testcase.finished", testCase={"name": "login"}, outcome="pass"),
        cdevent("pipelinerun.started", pipelineName="shop"),
        cdevent("change.merged", repository={"id": "acme/shop"}),
        cdevent("gadget.invented"),
    ]
    assert_golden("cdevents/words", {body["context"]["type"]: told(heard(body)) for body in bodies})


@pytest.mark.parametrize(
    "kind", ["pipelinerun.queued", "taskrun.started", "artifact.downloaded", "testcaserun.skipped"]
)
def test_what_waits_or_was_left_out_is_no_event(kind: str) -> None:
    assert heard(cdevent(kind)) == []


@pytest.mark.parametrize("event", [EVENT, wrapped(pipeline_run()), wrapped(cdevent("service.deployed"))], ids=range(3))
@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_breaks_the_decoder(event: dict[str, Any], value: Any) -> None:
    assert escapes(event, value, heard) == []


def test_a_field_that_is_dropped_makes_a_dead_letter_at_most() -> None:
    for name in EVENT:
        try:
            assert len(heard(mutilated(EVENT, (name,), DROPPED))) == 1
        except (BadRecord, Invalid):
            assert name in {"id", "type"}


def signed(body: bytes, *, secret: bytes = b"key", stamp: int = int(NOW.timestamp())) -> dict[str, str]:
    digest = hmac.new(secret, f"m-1.{stamp}.".encode() + body, sha256).digest()
    signature = "v1," + b64encode(digest).decode()
    return {"webhook-id": "m-1", "webhook-timestamp": str(stamp), "webhook-signature": f"v1a,other {signature}"}


WHSEC = "whsec_" + b64encode(b"key").decode()


def test_a_token_is_proof() -> None:
    assert made(CloudEvents).verify(BEARER, orjson.dumps(EVENT)).event == "event"


@pytest.mark.parametrize("secret", [WHSEC, "key"])
def test_a_standard_webhook_signature_is_proof(secret: str) -> None:
    assert made(CloudEvents, secret=secret).verify(signed(b"{}"), b"{}").key
    assert standard_webhook(signed(b"{}"), b"{}", secret, now=NOW) == "m-1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        signed(b"other"),
        signed(b"{}", secret=b"wrong"),
        signed(b"{}", stamp=int(NOW.timestamp()) - 301),
        signed(b"{}") | {"webhook-signature": ""},
    ],
    ids=range(6),
)
def test_a_forged_or_old_call_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forged):
        made(CloudEvents, secret=WHSEC).verify(headers, b"{}")


def test_the_example_of_the_specification_is_genuine() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret, now = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.fromtimestamp(1614265330, UTC)
    assert standard_webhook(headers, b'{"test": 2432232314}', secret, now=now) == headers["webhook-id"]


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%"])
def test_a_key_that_is_none_is_the_owners_to_change(secret: str) -> None:
    with pytest.raises(Misconfigured):
        standard_webhook(signed(b"{}"), b"{}", secret, now=NOW)


def test_an_event_is_one_delivery_in_whichever_form_it_comes() -> None:
    verify = made(CloudEvents).verify
    structured = verify(BEARER | STRUCTURED, orjson.dumps(EVENT))
    binary = verify(BEARER | HEADERS, b"{}")
    other = verify(BEARER | HEADERS | {"ce-id": "a-2"}, b"{}")
    assert structured.key == binary.key != other.key


def test_a_secret_is_required() -> None:
    with pytest.raises(Misconfigured) as caught:
        CloudEventsConfig.read({"secret": ""})
    assert caught.value.fields.keys() == {"secret"}


@pytest.mark.django_db
def test_an_event_in_headers_is_stored_once(client: Client) -> None:
    connector = ConnectorFactory(kind="cdevents", secret={"secret": KEY})
    headers = {**BEARER, **{name: value for name, value in HEADERS.items() if name != "content-type"}}
    for _ in range(2):
        answer = client.post(
            f"/hooks/{connector.name}", EVENT["data"], content_type="application/json", headers=headers
        )
        assert answer.status_code in {200, 202}
    digest_pending(now=Delivery.objects.get().received_at)
    assert Event.objects.get().title.startswith("com.example.payment.declined order/42")


@pytest.mark.django_db
def test_one_bad_event_of_a_batch_stands_alone(client: Client) -> None:
    connector = ConnectorFactory(kind="cloudevents", secret={"secret": KEY})
    body = [EVENT, {"type": "no id"}, EVENT | {"id": "a-2"}]
    kind = "application/cloudevents-batch+json"
    assert client.post(f"/hooks/{connector.name}", body, content_type=kind, headers=BEARER).status_code == 202
    digest_pending(now=Delivery.objects.get().received_at)
    assert (Event.objects.count(), DeadLetter.objects.count()) == (2, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [CloudEvents.kind, CDEvents.kind])
def test_a_sender_that_asks_first_may_call(client: Client, kind: str) -> None:
    connector = ConnectorFactory(kind=kind, secret={"secret": KEY})
    answer = client.options(f"/hooks/{connector.name}", headers={"WebHook-Request-Origin": "eventemitter.example"})
    assert answer.status_code == 200
    assert answer["WebHook-Allowed-Origin"] == "eventemitter.example"
    assert (answer["WebHook-Allowed-Rate"], answer["Allow"]) == ("*", "POST")


@pytest.mark.django_db
def test_other_sources_agree_to_nothing(client: Client) -> None:
    headers = {"WebHook-Request-Origin": "eventemitter.example"}
    answers = [client.options(f"/hooks/{name}", headers=headers) for name in (ConnectorFactory().name, "nobody")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert not any(answer.has_header("WebHook-Allowed-Origin") for answer in answers)


@pytest.mark.django_db
def test_without_an_origin_a_question_is_no_handshake(client: Client) -> None:
    connector = ConnectorFactory(kind="cloudevents", secret={"secret": KEY})
    assert client.options(f"/hooks/{connector.name}").status_code == 405
