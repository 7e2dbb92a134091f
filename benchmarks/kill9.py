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
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import Empty, Queue

import psycopg

from rcaplatform.embedded import database_url

ROOT = Path(__file__).resolve().parent.parent
PYTHON = str(Path(sys.executable))
SECRET = "kill-nine"  # noqa: S105
SETTLE = 1_200  # seconds
SCRIPT = """
from datetime import timedelta
from django.utils import timezone
from accounts.services import create_user
from connectors.services import connect
from investigations.services import create
now = timezone.now()
actor = create_user(username="bench", password="a long enough one", role="engineer", actor=None)
connect(name="bench", kind="github", values={"secret": "kill-nine"}, actor=None, now=now)
create(values={"title": "Bench", "service_affected": "bench", "detected_at": now}, actor=actor, now=now)
"""


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes(data_dir: str, *words: bytes) -> list[int]:
    """Return the supervised processes of this installation whose command line holds one of ``words``."""
    mark, found = f"RCA_SUPERVISED={data_dir}".encode(), []
    for entry in Path("/proc").iterdir():
        try:
            if mark in (entry / "environ").read_bytes() and any(
                word in (entry / "cmdline").read_bytes() for word in words
            ):
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


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
    """Posts deliveries from a queue; a call without an answer goes back into it."""

    def __init__(self, port: int, queue: "Queue[int]", accepted: set[int], trouble: list[str]) -> None:
        super().__init__(daemon=True)
        self.port, self.queue, self.accepted, self.trouble = port, queue, accepted, trouble

    def run(self) -> None:
        """Post until the queue is empty."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while True:
            try:
                number = self.queue.get_nowait()
            except Empty:
                return
            body, headers = delivery(number)
            try:
                link.request("POST", "/hooks/bench", body, headers)
                answer = link.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as problem:
                self.trouble.append(type(problem).__name__)
                link.close()
                self.queue.put(number)
                time.sleep(0.1)
                continue
            if answer.status in (200, 202):
                self.accepted.add(number)
            else:
                self.trouble.append(str(answer.status))
                self.queue.put(number)
                time.sleep(0.1)


def wait_until_ready(port: int, product: "subprocess.Popen[bytes]") -> None:
    """Wait for /readyz."""
    for _ in range(600):
        if product.poll() is not None:
            sys.exit("The product did not start.")
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            link.request("GET", "/readyz")
            if link.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit("The product is not ready after two minutes.")


def kill_at(marks: list[int], data_dir: str, accepted: set[int]) -> None:
    """Kill web and worker each time so many deliveries have been accepted."""
    for mark in marks:
        while len(accepted) < mark:
            time.sleep(0.02)
        victims = processes(data_dir, b"granian", b"worker")
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        print(f"  kill -9 of {len(victims)} processes after {len(accepted)} accepted")


def count(address: str, statement: str) -> int:
    """Return the one number that ``statement`` asks for."""
    with psycopg.connect(address) as database:
        row = database.execute(statement).fetchone()  # type: ignore[arg-type]
        assert row is not None  # noqa: S101
        return int(row[0])


def settle(address: str) -> float:
    """Wait until nothing is pending, and return how long that took in seconds."""
    began = time.monotonic()
    pending = (
        "SELECT (SELECT count(*) FROM connectors_delivery WHERE state = 'pending')"
        " + (SELECT count(*) FROM events_event WHERE linked_at IS NULL)"
    )
    while (left := count(address, pending)) and time.monotonic() - began < SETTLE:
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
    with tempfile.TemporaryDirectory(prefix="rca-kill9-") as data_dir:
        port = free_port()
        environment = {**os.environ, "RCA_DATA_DIR": data_dir, "PORT": str(port), "DEMO_PASSWORD": "unused here"}
        with (Path(data_dir) / "log").open("wb") as log:
            command = [PYTHON, "-m", "rcaplatform.supervisor"]
            product = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            wait_until_ready(port, product)
            shell = [PYTHON, "manage.py", "shell", "--no-imports", "-c", SCRIPT]
            subprocess.run(shell, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
            sys.exit(measure(options, port, data_dir))
        finally:
            product.terminate()
            product.wait(60)


def measure(options: argparse.Namespace, port: int, data_dir: str) -> int:
    """Post, kill, wait, compare; return the exit code."""
    address = database_url(Path(data_dir))
    queue: Queue[int] = Queue()
    for number in range(options.deliveries):
        queue.put(number)
    accepted: set[int] = set()
    trouble: list[str] = []
    senders = [Sender(port, queue, accepted, trouble) for _ in range(options.threads)]
    began = time.monotonic()
    for sender in senders:
        sender.start()
    step = options.deliveries // (options.kills + 1)
    kill_at([step * (number + 1) for number in range(options.kills)], data_dir, accepted)
    for sender in senders:
        sender.join()
    posted = time.monotonic() - began
    settled = settle(address)
    mine = "FROM events_event e JOIN events_origin o ON o.id = e.origin_id WHERE o.name = 'bench'"
    stored = count(address, f"SELECT count(*) {mine}")
    distinct = count(address, f"SELECT count(DISTINCT e.source_id) {mine}")
    links = f"SELECT count(DISTINCT event_id) FROM investigations_link WHERE event_id IN (SELECT e.id {mine})"  # noqa: S608
    linked = count(address, links)
    print(
        f"accepted {len(accepted)} in {posted:.1f} s ({len(accepted) / posted:.0f}/s), {len(trouble)} calls unanswered"
    )
    print(f"stored {stored}, distinct {distinct}, linked {linked}, settled {settled:.1f} s after the last call")
    return 0 if len(accepted) == stored == distinct == linked == options.deliveries else 1


if __name__ == "__main__":
    main()
