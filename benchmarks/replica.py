"""What a standby takes off the primary: `python -m benchmarks.replica [--events 20000] [--seconds 10]`.

Fills a store, lets a standby follow it, and asks two nodes for lists, searches and figures in turns: one that knows of
the standby and one that does not. Counted are transactions, which here are statements, and the seconds that the
processes of each server were on a processor.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from redis import Redis

from benchmarks.cluster import Cluster, Node, cluster, until
from benchmarks.load import get
from benchmarks.processor import matching, spent
from benchmarks.report import Row, table
from benchmarks.talk import figures
from rcaplatform.embedded import Postgres
from rcaplatform.processes import serving

CONNECTIONS, TURNS = 4, 3
ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    ("/api/v1/events", {}),
    ("/api/v1/events", {"service": "storefront"}),
    ("/api/v1/events/search", {"q": "timeout"}),
)
COMMITTED = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'rca'"
READER = """
from accounts.services import create_user
from accounts.tokens import AccessToken
print(AccessToken.for_user(create_user(username="reader", password="a long enough one", role="user", actor=None)))
"""


def busy(server: Postgres) -> float:
    """Return the seconds that the processes of a server were on a processor."""
    return sum(map(spent, matching(serving(server))))


@dataclass
class Taken:
    """What a node's answers took of one server."""

    answers: int = 0
    statements: int = 0
    busy: float = 0.0

    def per_answer(self) -> str:
        """Return statements and milliseconds an answer."""
        return f"{self.statements / self.answers:.2f} statements, {self.busy / self.answers * 1_000:.2f} ms"


@dataclass
class Bench:
    """The installation that is asked, its servers, and who asks."""

    made: Cluster
    servers: dict[str, Postgres]
    token: str
    seconds: float


def measured(bench: Bench, node: Node, taken: dict[str, Taken]) -> Iterator[float]:
    """Ask a node for some time, add up what each server did for it, and yield the rates."""
    for path, query in ASKED:
        before = {name: (_committed(bench, name), busy(bench.servers[name])) for name in taken}
        load = get(node.port, path, query, token=bench.token, connections=CONNECTIONS, seconds=bench.seconds)
        if load.failed:
            raise SystemExit(f"{load.failed} answers of {path} were none.")
        time.sleep(1.2)  # a server tells its statistics a second late
        for name, (statements, seconds) in before.items():
            taken[name].answers += len(load.times)
            taken[name].statements += _committed(bench, name) - statements
            taken[name].busy += busy(bench.servers[name]) - seconds
        yield load.rate


def _committed(bench: Bench, name: str) -> int:
    return bench.made.number(COMMITTED, bench.servers[name])


def measure(options: argparse.Namespace) -> list[Row]:
    """Fill, follow, ask; return what came of it."""
    rows = []
    with cluster(DEMO="true", DEMO_PASSWORD="unused here") as made:  # noqa: S106
        made.run("manage.py", "loadtest-data", f"--events={options.events}", "--investigations=100", "--force")
        token, follower = made.shell(READER).strip(), made.follow()
        Redis.from_url(made.environment["REDIS_URL"]).set("rca:wrote-since", 1)
        with follower.running():
            nodes = {
                "the primary alone": made.add("alone", "web"),
                "with a standby": made.add("both", "web", DATABASE_REPLICA_URL=follower.server.url),
            }
            servers = {"primary": made.primary, "standby": follower.server}
            until(lambda: _ready(nodes["with a standby"]), 60)
            bench = Bench(made, servers, token, options.seconds)
            taken = {name: {title: Taken() for title in servers} for name in nodes}
            rates: dict[str, list[float]] = {name: [] for name in nodes}
            for _ in range(TURNS):
                for name, node in nodes.items():
                    rates[name] += measured(bench, node, taken[name])
            for name, of_server in taken.items():
                rows += [Row(f"{name}: {title}, an answer", one.per_answer()) for title, one in of_server.items()]
                rows.append(Row(f"{name}: answers a second, mean", f"{sum(rates[name]) / len(rates[name]):,.0f}"))
            told = figures(nodes["with a standby"].port)
            rows += [Row(key, f"{value:,.0f}") for key, value in told.items() if key.startswith("rca_replica_reads_t")]
    return [*rows, Row("load average", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")]


def _ready(node: Node) -> bool:
    return figures(node.port)["rca_replica_lag_seconds"] < 1


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5, help="of each kind of question, in each of three turns")
    print(table(measure(parser.parse_args())))
    sys.exit(0)


if __name__ == "__main__":
    main()
