"""Reads that a standby answers: a real one, which streams from a real primary, and is made to lag, fail and die."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from redis import Redis

from benchmarks.cluster import Cluster, Follower, Node, cluster, until
from benchmarks.talk import ask, figures
from events.models import Event
from rcaplatform.kit import replica
from rcaplatform.kit.replica import Asking, Router

pytestmark = pytest.mark.slow
MAX_LAG = 3
EVENTS, SEARCH, BY_SOURCE = "/api/v1/events", "/api/v1/events/search", "/api/v1/analytics/events/by-source"
PEOPLE = """
from accounts.services import create_user
from accounts.tokens import AccessToken
for name in ("writer", "reader"):
    person = create_user(username=name, password="a long enough one", role="engineer", actor=None)
    print(AccessToken.for_user(person))
"""


class Installation:
    """A node with a primary and a standby, somebody who writes and somebody who only reads."""

    def __init__(self, nodes: Cluster, follower: Follower, tokens: list[str]) -> None:
        self.nodes, self.follower, self.tokens = nodes, follower, tokens
        self.writer, self.reader = tokens
        # As if this Redis had been there for long: a new one may have lost word of what was written.
        Redis.from_url(nodes.environment["REDIS_URL"]).set("rca:wrote-since", 1)
        # An answer of the standby that waits for a lock is given up soon.
        self.node: Node = nodes.add(
            f"node-{len(nodes.nodes)}", "web", REPLICA_MAX_LAG_SECONDS=str(MAX_LAG),
            DATABASE_REPLICA_URL=f"{follower.server.url}&options=-c%20lock_timeout%3D300ms",
        )  # fmt: skip

    def tell(self) -> str:
        """Write an event; return its id."""
        told = {"title": f"Told {uuid4()}", "event_type": "note", "timestamp": "2026-03-01T12:00:00Z"}
        answer = ask(self.node.port, "POST", EVENTS, token=self.writer, body=told)
        assert answer.status == 201, answer
        return str(answer.body["id"])

    def sees(self, event: str, token: str, path: str = EVENTS, **headers: str) -> bool:
        """Tell whether an event is on somebody's list."""
        answer = ask(self.node.port, "GET", path, token=token, headers=headers)
        assert answer.status == 200, answer
        return event in [row["id"] for row in answer.body["results"]]

    def outcomes(self) -> dict[str, float]:
        """Return how often which server answered what might lag."""
        return {name: value for name, value in figures(self.node.port).items() if name.startswith("rca_replica_reads")}

    def caught_up(self) -> None:
        """Wait until the standby answers again."""
        before = self.outcomes().get('rca_replica_reads_total{outcome="replica"}', 0)

        def answered() -> bool:
            ask(self.node.port, "GET", EVENTS, token=self.reader)
            return self.outcomes().get('rca_replica_reads_total{outcome="replica"}', 0) > before

        until(answered, 30)


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with cluster() as nodes, ExitStack() as stack:
        follower = nodes.follow()
        stack.enter_context(follower.running())
        yield Installation(nodes, follower, nodes.shell(PEOPLE).split())


@pytest.fixture
def lagging(installation: Installation) -> Iterator[Installation]:
    """One whose standby has caught up, and replays nothing from now on."""
    installation.caught_up()
    installation.follower.pause()
    yield installation
    installation.follower.resume()
    installation.caught_up()


def test_who_wrote_sees_it_at_once_and_others_read_what_the_standby_knows(lagging: Installation) -> None:
    event = lagging.tell()
    assert lagging.sees(event, lagging.writer)
    assert not lagging.sees(event, lagging.reader)


def test_who_wrote_reads_from_the_standby_again_once_it_has_caught_up(installation: Installation) -> None:
    installation.caught_up()
    event, before = installation.tell(), installation.outcomes()
    until(lambda: installation.sees(event, installation.reader), 10)
    assert installation.sees(event, installation.writer)
    after = installation.outcomes()
    name = 'rca_replica_reads_total{outcome="replica"}'
    assert after[name] > before[name]


