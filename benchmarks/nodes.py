"""Several nodes of one installation: what one does the others know, and a node that dies takes nothing with it.

Run: `.venv/bin/python -m benchmarks.nodes [--seconds 30] [--rate 100]`

Starts one PostgreSQL and one Redis, three nodes with a web server, two with a worker, two with a poller and two with
beat, each with a folder of its own. A client goes round the web nodes. Somebody signs in on one node, reads on the
second and signs out on the third; a page that listens on the second hears of a note written on the first; a source is
polled; deliveries are posted while nodes are killed with `kill -9`. It exits with 1 when anything is not as it should.
"""

import argparse
import http.client
import itertools
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import Any
from urllib.parse import urlencode

from benchmarks.cluster import Cluster, Node, cluster, until
from benchmarks.kill9 import connected, delivery
from benchmarks.report import Row, at_most, table
from benchmarks.talk import ask, figures

PASSWORD = "a long enough one"  # noqa: S105
ME, EVENTS, CASES = "/api/v1/me", "/api/v1/events", "/api/v1/investigations"
SECOND, MOST_WAIT, SETTLE = 1_000, 300.0, 300.0  # milliseconds, milliseconds, seconds
INTERVAL = 5
POLLED = """
connect(name="alerts", kind="alertmanager", values={{"url": "http://127.0.0.1:{port}"}}, interval={interval},
        actor=None, now=now)
"""
WAITING = "SELECT count(*) FROM connectors_delivery WHERE state = 'pending'"
MINE = "FROM events_event e JOIN events_origin o ON o.id = e.origin_id WHERE o.name = 'bench'"


class Source(ThreadingHTTPServer):
    """A server of alerts that has none, and counts how often it is asked."""

    asked = 0

    class Handler(BaseHTTPRequestHandler):
        """Answers an empty list."""

        def do_GET(self) -> None:
            """Count and answer."""
            self.server.asked += 1  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@dataclass
class Nodes:
    """All of them, and how to reach them."""

    cluster: Cluster
    web: list[Node]
    others: dict[str, Node]

    def start_again(self, node: Node, role: str) -> float:
        """Start a killed node; return the seconds until it answers, or 0 where nobody asks it."""
        node.start(role)
        return until(node.answers) if role == "web" else 0.0


@contextmanager
def running(*, webs: int = 3, pairs: int = 2, source: int) -> Iterator[Nodes]:
    """Start the stores and the nodes; ``source`` is the port of what is polled."""
    with cluster() as made:
        made.shell(connected("bench") + POLLED.format(port=source, interval=INTERVAL))
        web = [made.add(f"web-{number + 1}", "web") for number in range(webs)]
        roles = itertools.product(("worker", "poller", "beat"), range(pairs))
        others = {f"{role}-{number + 1}": made.add(f"{role}-{number + 1}", role) for role, number in roles}
        yield Nodes(made, web, others)


def signed_in(node: Node) -> dict[str, str]:
    """Get tokens from a node."""
    answer = ask(node.port, "POST", "/api/v1/auth/token", body={"username": "bench", "password": PASSWORD})
    tokens: dict[str, str] = answer.body
    return tokens


def identity(nodes: Nodes) -> list[Row]:
    """Sign in on one, read on the next, sign out on the last: at once, everywhere."""
    first, second, third = nodes.web
    tokens = signed_in(first)
    token = tokens["access"]
    known = [ask(node.port, "GET", ME, token=token).status for node in nodes.web]
    began = time.perf_counter()
    ask(third.port, "POST", "/api/v1/auth/logout", token=token, body={"refresh": tokens["refresh"]})
    ended = [ask(node.port, "GET", ME, token=token).status for node in (first, second)]
    took = (time.perf_counter() - began) * SECOND
    return [
        Row("a token of node 1, on nodes 1, 2 and 3", str(known), target="200", met=known == [200] * 3),
        Row("after sign-out on node 3, on nodes 1 and 2", str(ended), target="401", met=ended == [401] * 2),
        at_most("sign-out and both refusals together", took, SECOND, "ms"),
    ]


def written(nodes: Nodes) -> Row:
    """Write on one node, read on another one."""
    token = signed_in(nodes.web[0])["access"]
    told = {"title": "Told on node 1", "event_type": "note", "timestamp": "2026-03-01T12:00:00Z"}
    event = ask(nodes.web[0].port, "POST", EVENTS, token=token, body=told).body["id"]
    status = ask(nodes.web[1].port, "GET", f"{EVENTS}/{event}", token=token).status
    return Row("an event told on node 1, on node 2", str(status), target="200", met=status == 200)


