"""RabbitMQ instead of Redis carries the doorbells: a real one, with web and worker on it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from benchmarks.cluster import Cluster, Node, cluster, until
from benchmarks.talk import ask, figures
from rcaplatform.kit.doorbell import QUIET_SECONDS
from tests import rabbitmq
from tests.rabbitmq import RabbitMQ

ROOT = Path(__file__).resolve().parent.parent
LINKS = 'rca_queue_depth{queue="link"}'
PERSON = """
from accounts.services import create_user
from accounts.tokens import AccessToken
print(AccessToken.for_user(create_user(username="e", password="a long enough one", role="engineer", actor=None)))
"""


class Installation:
    """A node whose processes ring over RabbitMQ, and a token to talk to it with."""

    def __init__(self, nodes: Cluster, broker: RabbitMQ) -> None:
        self.nodes, self.broker = nodes, broker
        self.token = nodes.shell(PERSON).strip()
        self.node: Node = nodes.add("node-1", "web")

    def tell(self) -> tuple[str, float]:
        """Tell of an event; return its id, and the seconds until that was accepted."""
        told = {"title": f"Told {uuid4()}", "event_type": "note", "timestamp": "2026-03-01T12:00:00Z"}
        began = time.monotonic()
        answer = ask(self.node.port, "POST", "/api/v1/events", token=self.token, body=told)
        assert answer.status == 201, answer
        return str(answer.body["id"]), time.monotonic() - began

    def linked(self, event: str) -> bool:
        """Tell whether linking has considered an event; no scheduler runs, so only a bell can have brought that."""
        return self.nodes.number(f"SELECT count(linked_at) FROM events_event WHERE id = '{event}'") == 1  # noqa: S608


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    rabbitmq.require()
    with ExitStack() as stack:
        broker = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
        stack.callback(broker.stop)
        broker.start()
        nodes = stack.enter_context(cluster(CELERY_BROKER_URL=broker.url))
        yield Installation(nodes, broker)


@pytest.fixture
def worker(installation: Installation) -> Iterator[None]:
    installation.node.start("worker")
    yield
    process = installation.node.processes.pop("worker")
    process.terminate()
    process.wait(30)


@pytest.mark.slow
def test_what_waits_is_told_and_a_worker_that_comes_takes_it(
    installation: Installation, request: pytest.FixtureRequest
) -> None:
    event, _ = installation.tell()
    until(lambda: figures(installation.node.port)[LINKS] == 1, 10)
    request.getfixturevalue("worker")
    until(lambda: installation.linked(event), 30)
    until(lambda: figures(installation.node.port)[LINKS] == 0, 10)


@pytest.mark.slow
def test_ready_and_preflight_name_it(installation: Installation) -> None:
    assert ask(installation.node.port, "GET", "/readyz").body["checks"]["broker"] == "ok"
    assert "RabbitMQ" in installation.nodes.run("manage.py", "preflight")


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
def test_a_broker_that_is_away_refuses_nothing_and_the_worker_comes_back_to_it(installation: Installation) -> None:
    event, _ = installation.tell()
    until(lambda: installation.linked(event), 30)
    installation.broker.stop()
    _, took = installation.tell()
    assert took < 2
    ready = ask(installation.node.port, "GET", "/readyz")
    assert (ready.status, ready.body["checks"]["broker"]) == (200, "unreachable")
    installation.broker.start()
    time.sleep(QUIET_SECONDS)  # for so long the bell of before is unanswered, and no other is rung
    event, _ = installation.tell()
    until(lambda: installation.linked(event), 60)


@pytest.mark.parametrize("address", ["sqs://", "kafka://host:9092", "localhost:5672"])
def test_another_kind_of_broker_is_refused_by_the_name_of_its_variable(address: str, tmp_path: Path) -> None:
    environment = {**os.environ, "CELERY_BROKER_URL": address, "RCA_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", "import rcaplatform.settings"], cwd=ROOT, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode
    assert "CELERY_BROKER_URL must be an address such as amqp://" in done.stderr
