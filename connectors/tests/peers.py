"""A source on loopback that answers as a test wants it to, well or badly, and remembers what it was asked."""

import gzip
import itertools
import json
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request. Header names are lower-case; ``query`` has the last value of each name, ``queries`` all."""

    method: str
    path: str
    query: dict[str, str]
    queries: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode()))


class Reset(Exception):
    """Raised by a route or by an iterated body: the connection is reset, without another byte."""


@dataclass(frozen=True)
class Reply:
    """An answer: bytes and text are sent as they are, a file by its content, an iterator piece by piece, else JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Callable[[Asked], Any] | Any


def turns(*answers: Route) -> Callable[[Asked], Any]:
    """Return a route that gives these answers one after the other, the last one for ever."""
    waiting = list(answers)

    def turn(asked: Asked) -> Any:
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return answer(asked) if callable(answer) else answer

    return turn


def reset(_: Asked) -> Any:
    """Answer nothing and reset the connection."""
    raise Reset


def reset_within(_: Asked) -> Reply:
    """Begin an answer and reset the connection."""

    def body() -> Iterator[bytes]:
        yield b'{"items": ['
        raise Reset

    return Reply(body())


def cut_short(_: Asked) -> Reply:
    """Announce a hundred bytes of JSON and end after eleven."""
    return Reply(iter([b'{"items": [']), headers={"Content-Length": "100"})


def endless(_: Asked) -> Reply:
    """Never come to an end."""
    return Reply(itertools.repeat(b"x" * 65_536))


def drip(_: Asked) -> Reply:
    """Give a byte now and then, each well before anybody gives up on the next."""
    return Reply(_slowly(b" "))


def bomb(_: Asked) -> Reply:
    """Blow up to 64 MiB when decompressed."""
    return Reply(_bomb(), headers={"Content-Encoding": "gzip"})


def redirect(address: str, status: int = 302) -> Reply:
    """Send the client elsewhere."""
    return Reply(status=status, headers={"Location": address})


def _slowly(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece
        time.sleep(0.02)


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(2**26), 1)


class Peer:
    """An HTTP server on loopback, from ``with`` to its end.

    Args:
        routes: an answer for each ``"/path"`` or ``"GET /path"``; ``"*"`` is for all others, else 404. An answer is a
            `Reply`, anything to be sent as the body of one (JSON, a `Path`), or a function of `Asked` that returns
            such.

    Attributes:
        asked: the requests so far, in the order they came.
    """

    def __init__(self, routes: Mapping[str, Route] | None = None) -> None:
        self.routes: dict[str, Route] = dict(routes or {})
        self.asked: list[Asked] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.peer = self
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def paths(self) -> list[str]:
        """Return the paths asked for so far."""
        return [asked.path for asked in self.asked]

    def answer(self, asked: Asked) -> Reply:
        """Return what the routes say to a request."""
        self.asked.append(asked)
        for name in (f"{asked.method} {asked.path}", asked.path, "*"):
            if name in self.routes:
                answer = self.routes[name]
                answer = answer(asked) if callable(answer) else answer
                return answer if isinstance(answer, Reply) else Reply(answer)
        return Reply("There is nothing here.", status=404)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client may keep its connection open for longer than the test
    peer: Peer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is part of many tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        reading = parse_qs(parts.query, keep_blank_values=True)
        asked = Asked(
            self.command,
            parts.path,
            {name: values[-1] for name, values in reading.items()},
            reading,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length", 0))),
        )
        try:
            self._send(self.server.peer.answer(asked))
        except Reset:
            self._reset()
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815 - the library's names

    def _send(self, reply: Reply) -> None:
        body, kind = _as_bytes(reply.body)
        self.send_response(reply.status)
        headers = {"Content-Type": kind} | dict(reply.headers)
        if isinstance(body, bytes):
            headers.setdefault("Content-Length", str(len(body)))
        else:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in [body] if isinstance(body, bytes) else body:
            self.wfile.write(piece)
            self.wfile.flush()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def _as_bytes(body: Any) -> tuple[bytes | Iterable[bytes], str]:
    if isinstance(body, bytes | Iterator):
        return body, "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/plain"
    if isinstance(body, Path):
        return body.read_bytes(), "application/json"
    return json.dumps(body).encode(), "application/json"
