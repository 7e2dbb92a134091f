"""What an event costs at each stage, on which server: `python -m benchmarks.stages [--events 20000] [--calls 500]`.

One web node and, once all is stored, one worker. Counted are seconds on a processor, which neighbours change less than
rates, and the bytes of PostgreSQL's log and of the table of events with its indexes. `docs/operations/scaling.md`
reckons with these figures.
"""

import argparse
import gzip
import http.client
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import orjson
import psycopg

from benchmarks.cluster import Cluster, Node, cluster, until
from benchmarks.ingest_load import MIDNIGHT, told
from benchmarks.kill9 import connected, delivery
from benchmarks.load import get
from benchmarks.processor import matching, spent
from benchmarks.report import Row, table
from benchmarks.talk import ask
from rcaplatform.embedded import Postgres
from rcaplatform.processes import serving

A_CALL, OPEN_CASES, WEEK = 1_000, 50, timedelta(days=7)
WAL = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
SIZE = "SELECT pg_total_relation_size('events_event')"
OWED = "SELECT count(*) FROM investigations_lookback"
ACTORS = """
from accounts.models import User
from accounts.tokens import AccessToken
from datetime import datetime, timedelta, UTC
for number in range({cases}):
    service = ("checkout", "payment", "auth-service", "search", "web")[number % 5]
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=3 * number)
    create(values={{"title": f"Case {{number}}", "service_affected": service, "detected_at": at}}, actor=actor, now=now)
print(AccessToken.for_user(User.objects.get(username="bench")))
"""


def of_node(node: Node) -> float:
    """Return the seconds of all processes of a node: each of its commands leads a session."""
    sessions = {str(process.pid) for process in node.processes.values()}

    def belongs(process: Path) -> bool:
        return (process / "stat").read_text().rpartition(")")[2].split()[3] in sessions

    return sum(map(spent, matching(belongs)))


def of_server(server: Postgres) -> float:
    """Return the seconds of all processes of a server."""
    return sum(map(spent, matching(serving(server))))


@dataclass
class Bench:
    """The installation and what has been measured of it."""

    made: Cluster
    web: Node
    token: str
    rows: list[Row]

    def stage(self, what: str, node: Node, run: Callable[[], int]) -> None:
        """Run a stage, which returns how many times it did something, and note what each time took."""
        began = of_node(node), of_server(self.made.primary), self.made.number(WAL)
        times = run()
        here, there = of_node(node) - began[0], of_server(self.made.primary) - began[1]
        log = self.made.number(WAL) - began[2]
        figure = f"{here / times * 1_000:.3f} ms here, {there / times * 1_000:.3f} ms in PostgreSQL"
        self.rows.append(Row(what, figure, f"{log / times:,.0f} bytes of log"))

    def bulk(self, lines: list[bytes]) -> int:
        """Post everything, 1,000 a call."""
        link = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=60)
        kind = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
        for start in range(0, len(lines), A_CALL):
            body = gzip.compress(b"\n".join(lines[start : start + A_CALL]), 1)
            link.request("POST", "/api/v1/events/bulk", body, {**kind, "Authorization": f"Bearer {self.token}"})
            answer = link.getresponse()
            said = answer.read()
            if answer.status not in (200, 201):
                raise SystemExit(f"{answer.status}: {said[:500]!r}")
        return len(lines)

    def single(self, lines: list[bytes]) -> int:
        """Post one a call."""
        for line in lines:
            if ask(self.web.port, "POST", "/api/v1/events", token=self.token, body=orjson.loads(line)).status != 201:
                raise SystemExit("An event was refused.")
        return len(lines)

    def hooks(self, calls: int) -> int:
        """Post deliveries."""
        link = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=60)
        for number in range(calls):
            link.request("POST", "/hooks/bench", *delivery(number))
            answer = link.getresponse()
            answer.read()
            if answer.status not in (200, 202):
                raise SystemExit(f"A delivery was answered {answer.status}.")
        return calls

    def reads(self, path: str, query: dict[str, str]) -> int:
        """Ask for some seconds."""
        return len(get(self.web.port, path, query, token=self.token, seconds=5).times)

    def worked_off(self, statement: str) -> int:
        """Wait until nothing waits."""
        until(lambda: self.made.number(statement) == 0, 600)
        return 1


def line(number: int, of: int) -> bytes:
    """Return an event as a client tells it, one of so many within the week of the investigations."""
    return orjson.dumps({**told(number), "timestamp": (MIDNIGHT + WEEK * (number / of)).isoformat()})


def measure(options: argparse.Namespace) -> list[Row]:
    """Run each stage; return what it took."""
    with cluster(EVENT_QUEUE_LIMIT="0") as made:
        token = made.shell(connected("bench") + ACTORS.format(cases=OPEN_CASES)).split()[-1]
        looking = made.add("looking", "worker")
        until(lambda: made.number(OWED) == 0)  # what investigations owe when they are opened is none of the stages
        looking.kill(signal.SIGTERM)
        bench = Bench(made, made.add("web", "web"), token, [])
        lines = [line(number, options.events) for number in range(options.events + options.calls)]
        before = made.number(SIZE)
        bench.stage("bulk, an event", bench.web, lambda: bench.bulk(lines[: options.events]))
        with psycopg.connect(made.primary.url, autocommit=True) as database:
            database.execute("VACUUM ANALYZE events_event")
        size = (made.number(SIZE) - before) / options.events
        bench.rows.append(Row("kept of an event, with its indexes", f"{size:,.0f} bytes"))
        bench.stage("single, an event", bench.web, lambda: bench.single(lines[options.events :]))
        bench.stage("webhook, a delivery until 202", bench.web, lambda: bench.hooks(options.calls))
        worker = made.add("worker", "worker")
        unlinked = "SELECT count(*) FROM events_event WHERE linked_at IS NULL"
        waiting = made.number(unlinked)

        def linked() -> int:
            bench.single([orjson.dumps({**orjson.loads(lines[0]), "source_id": "the bell"})])
            return waiting * bench.worked_off(unlinked)

        bench.stage("linking, an event (and the start of a worker)", worker, linked)
        bench.stage("list of 20", bench.web, lambda: bench.reads("/api/v1/events", {}))
        bench.stage("search", bench.web, lambda: bench.reads("/api/v1/events/search", {"q": "timeout"}))
        return bench.rows


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=500, help="of one event, and of a webhook")
    print(table(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