def test_a_standby_that_is_too_far_behind_answers_nobody(lagging: Installation) -> None:
    event = lagging.tell()
    time.sleep(MAX_LAG + 1)
    assert lagging.sees(event, lagging.reader)
    assert figures(lagging.node.port)["rca_replica_lag_seconds"] > MAX_LAG
    assert ask(lagging.node.port, "GET", "/readyz").body["checks"]["replica"] == "behind"
    assert ask(lagging.node.port, "GET", "/readyz").status == 200


def test_who_insists_on_what_is_now_gets_it(lagging: Installation) -> None:
    event = lagging.tell()
    assert lagging.sees(event, lagging.reader, **{"Cache-Control": "no-cache"})


def test_figures_that_are_kept_for_minutes_hold_what_was_told_before(lagging: Installation) -> None:
    def counted() -> int:
        asked = f"{BY_SOURCE}?start=2026-03-01T00:00:00Z&end=2026-03-02T00:00:00Z"
        return int(ask(lagging.node.port, "GET", asked, token=lagging.reader).body["total"])

    before = counted()
    time.sleep(1.1)  # for so long such an answer holds whatever is told
    lagging.tell()
    assert counted() == before + 1


def test_one_event_is_read_from_the_primary(lagging: Installation) -> None:
    event = lagging.tell()
    assert ask(lagging.node.port, "GET", f"{EVENTS}/{event}", token=lagging.reader).status == 200


def test_a_search_reads_from_the_standby_too(lagging: Installation) -> None:
    event = lagging.tell()
    assert lagging.sees(event, lagging.writer, f"{SEARCH}?q=told&sort=-timestamp")
    assert not lagging.sees(event, lagging.reader, f"{SEARCH}?q=told&sort=-timestamp")


def test_what_the_standby_fails_to_answer_the_primary_does(installation: Installation) -> None:
    installation.caught_up()
    held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'events_event'::regclass"
    with psycopg.connect(installation.nodes.primary.url) as database:
        database.execute("SELECT pg_current_xact_id()")
        database.execute("LOCK TABLE events_event")
        installation.nodes.number("SELECT length(pg_logical_emit_message(true, 'told', 'so that it is sent')::text)")
        until(lambda: installation.nodes.number(held, installation.follower.server) == 1, 10)
        installation.follower.pause()
    try:  # given up by the primary; the standby has not heard of that yet
        event = installation.tell()
        assert installation.sees(event, installation.reader)
        assert installation.outcomes()['rca_replica_reads_total{outcome="failed"}'] == 1
    finally:
        installation.follower.resume()


@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_and_after_a_write_the_primary_is_read() -> None:
    token = replica._asking.set(Asking(lagging=True))
    try:
        assert Router().db_for_read(Event) == "replica"
        with transaction.atomic():
            assert Router().db_for_read(Event) == "default"
        Router().db_for_write(Event)
        assert Router().db_for_read(Event) == "default"
    finally:
        replica._asking.reset(token)


def test_nothing_is_read_elsewhere_where_there_is_no_standby() -> None:
    assert "replica" not in settings.DATABASES
    assert replica.reading() is connection._connections["default"]  # type: ignore[attr-defined]


def test_a_standby_that_dies_costs_no_error_and_is_asked_again_when_it_is_back(installation: Installation) -> None:
    follower = installation.nodes.follow()
    with follower.running() as process:
        alone = Installation(installation.nodes, follower, installation.tokens)
        alone.caught_up()
        process.kill()
        process.wait()
        event = alone.tell()
        for _ in range(20):
            assert alone.sees(event, alone.reader)
        assert ask(alone.node.port, "GET", "/readyz").body["checks"]["replica"] == "unreachable"
        until(lambda: figures(alone.node.port)['rca_store_reachable{store="replica"}'] == 0, 10)
    with follower.running():
        alone.caught_up()
