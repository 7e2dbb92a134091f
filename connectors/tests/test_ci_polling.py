"""CI sources behind the engine: what a poll read is stored, once, also when a webhook tells of it too."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from django.test import Client
from pytest_django import Settings

from connectors import polling, services
from connectors.digestion import digest_pending
from connectors.models import Connector, Delivery
from connectors.pipeline import Tally
from connectors.signing import hmac_hex
from connectors.tests import test_buildkite as buildkite
from connectors.tests import test_circleci as circleci
from connectors.tests import test_jenkins as jenkins
from connectors.tests.alerts import BEARER, KEY
from connectors.tests.factories import NOW
from connectors.tests.peers import Asked, Peer, Reply
from events.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _hang_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server close each connection: nobody tells the engine's client when a poll has ended."""
    answer = Peer.answer

    def hung_up(self: Peer, asked: Asked) -> Reply:
        reply = answer(self, asked)
        return Reply(reply.body, reply.status, {**reply.headers, "Connection": "close"})

    monkeypatch.setattr(Peer, "answer", hung_up)


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path / "data"


def connected(kind: str, server: Peer, **values: Any) -> Connector:
    given = {"url": server.url, "token": "t", "secret": KEY, **values}
    return services.connect(name="ci", kind=kind, values=given, actor=None, now=NOW)


def sent(client: Client, body: Any, headers: dict[str, str]) -> None:
    """Send a delivery and have it digested."""
    answer = client.post("/hooks/ci", orjson.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code == 202
    digest_pending(now=Delivery.objects.get().received_at)


def test_a_build_of_jenkins_is_stored_once(client: Client) -> None:
    with jenkins.Server(shop=[jenkins.build(1, "FAILURE")]) as server:
        connector = connected("jenkins", server, user="ada")
        assert polling.poll(connector=connector, now=NOW) == Tally(stored=1)
        assert polling.poll(connector=connector, now=NOW) == Tally()
    sent(client, jenkins.notification(), BEARER)
    assert Event.objects.count() == 1


def test_a_workflow_of_circleci_is_stored_once(client: Client) -> None:
    workflows = {"p1": [circleci.workflow("w1", "failed")]}
    with circleci.Server(circleci.pipeline(1), workflows=workflows) as server:
        connector = connected("circleci", server, projects=[circleci.SLUG])
        assert polling.poll(connector=connector, now=NOW) == Tally(stored=1)
        assert polling.poll(connector=connector, now=NOW) == Tally()
    body = circleci.delivery()
    sent(client, body, {"circleci-signature": "v1=" + hmac_hex(KEY, orjson.dumps(body))})
    assert Event.objects.count() == 1


def test_a_build_of_buildkite_is_stored_once(client: Client) -> None:
    with Peer({buildkite.BUILDS: [buildkite.build()]}) as server:
        connector = connected("buildkite", server, organization="acme")
        assert polling.poll(connector=connector, now=NOW) == Tally(stored=1)
        assert polling.poll(connector=connector, now=NOW) == Tally(duplicates=1)
    sent(client, buildkite.webhook(), {"x-buildkite-token": KEY})
    assert Event.objects.count() == 1
