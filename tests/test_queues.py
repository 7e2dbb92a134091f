"""Which worker hears which bell: a source that does not answer holds up nothing but polls."""

import pytest

from rcaplatform import celery_app
from rcaplatform.processes import commands


def queue_of(task: str) -> str:
    return str(celery_app.amqp.router.route({}, task)["queue"].name)


def heard_by(name: str) -> str:
    """Return the queue that a process listens to."""
    command = commands({})[name]
    return command[command.index("--queues") + 1]


def test_polls_have_a_worker_of_their_own() -> None:
    assert queue_of("connectors.poll") == heard_by("poller")
    assert heard_by("poller") != heard_by("worker")


@pytest.mark.parametrize("task", sorted(entry["task"] for entry in celery_app.conf.beat_schedule.values()))
def test_whatever_else_rings_is_heard_by_the_worker(task: str) -> None:
    assert queue_of(task) == heard_by("worker")


def test_the_workers_of_one_machine_have_different_names() -> None:
    assert "poller@%h" in commands({})["poller"]
    assert "--hostname" not in commands({})["worker"]
