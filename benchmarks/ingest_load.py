"""What the ingest benchmark sends, and who sends it: events of about a kilobyte, and plain sockets on threads."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

WORDS = (
    "timeout connection refused pool exhausted payment gateway retry upstream latency checkout cart null pointer "
    "handler request failed deploy rollback config cache miss queue worker shard replica lock deadlock certificate"
).split()
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def told(number: int) -> dict[str, Any]:
    """Return an event as a log shipper would tell it, the same for the same number."""
    chance = random.Random(number)
    return {
        "timestamp": (MIDNIGHT + timedelta(seconds=number)).isoformat(),
        "source": "logs",
        "source_id": f"bench-{number}",
        "event_type": "error",
        "title": f"PaymentError: {' '.join(chance.choices(WORDS, k=6))}",
        "severity": chance.choice(["critical", "high", "medium", "low", "info"]),
        "service": chance.choice(["checkout", "payment", "auth-service", "search"]),
        "component": "pool",
        "environment": "production",
        "tags": ["release", chance.choice(["db", "cache", "network"])],
        "url": f"https://logs.example.org/{number}",
        "data": {
            "message": " ".join(chance.choices(WORDS, k=24)),
            "request_id": f"{chance.getrandbits(64):x}",
            "duration_ms": chance.randrange(10_000),
            "stack": ["at com.shop.HTTPClient.send", "at com.shop.Payment.run"],
        },
    }


def request_of(path: str, kind: str, body: bytes, token: str) -> bytes:
    """Return one HTTP request, ready to be sent."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Authorization: Bearer {token}\r\n\r\n".encode() + body


class Sender(threading.Thread):
    """One connection that sends requests until they or the time are over, and notes how long each answer took."""

    def __init__(self, port: int, requests: Iterator[bytes], until: float) -> None:
        super().__init__(daemon=True)
        self.port, self.requests, self.until = port, requests, until
        self.seconds: list[float] = []
        self.statuses: list[int] = []

    def run(self) -> None:
        """Send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in self.requests:
                began = time.perf_counter()
                if began > self.until:
                    return
                link.sendall(request)
                self.statuses.append(answer(link))
                self.seconds.append(time.perf_counter() - began)


def answer(link: socket.socket) -> int:
    """Read one answer and return its status."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (part := link.recv(65536)):
            raise ConnectionError("the server hung up")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    left = int(fields[b"content-length"]) - len(body)
    while left > 0:
        left -= len(link.recv(65536))
    return int(head.split(b" ", 2)[1])
