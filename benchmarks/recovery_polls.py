"""The part of `benchmarks.recovery` that runs inside Django: sources go away, come back, and are polled meanwhile."""

import random
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median

import django

django.setup()

import orjson  # noqa: E402 - Django must be ready first
from django.utils import timezone  # noqa: E402

from benchmarks.product import free_port  # noqa: E402
from connectors import services  # noqa: E402
from connectors.models import Connector  # noqa: E402
from connectors.pipeline import Tally  # noqa: E402
from connectors.polling import poll  # noqa: E402
from connectors.tasks import WATCH_SECONDS  # noqa: E402
from rcaplatform.kit.errors import DomainError  # noqa: E402

LONGEST = 180  # seconds a trial may take


@dataclass
class Away:
    """A server of alerts that refuses connections, then answers 503, then answers."""

    port: int = field(default_factory=free_port)
    back_at: float = 0.0

    def go(self, refuses: float, fails: float) -> None:
        """Be away for so many seconds, then back."""
        outage = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                alert = {"fingerprint": "1", "startsAt": timezone.now().isoformat(), "status": {"state": "active"}}
                told = orjson.dumps([{**alert, "labels": {"alertname": "Down"}}]) if outage.back_at else b"away"
                self.send_response(200 if outage.back_at else 503)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        time.sleep(refuses)
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        time.sleep(fails)
        self.back_at = time.monotonic()


def trial(number: str, refuses: float, fails: float) -> tuple[float, int]:
    """Return the seconds from back to the first stored event, and how many polls it took."""
    away, stored_at, polls = Away(), list[float](), 0
    values = {"url": f"http://127.0.0.1:{away.port}", "secret": "s"}
    connector = services.connect(
        name=f"away-{number}", kind="alertmanager", values=values, actor=None, now=timezone.now()
    )

    def noted(tally: Tally) -> None:
        if tally.stored:
            stored_at.append(time.monotonic())

    absence = threading.Thread(target=away.go, args=(refuses, fails))
    absence.start()
    ends = time.monotonic() + LONGEST
    while not stored_at and time.monotonic() < ends:
        connector = Connector.objects.get(pk=connector.pk)
        if connector.next_poll_at and connector.next_poll_at > timezone.now():
            time.sleep(WATCH_SECONDS)
            continue
        polls += 1
        try:
            poll(connector=connector, now=timezone.now(), progress=noted)
        except DomainError as problem:
            if polls == 1:
                print(f"  {type(problem).__name__}: {problem}"[:150], flush=True)
    absence.join()
    away.server.shutdown()
    return (stored_at[0] - away.back_at if stored_at else float("inf")), polls


def told(name: str, found: list[tuple[float, float, int]]) -> None:
    """Print what a kind of trial came to."""
    for out, back, polls in found:
        print(f"  away {out:.1f} s, first event {back:.2f} s after it was back, {polls} poll{'s' * (polls > 1)}")
    waits = sorted(back for _, back, _ in found)
    soon = sum(wait < 5 for wait in waits)
    print(
        f"{name}: median {median(waits):.2f} s, worst {waits[-1]:.2f} s, {soon} of {len(waits)} within 5 s", flush=True
    )


def main() -> None:
    """Run the trials and print them."""
    trials, longest, breakers, seed = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    dice = random.Random(seed)
    random.seed(seed)  # the waits of the retries too
    found = []
    for number in range(trials):
        refuses, fails = dice.uniform(0.2, longest / 2), dice.uniform(0.2, longest / 2)
        found.append((refuses + fails, *trial(f"{number}", refuses, fails)))
    told(f"transient failure, seed {seed}", found)
    opened = [(40.0, *trial(f"open-{number}", 20, 20)) for number in range(breakers)]
    if opened:
        told("with an opened breaker", opened)


if __name__ == "__main__":
    main()
