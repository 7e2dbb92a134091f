"""Switches at work: what each of them stops, that nothing is lost, and that every process of the product obeys."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Feature, User
from accounts.switches import LOOK_EVERY
from accounts.switching import switch_off, switch_on
from connectors import digestion, health
from connectors import tasks as connector_tasks
from connectors.models import Connector, Delivery
from connectors.tests.factories import ConnectorFactory
from connectors.tests.github import post, signed
from connectors.tests.test_webhooks import PING
from events.models import Event
from events.tests.factories import EventFactory
from investigations import tasks
from investigations.models import Export, LookBack
from investigations.tests.factories import ExportFactory, InvestigationFactory
from tests.products import Product

OBEDIENT = [
    (Feature.LINKING, tasks.link, "investigations.linking.link_pending"),
    (Feature.SUSPECTS, tasks.rank_suspects, "investigations.suspicion.compute_owed"),
    (Feature.EXPORTS, tasks.make_exports, "investigations.exports.making.make_next"),
    (Feature.SURVEYS, connector_tasks.survey, "connectors.surveying.work"),
    (Feature.ASSISTANT, connector_tasks.write_drafts, "connectors.tasks.write_next"),
    (Feature.NOTIFICATIONS, connector_tasks.send_notifications, "connectors.tasks.deliver_due"),
]


def off(feature: Feature) -> None:
    """Switch a feature off, as an operator at the command line."""
    switch_off(feature=feature, actor=None, now=timezone.now())


@pytest.mark.django_db
@pytest.mark.parametrize(("feature", "task", "deed"), OBEDIENT, ids=[str(row[0]) for row in OBEDIENT])
def test_a_worker_leaves_alone_what_is_switched_off(
    feature: Feature, task: Callable[[], None], deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def work(**_: Any) -> bool:
        begun.append(1)
        return False

    monkeypatch.setattr(deed, work)
    off(feature)
    task()
    assert begun == []
    switch_on(feature=feature, actor=None)
    task()
    assert begun == [1]


@pytest.mark.django_db
def test_what_waits_for_linking_waits_on() -> None:
    event, case = EventFactory(linked_at=None), InvestigationFactory()
    LookBack.objects.get_or_create(investigation=case)
    off(Feature.LINKING)
    tasks.link()
    tasks.look_back()
    assert Event.objects.unlinked().get() == event
    assert LookBack.objects.filter(investigation=case).exists()


@pytest.mark.django_db
def test_exports_are_refused_and_those_that_wait_wait_on(
    engineer: User, client: Client, api: Callable[[User], APIClient]
) -> None:
    waiting = ExportFactory(created_by=engineer)
    off(Feature.EXPORTS)
    where = f"/api/v1/investigations/{waiting.investigation_id}"
    answer = api(engineer).post(f"{where}/exports", {"format": "pdf"})
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "switched_off", "60")
    client.force_login(engineer)
    page = client.get(f"/investigations/{waiting.investigation_id}/export?format=json")
    assert page.status_code == 503
    tasks.make_exports()
    assert Export.objects.get(pk=waiting.pk).state == waiting.state


@pytest.mark.django_db
def test_no_source_is_asked_while_polls_are_off_and_deliveries_are_taken(client: Client) -> None:
    polled = ConnectorFactory(name="polled", next_poll_at=timezone.now())
    pushed = ConnectorFactory(name="pushed", next_poll_at=None)
    off(Feature.POLLING)
    assert not Connector.objects.due(timezone.now()).exists()
    states = {one.connector: one.state for one in health.report(timezone.now())}
    assert states[polled] == "halted"
    assert states[pushed] != "halted"
    assert post(client, pushed, PING, **signed(PING)).status_code == 202


@pytest.mark.django_db
def test_no_delivery_is_taken_while_webhooks_are_off_and_those_taken_before_are_digested(client: Client) -> None:
    connector = ConnectorFactory()
    assert post(client, connector, PING, **signed(PING)).status_code == 202
    off(Feature.WEBHOOKS)
    answer = post(client, connector, PING, **signed(PING, key="two"))
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "switched_off", "300")
    assert Delivery.objects.count() == 1
    assert digestion.digest_pending(now=timezone.now()) == 1


@pytest.mark.django_db
def test_telemetry_is_refused_so_that_its_sender_keeps_it(engineer: User, api: Callable[[User], APIClient]) -> None:
    off(Feature.OTLP)
    answer = api(engineer).post("/otlp/v1/logs", {}, format="json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")


@pytest.mark.slow
def test_every_process_obeys_within_seconds_and_nothing_is_lost(product: Product) -> None:
    product.start(DEMO_PASSWORD="told", RATE_LIMIT_ENGINEER="0", WEB_WORKERS="2")
    with httpx.Client(base_url=f"http://127.0.0.1:{product.port}/api/v1", timeout=30) as asking:
        said = asking.post("/auth/token", json={"username": "engineer", "password": "told"}).json()
        asking.headers["Authorization"] = f"Bearer {said['access']}"

        def bulk() -> int:
            """Ask on a connection of its own: it may meet either process."""
            told = [{"title": "Checkout fails", "source": "manual", "event_type": "error", "source_id": "1"}]
            return httpx.post(f"{asking.base_url}events/bulk", json=told, headers=asking.headers).status_code

        def waiting() -> int:
            figures = httpx.get(f"http://127.0.0.1:{product.port}/metrics").text
            (line,) = [line for line in figures.splitlines() if line.startswith("rca_events_waiting ")]
            return int(float(line.split()[1]))

        product.manage("switch", "off", "bulk", "--reason", "A flood.")
        product.until(lambda: {bulk() for _ in range(12)} == {503}, seconds=15)
        product.manage("switch", "on", "bulk")
        product.manage("switch", "off", "linking")
        product.until(lambda: {bulk() for _ in range(12)} == {200}, seconds=15)
        time.sleep(2 * LOOK_EVERY)  # the workers have looked by then, as is promised; nothing they do would tell
        told = {"title": "Nobody links this", "source": "manual", "event_type": "error", "source_id": "2"}
        assert asking.post("/events", json=told).status_code == 201
        product.until(lambda: waiting() >= 1, seconds=15)
        product.manage("switch", "on", "linking")
        product.until(lambda: waiting() == 0)
