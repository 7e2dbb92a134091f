"""Run a WSGI application on a few threads behind an ASGI server: one queue, one wake-up of the event loop an answer."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import IO, Any
from wsgiref.util import FileWrapper

from rcaplatform.kit.readahead import IN_MEMORY, Receive, Send, refuse

CHUNK = 64 * 1024


class Bridge:
    """Answers a request whose body has been read (`ReadAhead`) by a WSGI application.

    An answer that says it has at most 1 MiB is sent at once, any other piece by piece as the application makes it.

    Args:
        app: the WSGI application.
        threads: how many requests it works on at a time.
        backlog: how many more may wait for a thread; what comes then is 503.
    """

    def __init__(self, app: Any, *, threads: int, backlog: int) -> None:
        self.app = app
        self.threads = threads
        self.backlog = backlog
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._started = False

    async def __call__(self, scope: Any, body: IO[bytes], receive: Receive, send: Send) -> None:
        if not self._started:  # not when made: threads do not survive a fork
            self._start()
        if self._jobs.qsize() >= self.backlog:
            headers = {b"retry-after": b"1"}
            await refuse(send, 503, "Too many requests are waiting: try again in a second.", headers)
            return
        exchange = _Exchange(self.app, scope, body, receive, send)
        self._jobs.put(exchange.work)
        await exchange.answer()

    def _start(self) -> None:
        self._started = True
        for number in range(self.threads):
            threading.Thread(target=self._serve, name=f"request-{number}", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._jobs.get()()


class _Exchange:
    """One request and its answer, between the event loop (`answer`) and a thread (`work`)."""

    def __init__(self, app: Any, scope: Any, body: IO[bytes], receive: Receive, send: Send) -> None:
        self.app = app
        self.scope = scope
        self.body = body
        self.receive = receive
        self.send = send
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[bytes | None] = self.loop.create_future()
        self.left = threading.Event()

    async def answer(self) -> None:
        """Wait for the thread and send what it made, unless it sent that itself, piece by piece."""
        content = await self.done
        if content is not None:
            await self.send(self._start())
            await self.send({"type": "http.response.body", "body": content})

    def work(self) -> None:
        """Ask the application, on a thread."""
        content, problem = None, None
        try:
            result = self.app(environ(self.scope, self.body), self._start_response)
            try:
                if self._short():
                    content = b"".join(result)
                else:
                    self._stream(result)
            finally:
                if hasattr(result, "close"):
                    result.close()
        except Exception as failure:  # the server logs it and answers 500
            problem = failure
        self.loop.call_soon_threadsafe(self._settle, content, problem)

    def _settle(self, content: bytes | None, problem: Exception | None) -> None:
        if self.done.done():  # the server gave this request up
            return
        if problem:
            self.done.set_exception(problem)
        else:
            self.done.set_result(content)

    def _start_response(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        self.status = int(status[:3])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    def _start(self) -> dict[str, Any]:
        return {"type": "http.response.start", "status": self.status, "headers": self.headers}

    def _short(self) -> bool:
        return any(name == b"content-length" and int(value) <= IN_MEMORY for name, value in self.headers)

    def _stream(self, pieces: Iterable[bytes]) -> None:
        """Send each piece once the server has taken the one before, until the client leaves."""
        watch = asyncio.run_coroutine_threadsafe(self._watch(), self.loop)
        try:
            self._say(self._start())
            for piece in pieces:
                if self.left.is_set():
                    return
                self._say({"type": "http.response.body", "body": piece, "more_body": True})
            self._say({"type": "http.response.body", "body": b""})
        finally:
            watch.cancel()

    def _say(self, message: dict[str, Any]) -> None:
        async def said() -> None:
            await self.send(message)

        asyncio.run_coroutine_threadsafe(said(), self.loop).result()

    async def _watch(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.left.set()


def file_pieces(file: IO[bytes], _size: int = 0) -> FileWrapper:
    """Return a file in pieces worth a message each; Django would take 4 KiB."""
    return FileWrapper(file, CHUNK)


# What each request has in common.
_COMMON: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.file_wrapper": file_pieces,
}


def environ(scope: Any, body: IO[bytes]) -> dict[str, Any]:
    """Return an ASGI request as WSGI has it (PEP 3333): text is Latin-1 of the bytes."""
    host, port = scope.get("server") or ("", None)
    found = {
        **_COMMON,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
    }
    for name, value in scope["headers"]:
        key = _key(name)
        if key in found:
            found[key] += (";" if name == b"cookie" else ",") + value.decode("latin-1")
        elif key:
            found[key] = value.decode("latin-1")
    return found


def _key(name: bytes) -> str:
    """Return the name of a header in the environ; none when it has an underscore, by which it could pose as another."""
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
