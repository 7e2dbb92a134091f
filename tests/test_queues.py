"""Which worker hears which bell: a source that does not answer holds up nothing but polls."""

import pytest

from accounts.notifications.services import TASK as NOTIFY_TASK
from connectors.backfills import BACKFILL_TASK
from connectors.deadletters import RETRY_TASK
from connectors.tasks import poll_one
from investigations.assistant.drafting import DRAFT_TASK
from investigations.exports.making import EXPORT_TASK
from investigations.services import SURVEY_TASK
from rcaplatform import celery_app
from rcaplatform.processes import commands

ELSEWHERE = {RETRY_TASK, BACKFILL_TASK, SURVEY_TASK, EXPORT_TASK, DRAFT_TASK, NOTIFY_TASK}


def queue_of(task: str) -> str:
    return str(celery_app.amqp.router.route({}, task)["queue"].name)


def heard_by(name: str) -> set[str]:
    """Return the queues that a process listens to."""
    command = commands({})[name]
    return set(command[command.index("--queues") + 1].split(","))


def test_polls_have_a_worker_of_their_own() -> None:
    assert heard_by("poller") == {queue_of("connectors.poll")}


def test_what_is_tried_again_takes_long_or_waits_for_mail_servers_has_a_worker_of_its_own() -> None:
    assert heard_by("retrier") == {queue_of(task) for task in ELSEWHERE}


@pytest.mark.parametrize(
    "task", sorted({entry["task"] for entry in celery_app.conf.beat_schedule.values()} - ELSEWHERE)
)
def test_whatever_else_rings_is_heard_by_the_worker(task: str) -> None:
    assert queue_of(task) in heard_by("worker")


def test_no_queue_is_heard_by_two_kinds_of_workers() -> None:
    workers = ("worker", "poller", "retrier")
    assert sum(len(heard_by(name)) for name in workers) == len(set().union(*map(heard_by, workers)))


def test_a_task_is_not_given_to_another_worker_while_the_first_may_be_at_it() -> None:
    assert (poll_one.time_limit or 0) < celery_app.conf.broker_transport_options["visibility_timeout"]


def test_the_workers_of_one_machine_have_different_names() -> None:
    assert "poller@%h" in commands({})["poller"]
    assert "retrier@%h" in commands({})["retrier"]
    assert "--hostname" not in commands({})["worker"]