def session(node: Node) -> str:
    """Sign in to the pages; return the cookies as a header has them."""
    link = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    link.request("GET", "/sign-in")
    answer = link.getresponse()
    answer.read()
    csrf = answer.headers["Set-Cookie"].partition(";")[0]
    form = {"username": "bench", "password": PASSWORD, "csrfmiddlewaretoken": csrf.partition("=")[2]}
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": csrf}
    link.request("POST", "/sign-in", urlencode(form), kind)
    answer = link.getresponse()
    answer.read()
    link.close()
    return "; ".join(value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie") or ())


def heard(nodes: Nodes, times: int = 10) -> Row:
    """Listen on one node to notes that are written on another; the session comes from a third."""
    writer, listener, door = nodes.web
    token = signed_in(writer)["access"]
    case = ask(writer.port, "GET", CASES, token=token).body["results"][0]["id"]
    link = http.client.HTTPConnection("127.0.0.1", listener.port, timeout=30)
    link.request("GET", f"/stream/investigations/{case}", headers={"Cookie": session(door)})
    stream, waits = link.getresponse(), list[float]()
    stream.readline()
    for number in range(times):
        began = time.perf_counter()
        ask(writer.port, "POST", f"{CASES}/{case}/notes", token=token, body={"body": f"Seen on node 1: {number}"})
        while not stream.readline().startswith(b"data:"):
            pass
        waits.append((time.perf_counter() - began) * SECOND)
    link.close()
    middle = sorted(waits)[len(waits) // 2]
    return at_most("a note on node 1, heard on node 2, median", middle, MOST_WAIT, "ms")


@dataclass
class Ingest:
    """Deliveries, each posted to the nodes in turn until one accepts it."""

    ports: list[int]
    per_second: float
    accepted: set[int] = field(default_factory=set)
    again: int = 0
    posted: int = 0
    waiting: "Queue[int]" = field(default_factory=Queue)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self, seconds: float) -> None:
        """Post at the rate for so long; return when all are accepted."""
        senders = [threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(6)]
        for sender in senders:
            sender.start()
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            while self.posted < passed * self.per_second:
                self.waiting.put(self.posted)
                self.posted += 1
            time.sleep(0.05)
        until(lambda: len(self.accepted) == self.posted)
        self.ended.set()
        for sender in senders:
            sender.join(10)

    def _send(self, offset: int) -> None:
        for turn in itertools.count(offset):
            if self.ended.is_set():
                return
            with suppress(Empty):
                number = self.waiting.get(timeout=0.1)
                if self._post(self.ports[turn % len(self.ports)], number):
                    self.accepted.add(number)
                else:
                    self.again += 1
                    self.waiting.put(number)

    @staticmethod
    def _post(port: int, number: int) -> bool:
        body, headers = delivery(number)
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            link.request("POST", "/hooks/bench", body, headers)
            return link.getresponse().status in (200, 202)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            return False
        finally:
            link.close()


def killed(nodes: Nodes, *, seconds: float, per_second: float) -> list[Row]:
    """Kill a web node, a worker node and the first beat while deliveries are posted; compare what came and what is."""
    ingest = Ingest([node.port for node in nodes.web], per_second)
    posting = threading.Thread(target=ingest.run, args=(seconds,), daemon=True)
    posting.start()
    time.sleep(seconds / 4)
    victims = [(nodes.web[1], "web"), (nodes.others["worker-1"], "worker"), (nodes.others["beat-1"], "beat")]
    for node, _ in victims:
        node.kill()
    time.sleep(seconds / 4)
    back = max(nodes.start_again(node, role) for node, role in victims)
    posting.join()
    took = until(lambda: nodes.cluster.number(f"SELECT count(linked_at) {MINE}") >= ingest.posted, SETTLE)
    stored, distinct = (nodes.cluster.number(f"SELECT count({what}) {MINE}") for what in ("*", "DISTINCT e.source_id"))
    waiting = nodes.cluster.number(WAITING)
    met = stored == distinct == len(ingest.accepted) == ingest.posted and not waiting
    said = f"{stored:,} stored, {distinct:,} distinct, {waiting} waiting"
    return [
        Row("accepted while a web, a worker and a beat node died", f"{len(ingest.accepted):,}"),
        Row("calls made again", f"{ingest.again:,}"),
        Row("of these", said, target="each once", met=met),
        Row("all linked after the last call", f"{took:.1f} s"),
        Row("the killed web node answers again after", f"{back:.1f} s"),
    ]


def polled(source: Source, seconds: float) -> Row:
    """Count how often a source is asked while two beats ring for it."""
    before = source.asked
    time.sleep(seconds)
    asked, most = source.asked - before, seconds / INTERVAL + 1
    what = f"a source of every {INTERVAL} s, asked in {seconds:g} s by two pollers of two beats"
    return Row(what, str(asked), target=f"<= {most:g}, > 0", met=0 < asked <= most)


def counted(nodes: Nodes) -> Row:
    """Ask each node for its own figures."""
    name = "django_http_responses_before_middlewares_total"
    totals = [figures(node.port)[name] for node in nodes.web]
    return Row("answers counted, by node", ", ".join(f"{total:,.0f}" for total in totals), met=all(totals))


def main() -> None:
    """Run it; exit with 1 when anything is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="of posting, and of counting polls")
    parser.add_argument("--rate", type=float, default=100, help="deliveries a second")
    options = parser.parse_args()
    source = Source()
    with running(source=source.server_port) as nodes:
        until(lambda: source.asked > 0)
        rows = [*identity(nodes), written(nodes), heard(nodes), polled(source, options.seconds)]
        rows += killed(nodes, seconds=options.seconds, per_second=options.rate)
        rows.append(counted(nodes))
    print(table(rows))
    sys.exit(any(row.met is False for row in rows))


if __name__ == "__main__":
    main()
