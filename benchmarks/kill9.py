"""What survives `kill -9`: deliveries are posted to a real installation while its web and worker are killed.

Run: `.venv/bin/python -m benchmarks.kill9 [--deliveries 20000] [--kills 4]`

Starts the product in a temporary directory, posts signed GitHub deliveries from several threads and kills every process
of web and worker at even distances. A call that got no answer is sent again with the same delivery id, as a sender that
retries would. At the end it compares what was accepted with what is stored and linked.
"""

import argparse
import hmac
import http.client
import json
import os
import signal
import sys
import threading
import time
from contextlib import closing, suppress
from queue import Empty, Queue

from benchmarks.product import ACTOR, Product, running

SECRET = "kill-nine"  # noqa: S105
SETTLE = 1_200  # seconds
SCRIPT = """
from django.utils import timezone
from connectors.services import connect
now = timezone.now()
connect(name="{name}", kind="github", values={{"secret": "kill-nine"}}, actor=None, now=now)
create(values={{"title": "Bench", "service_affected": "bench", "detected_at": now}}, actor=actor, now=now)
"""


def connected(name: str) -> str:
    """Return the script that connects what `delivery` is posted to, and opens an investigation for it."""
    return ACTOR + SCRIPT.format(name=name)


def delivery(number: int) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of one deployment status that failed."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    body = json.dumps(
        {
            "action": "created",
            "deployment_status": {"id": number, "state": "failure", "created_at": at, "updated_at": at},
            "deployment": {"id": number, "sha": f"{number:040x}", "environment": "production", "created_at": at},
            "repository": {
                "id": 1,
                "name": "bench",
                "full_name": "bench/bench",
                "html_url": "https://github.example/b",
            },
        }
    ).encode()
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    return body, {
        "Content-Type": "application/json",
        "X-GitHub-Event": "deployment_status",
        "X-GitHub-Delivery": f"bench-{number}",
        "X-Hub-Signature-256": f"sha256={signature}",
    }


class Sender(threading.Thread):
    """Posts deliveries from a queue; a call without an answer goes back into it.

    Args:
        ended: set once nothing more is put into the queue.
    """

    def __init__(
        self, port: int, queue: "Queue[int]", accepted: set[int], trouble: list[str], ended: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self.port, self.queue, self.accepted, self.trouble, self.ended = port, queue, accepted, trouble, ended

    def run(self) -> None:
        """Post until the queue is empty and stays so."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as link:
            while not (self.ended.is_set() and self.queue.empty()):
                with suppress(Empty):
                    number = self.queue.get(timeout=0.1)
                    if problem := self._post(link, number):
                        self.trouble.append(problem)
                        self.queue.put(number)
                        time.sleep(0.1)

    def _post(self, link: http.client.HTTPConnection, number: int) -> str:
        """Post one delivery; return what went wrong, if anything."""
        body, headers = delivery(number)
        try:
            link.request("POST", "/hooks/bench", body, headers)
            answer = link.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as problem:
            link.close()
            return type(problem).__name__
        if answer.status not in (200, 202):
            return str(answer.status)
        self.accepted.add(number)
        return ""


def kill_at(marks: list[int], product: Product, accepted: set[int]) -> None:
    """Kill web and worker each time so many deliveries have been accepted."""
    for mark in marks:
        while len(accepted) < mark:
            time.sleep(0.02)
        everyone = product.processes()
        victims = everyone["web"] + everyone["worker"]
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        print(f"  kill -9 of {len(victims)} processes after {len(accepted)} accepted")


def settle(product: Product) -> float:
    """Wait until nothing is pending, and return how long that took in seconds."""
    began = time.monotonic()
    pending = (
        "SELECT (SELECT count(*) FROM connectors_delivery WHERE state = 'pending')"
        " + (SELECT count(*) FROM events_event WHERE linked_at IS NULL)"
    )
    while (left := product.number(pending)) and time.monotonic() - began < SETTLE:
        print(f"  {left} waiting", end="\r", flush=True)
        time.sleep(1)
    return time.monotonic() - began


def main() -> None:
    """Run the benchmark and exit with 1 if anything was lost or stored twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    with running() as product:
        product.shell(connected("bench"))
        status = measure(options, product)
    sys.exit(status)


def measure(options: argparse.Namespace, product: Product) -> int:
    """Post, kill, wait, compare; return the exit code."""
    queue: Queue[int] = Queue()
    for number in range(options.deliveries):
        queue.put(number)
    accepted, trouble, ended = set[int](), list[str](), threading.Event()
    ended.set()
    senders = [Sender(product.port, queue, accepted, trouble, ended) for _ in range(options.threads)]
    began = time.monotonic()
    for sender in senders:
        sender.start()
    step = options.deliveries // (options.kills + 1)
    kill_at([step * (number + 1) for number in range(options.kills)], product, accepted)
    for sender in senders:
        sender.join()
    posted = time.monotonic() - began
    settled = settle(product)
    mine = "FROM events_event e JOIN events_origin o ON o.id = e.origin_id WHERE o.name = 'bench'"
    stored = product.number(f"SELECT count(*) {mine}")
    distinct = product.number(f"SELECT count(DISTINCT e.source_id) {mine}")
    links = f"SELECT count(DISTINCT event_id) FROM investigations_link WHERE event_id IN (SELECT e.id {mine})"  # noqa: S608
    linked = product.number(links)
    print(
        f"accepted {len(accepted)} in {posted:.1f} s ({len(accepted) / posted:.0f}/s), {len(trouble)} calls unanswered"
    )
    print(f"stored {stored}, distinct {distinct}, linked {linked}, settled {settled:.1f} s after the last call")
    return 0 if len(accepted) == stored == distinct == linked == options.deliveries else 1


if __name__ == "__main__":
    main()
