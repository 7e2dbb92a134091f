"""How fast OTLP requests become events: `python -m benchmarks.otlp [REQUESTS] [ITEMS]`.

Posts REQUESTS (10) requests of ITEMS (1,000) spans or log records each to the door, in this process: 5 % of them of
interest (failed spans, errors with a stack trace), then all of them; then data points of up to 1,000 series. Uses
DATABASE_URL and REDIS_URL where given, else embedded servers of its own, set up as `make run` sets them up.
"""

import gzip
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import django
from django.core.management import call_command
from django.test import Client
from google.protobuf.message import Message

from connectors.tests.otlp import (
    ERROR,
    JSON,
    MS,
    PROTOBUF,
    START,
    as_json,
    exception,
    gauge,
    logs,
    point,
    record,
    span,
    told,
    traces,
)
from rcaplatform.embedded import servers
from tests.servers import serving

PASSWORD = "only for as long as it is measured"  # noqa: S105
FAILURE = ("requests.exceptions.ReadTimeout", "HTTPSConnectionPool(host='bank', port=443): Read timed out.")
STACK = "Traceback (most recent call last):\n" + "".join(
    f'  File "/srv/shop/{name}.py", line {line}, in {name}\n    return self.{name}(order, card, timeout=3)\n'
    for line, name in enumerate("post pay charge request send adapter connect read wait".split(), 40)
)


def main(requests: int, items: int) -> None:
    """Run the benchmark."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rca-bench-")))
        os.environ |= {
            "RCA_DATA_DIR": str(folder),
            "LOG_LEVEL": "ERROR",
            "EVENT_QUEUE_LIMIT": "0",
            "RATE_LIMIT_ADMIN": "0",
        }
        os.environ["DJANGO_SETTINGS_MODULE"] = "rcaplatform.settings"
        for server in servers(folder, os.environ):
            stack.enter_context(serving(server))
            os.environ[server.variable] = server.url
        django.setup()
        call_command("migrate", verbosity=0)
        client, dice = signed_in(), random.Random(1)
        for share in (0.05, 1.0):
            for signal, made in (("traces", spans), ("logs", records)):
                for kind in (PROTOBUF, JSON):
                    messages = [made(items, share, dice) for _ in range(requests)]
                    report(client, signal, kind, f"{share:5.0%} of interest", messages, items)
        for place, kind in enumerate((PROTOBUF, JSON)):
            ago = [60 * (requests * 2 - number * 2 - place) for number in range(requests)]
            report(client, "metrics", kind, "gauges", [samples(items, seconds) for seconds in ago], items)


def report(client: Client, signal: str, kind: str, what: str, messages: list[Message], items: int) -> None:
    """Post requests of so many items each and print how long they took."""
    took, busy = posted(client, signal, kind, messages)
    each = took / len(messages)
    print(
        f"{signal:8}{kind:23}{what:17}: {items / each:7,.0f}/s, a request took {each * 1_000:4.0f} ms, "
        f"{busy / len(messages) * 1_000:4.0f} ms of them in Python",
        flush=True,
    )


def signed_in() -> Client:
    """Return a client with the token of an administrator, warmed up."""
    os.environ["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
    call_command("createsuperuser", username="bench", email="bench@example.org", interactive=False, verbosity=0)
    client = Client(SERVER_NAME="localhost")
    answer = client.post("/api/v1/auth/token", {"username": "bench", "password": PASSWORD}, "application/json")
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {answer.json()['access']}"
    posted(client, "traces", PROTOBUF, [spans(1, 1, random.Random(0))])
    return client


def posted(client: Client, signal: str, kind: str, messages: list[Message]) -> tuple[float, float]:
    """Post each; return the seconds they took, and those that this process was busy."""
    plain = [message.SerializeToString() if kind == PROTOBUF else as_json(message) for message in messages]
    bodies = [gzip.compress(body) for body in plain]
    began, busy = time.perf_counter(), time.process_time()
    for body in bodies:
        answer = client.generic("POST", f"/otlp/v1/{signal}", body, kind, headers={"Content-Encoding": "gzip"})
        if answer.status_code != 200 or answer.content not in {b"", b"{}"}:
            raise SystemExit(f"{answer.status_code}: {answer.content!r}")
    return time.perf_counter() - began, time.process_time() - busy


def spans(items: int, share: float, dice: random.Random) -> Message:
    """Return a request of spans."""
    made = []
    for _ in range(items):
        broken = dice.random() < share
        attributes = {
            "http.request.method": "POST",
            "http.route": "/api/v1/orders/{id}/pay",
            "http.response.status_code": 504 if broken else 200,
            "url.path": f"/api/v1/orders/{dice.randrange(10**6)}/pay",
            "server.address": "shop.example.org",
            "client.address": "10.0.0.7",
            "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64)",
            "network.protocol.version": "1.1",
        }
        made.append(
            span(
                dice.randrange(1, 2**63),
                parent=dice.randrange(1, 2**63),
                status=ERROR if broken else 0,
                took_ms=dice.randrange(1, 900),
                attributes=attributes,
                events=[exception(*FAILURE, STACK)] if broken else None,
                trace_id=dice.randbytes(16),
            )
        )
    return traces(*made, scope="shop.pay", service_name="checkout", deployment_environment_name="prod")


def records(items: int, share: float, dice: random.Random) -> Message:
    """Return a request of log records."""
    made = []
    for number in range(items):
        broken = dice.random() < share
        attributes = {"code.function.name": "charge", "code.line.number": 7, "http.request.id": f"r-{number}"}
        if broken:
            parts = zip(("type", "message", "stacktrace"), (*FAILURE, STACK), strict=True)
            attributes |= {f"exception.{part}": told for part, told in parts}
        made.append(
            record(
                f"POST /api/v1/orders took {dice.randrange(3, 4_000)} ms for cart {dice.randrange(10**6)}",
                17 if broken else 9,
                "ERROR" if broken else "INFO",
                attributes=attributes,
                time_unix_nano=START + dice.randrange(10**6) * MS,
                trace_id=dice.randbytes(16),
                span_id=dice.randbytes(8),
            )
        )
    return logs(*made, scope="shop.pay", service_name="checkout", deployment_environment_name="prod")


def samples(items: int, ago: float) -> Message:
    """Return a request of data points so many seconds ago, fifty of a metric."""
    made = []
    for number in range(0, items, 50):
        routes = range(number, min(number + 50, items))
        points = [point(route % 7, -ago, attributes={"http.route": f"/api/v1/{route % 1_000}"}) for route in routes]
        made.append(gauge(f"shop.queue.{number % 1_000}", *points, unit="{job}"))
    return told(*made, service_name="checkout", deployment_environment_name="prod")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, int(sys.argv[2]) if len(sys.argv) > 2 else 1_000)
