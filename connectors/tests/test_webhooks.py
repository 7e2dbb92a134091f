"""The webhook door: what it answers to whom, and what it keeps."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from connectors import reception, services
from connectors.base import Push
from connectors.choices import DeliveryState
from connectors.digestion import digest_pending
from connectors.models import Connector, Delivery
from connectors.registry import SOURCES
from connectors.tests.factories import NOW, ConnectorFactory
from connectors.tests.github import corpus, post, signature, signed
from rcaplatform.kit.errors import Unavailable

pytestmark = pytest.mark.django_db
KEY = "a secret that only its sender knows"
PING = b'{"zen": "Speak like a human."}'


def detail(answer: Any) -> dict[str, Any]:
    """Return the problem, after checking that it is told as one."""
    assert answer["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told.keys() >= {"type", "title", "status", "detail"}
    assert told["status"] == answer.status_code
    return told


@pytest.mark.parametrize("path", corpus(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_recorded_delivery_is_taken_and_digested(client: Client, path: Path) -> None:
    body, connector = path.read_bytes(), ConnectorFactory()
    answer = post(client, connector, body, **signed(body, event=path.parent.name))
    assert answer.status_code == 202
    delivery = Delivery.objects.get()
    digest_pending(now=delivery.received_at)
    delivery.refresh_from_db()
    assert delivery.state in {DeliveryState.DIGESTED, DeliveryState.IGNORED}
    assert (delivery.stored > 0) == (delivery.state == DeliveryState.DIGESTED)


def test_the_same_delivery_twice_is_kept_once(client: Client) -> None:
    connector = ConnectorFactory()
    answers = [post(client, connector, PING, **signed(PING)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert {answer.json()["delivery"] for answer in answers} == {str(Delivery.objects.get().pk)}


def test_two_connectors_may_be_sent_the_same_delivery(client: Client) -> None:
    answers = [post(client, ConnectorFactory(), PING, **signed(PING)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]


def test_a_delivery_is_kept_byte_by_byte(client: Client) -> None:
    body = b'{"zen":  "\xc3\xbc\\u0000",\r\n "n": 1.0}\n'
    post(client, ConnectorFactory(), body, **signed(body), **{"user-agent": "GitHub-Hookshot/1", "cookie": "a=b"})
    delivery = Delivery.objects.get()
    assert bytes(delivery.body) == body
    assert delivery.headers == {"content-type": "application/json", "user-agent": "GitHub-Hookshot/1"}


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "sha256=",
        signature(PING).removeprefix("sha256="),
        signature(PING).upper(),
        signature(PING)[:-1],
        signature(PING + b" "),
        signature(PING, secret="guessed"),
        signature(PING, secret=""),
        signature(PING).replace("sha256", "sha1"),
        "sha256=é" + "0" * 63,
    ],
)
def test_a_forged_delivery_is_refused_and_not_kept(client: Client, given: str | None) -> None:
    headers = {**signed(PING), "x-hub-signature-256": given}
    answer = post(
        client, ConnectorFactory(), PING, **{name: value for name, value in headers.items() if value is not None}
    )
    assert answer.status_code == 401
    assert "X-Hub-Signature-256" in detail(answer)["detail"]
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("name", ["X-GitHub-Delivery", "X-GitHub-Event"])
@pytest.mark.parametrize("value", [None, "", "x" * 101, "a\tb", "é"])
def test_a_genuine_delivery_that_does_not_say_what_it_is_is_told_which_header(
    client: Client, name: str, value: str | None
) -> None:
    headers = {**signed(PING), name.lower(): value}
    answer = post(
        client, ConnectorFactory(), PING, **{name: value for name, value in headers.items() if value is not None}
    )
    assert answer.status_code == 400
    assert name in detail(answer)["detail"]


def test_a_name_nobody_has_is_not_found(client: Client) -> None:
    assert detail(client.post("/hooks/nobody", PING, content_type="application/json"))["status"] == 404


CARRIED = {kind: source.pushed_with or "secret" for kind, source in SOURCES.items() if issubclass(source, Push)}
ENDS = [(kind, path) for kind, source in SOURCES.items() if issubclass(source, Push) for path in source.paths]


@pytest.mark.parametrize(("kind", "path"), ENDS)
def test_a_sender_may_append_what_its_own_product_is_called_by(client: Client, kind: str, path: str) -> None:
    connector = ConnectorFactory(kind=kind, secret={CARRIED[kind]: KEY})
    headers = {"authorization": f"Bearer {KEY}"}
    answers = [
        client.post(f"/hooks/{connector.name}{end}", b"[]", content_type="application/json", headers=headers)
        for end in ("", f"/{path}", f"/{path}/")
    ]
    assert [answer.status_code for answer in answers] == [202, 200, 200]


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in ENDS} | {"github", "git"}))
@pytest.mark.parametrize("end", ["nothing", "api/v2/spans/more", "loki/api/v1", "../v2/enqueue", "v2//enqueue", "\x00"])
def test_any_other_end_of_an_address_is_not_found(client: Client, kind: str, end: str) -> None:
    connector = ConnectorFactory(kind=kind)
    answer = client.post(f"/hooks/{connector.name}/{end}", PING, content_type="application/json")
    assert detail(answer)["status"] == 404
    assert not Delivery.objects.exists()


def test_an_end_of_an_address_lets_nobody_in_without_the_secret(client: Client) -> None:
    connector = ConnectorFactory(kind="loki", secret={"secret": KEY})
    answer = client.post(f"/hooks/{connector.name}/loki/api/v1/push", b"{}", content_type="application/json")
    assert detail(answer)["status"] == 401


def test_a_sender_that_asks_first_is_answered_at_the_address_it_was_given_alone(client: Client) -> None:
    connector = ConnectorFactory(kind="cloudevents")
    asked = {"WebHook-Request-Origin": "sender.example"}
    answers = [client.options(f"/hooks/{connector.name}{end}", headers=asked) for end in ("", "/more")]
    assert [answer.status_code for answer in answers] == [200, 404]


def test_a_connector_that_is_polled_has_no_webhook(client: Client) -> None:
    assert detail(post(client, ConnectorFactory(kind="git"), PING, **signed(PING)))["status"] == 404


def test_a_connector_that_is_switched_off_asks_to_come_again(client: Client) -> None:
    answer = post(client, ConnectorFactory(enabled=False), PING, **signed(PING))
    assert (detail(answer)["status"], answer["Retry-After"]) == (503, "300")
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "head"])
def test_only_post_is_taken(client: Client, method: str) -> None:
    answer = getattr(client, method)(f"/hooks/{ConnectorFactory().name}")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_body_over_the_limit_is_refused(client: Client, settings: Any) -> None:
    settings.WEBHOOK_MAX_BYTES = 100
    fits, passes = b"1" * 100, b"1" * 101
    connector = ConnectorFactory()
    assert post(client, connector, fits, **signed(fits)).status_code == 202
    assert detail(post(client, connector, passes, **signed(passes)))["status"] == 413


def test_a_body_larger_than_a_form_may_be_is_taken_whole(client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    body = b"[" + b"1," * 5_000 + b"1]"
    assert post(client, ConnectorFactory(), body, **signed(body)).status_code == 202
    assert len(Delivery.objects.get().body) == len(body)


def test_a_form_is_taken_with_its_signature_over_the_raw_body(client: Client) -> None:
    body = b"payload=%7B%22zen%22%3A1%7D"
    connector = ConnectorFactory()
    answer = client.post(
        f"/hooks/{connector.name}", body, content_type="application/x-www-form-urlencoded", headers=signed(body)
    )
    assert answer.status_code == 202
    assert bytes(Delivery.objects.get().body) == body


def test_a_sender_that_hangs_up_breaks_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: Any, size: int = -1) -> bytes:
        raise OSError("gone")

    monkeypatch.setattr("django.core.handlers.wsgi.LimitedStream.read", read)
    assert detail(post(client, ConnectorFactory(), PING, **signed(PING)))["status"] == 400


def test_secrets_sealed_elsewhere_are_our_trouble_not_the_senders(client: Client, settings: Any) -> None:
    connector = ConnectorFactory()
    settings.SEALING_KEYS = ["T0tPhlG7cLnZsoPIQOjA_-wBjbiVzl6jTQlP_AOcR5I="]
    assert detail(post(client, connector, PING, **signed(PING)))["status"] == 503


@pytest.mark.parametrize(
    "broken", [{"kind": "gone"}, {"secret": {}}, {"config": {"unheard": 1}}, {"secret": {"secret": ""}}]
)
def test_a_connector_that_cannot_be_opened_says_no_more_than_that(client: Client, broken: dict[str, Any]) -> None:
    answer = post(client, ConnectorFactory(**broken), PING, **signed(PING))
    told = detail(answer)
    assert (told["status"], answer["Retry-After"]) == (503, "300")
    assert "secret" not in told["detail"]


def test_a_database_that_does_not_answer_is_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = ConnectorFactory()

    def down(**_: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(reception, "receive", down)
    answer = post(client, connector, PING, **signed(PING))
    assert (detail(answer)["status"], answer["Retry-After"]) == (503, "300")


@pytest.mark.django_db(transaction=True)
def test_a_locked_table_is_503_before_the_sender_hangs_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "LOCK_PATIENCE", "200ms")
    connector = ConnectorFactory()
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SET idle_in_transaction_session_timeout = '5s'")  # a door without patience would wait for ever
        other.execute("LOCK TABLE connectors_delivery IN ACCESS EXCLUSIVE MODE")
        assert detail(post(client, connector, PING, **signed(PING)))["status"] == 503
        other.rollback()
    assert post(client, connector, PING, **signed(PING)).status_code == 202


def test_a_worker_is_woken_for_a_new_delivery_alone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(reception, "ring_once", rung.append)
    connector = ConnectorFactory()
    for _ in range(2):
        post(client, connector, PING, **signed(PING))
    assert rung == ["connectors.digest"]


def test_taking_a_delivery_costs_one_statement_once_its_connector_is_known(client: Client) -> None:
    connector, costs = ConnectorFactory(), []
    for key in ("first", "second", "second"):
        with CaptureQueriesContext(connection) as asked:
            post(client, connector, PING, **signed(PING, key=key))
        costs.append(len(asked))
    assert costs == [2, 1, 1]  # the connector and the delivery; from then on both at once, new or known


def test_a_connector_that_took_deliveries_and_is_switched_off_takes_no_more(client: Client, admin: User) -> None:
    connector = ConnectorFactory()
    assert post(client, connector, PING, **signed(PING)).status_code == 202
    services.switch(connector=Connector.objects.get(), enabled=False, actor=admin, now=NOW)
    assert post(client, connector, PING, **signed(PING, key="two")).status_code == 503
    services.switch(connector=Connector.objects.get(), enabled=True, actor=admin, now=NOW)
    services.halt(actor=admin, now=NOW)
    assert post(client, connector, PING, **signed(PING, key="two")).status_code == 503
    assert Delivery.objects.count() == 1


def test_a_secret_that_was_replaced_lets_nobody_in_from_then_on(client: Client, admin: User) -> None:
    connector = ConnectorFactory()
    assert post(client, connector, PING, **signed(PING)).status_code == 202
    values = {"secret": "the new one"}
    services.configure(connector=Connector.objects.get(), interval=60, values=values, actor=admin, now=NOW)
    assert post(client, connector, PING, **signed(PING, key="two")).status_code == 401
    fresh = {**signed(PING, key="two"), "x-hub-signature-256": signature(PING, secret="the new one")}
    assert post(client, connector, PING, **fresh).status_code == 202


def test_a_connector_that_was_removed_or_renamed_has_no_door_left(client: Client) -> None:
    connector = ConnectorFactory()
    post(client, connector, PING, **signed(PING))
    Connector.objects.update(name="another")
    assert post(client, connector, PING, **signed(PING, key="two")).status_code == 404
    Connector.objects.all().delete()
    connector.name = "another"
    assert post(client, connector, PING, **signed(PING, key="two")).status_code == 404


def test_a_connector_switched_off_while_it_verifies_keeps_nothing() -> None:
    connector = ConnectorFactory()
    Connector.objects.update(enabled=False)
    with pytest.raises(Unavailable, match="at this moment"):
        reception.receive(connector=connector, headers=signed(PING), body=PING, now=NOW)
    assert not Delivery.objects.exists()


def test_no_session_or_csrf_token_is_asked_for() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert post(strict, ConnectorFactory(), PING, **signed(PING)).status_code == 202
