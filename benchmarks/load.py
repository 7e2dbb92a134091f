"""A load generator that costs little beside what it measures: raw sockets kept alive, one thread, GET only."""

import selectors
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlencode

# The environment of a server whose rate limits count, but are never reached.
UNLIMITED = dict.fromkeys(
    [f"RATE_LIMIT_{who}" for who in ("USER", "ENGINEER", "ADMIN", "INGEST", "ANONYMOUS", "SIGN_IN")], "1000000000"
)


@dataclass
class Load:
    """What came of it: seconds each answer took, and how many answers were not 200."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds if self.seconds else 0.0

    def ms(self, share: float) -> float:
        """Return the milliseconds within which ``share`` of the answers came."""
        ordered = sorted(self.times)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


class _Connection:
    def __init__(self, port: int, requests: Sequence[bytes], turn: Iterator[int]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests, self.turn = requests, turn
        self.began = 0.0
        self.ask()

    def ask(self) -> None:
        self.got, self.number = b"", next(self.turn) % len(self.requests)
        self.began = time.perf_counter()
        self.socket.sendall(self.requests[self.number])

    def answered(self) -> bool:
        """Read what has come; return whether that is all of the answer."""
        part = self.socket.recv(256 * 1024)
        if not part:
            raise ConnectionError("The server closed the connection.")
        self.got += part
        head, found, body = self.got.partition(b"\r\n\r\n")
        if not found:
            return False
        name = b"content-length:"
        lengths = [line[len(name) :] for line in head.lower().split(b"\r\n") if line.startswith(name)]
        return len(body) >= int(lengths[0])


def request(address: str, token: str = "") -> bytes:
    """Return a GET of an address as it goes over the wire."""
    secret = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {address} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{secret}\r\n".encode()


def get(
    port: int, path: str, query: Mapping[str, str], *, token: str = "", connections: int = 1, seconds: float = 1.0
) -> Load:
    """Ask for one address over and over for some seconds."""
    address = f"{path}?{urlencode(query)}" if query else path
    return ask(port, [request(address, token)], connections=connections, seconds=seconds)[0]


def ask(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> list[Load]:
    """Ask one after another, again from the first after the last; return what came of each request."""
    loads, began, turn = [Load() for _ in requests], time.perf_counter(), count()
    with selectors.DefaultSelector() as selector:
        everyone = [_Connection(port, requests, turn) for _ in range(connections)]
        for one in everyone:
            selector.register(one.socket, selectors.EVENT_READ, one)
        while time.perf_counter() - began < seconds:
            for key, _ in selector.select(timeout=30):
                one = key.data
                if one.answered():
                    load = loads[one.number]
                    load.times.append(time.perf_counter() - one.began)
                    load.failed += b" 200 " not in one.got[:16]
                    one.ask()
        for load in loads:
            load.seconds = time.perf_counter() - began
        for one in everyone:
            one.socket.close()
    return loads
