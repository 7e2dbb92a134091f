"""Read a request's body on the event loop before asking for a thread: a slow sender holds memory, not a thread."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import orjson

from rcaplatform.kit.problems import CONTENT_TYPE, problem_details

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# What answers: scope, body (whole, at its start), receive (tells of the client's leaving), send.
Answers = Callable[[Any, IO[bytes], Any, Any], Awaitable[None]]

IN_MEMORY = 1024 * 1024
_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})


class ReadAhead:
    """ASGI application that hands on a request once its body is complete, whatever length was announced.

    Args:
        app: what answers.
        limit: bytes a body may have; a longer one is 413.
        seconds: how long a sender may take over it; a slower one is 408.
    """

    def __init__(self, app: Answers, *, limit: int, seconds: float) -> None:
        self.app = app
        self.limit = limit
        self.seconds = seconds

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if _empty(scope):
            await self.app(scope, BytesIO(), receive, send)
            return
        with SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            try:
                async with asyncio.timeout(self.seconds):
                    length = await self._fill(body, receive)
            except TimeoutError:
                await refuse(send, 408, f"The body did not arrive within {self.seconds:g} seconds.")
                return
            if length is None:
                return
            if length > self.limit:
                await refuse(send, 413, f"A body may have {self.limit} bytes.")
            else:
                body.seek(0)
                await self.app(_with_length(scope, length), body, receive, send)

    async def _fill(self, body: IO[bytes], receive: Receive) -> int | None:
        """Write what arrives into ``body`` and return its length; None when the sender left.

        What passes the limit is read and dropped: most senders look at the answer only when all is sent.
        """
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            part = message.get("body", b"")
            length += len(part)
            if length <= self.limit:
                body.write(part)
            more = message.get("more_body", False)
        return length


def _empty(scope: Any) -> bool:
    """Return whether there is no body to ask for: HTTP/1.1 announces every one, HTTP/2 need not."""
    return scope.get("http_version") == "1.1" and not any(name in _LENGTHS for name, _ in scope["headers"])


def _with_length(scope: Any, length: int) -> Any:
    """Return ``scope`` with the length the body has; it may have come in chunks, which WSGI does not know."""
    others = [(name, value) for name, value in scope["headers"] if name not in _LENGTHS]
    return {**scope, "headers": [*others, (b"content-length", str(length).encode())] if length else others}


async def refuse(send: Send, status: int, detail: str, headers: Mapping[bytes, bytes] | None = None) -> None:
    """Answer with a problem, and end the connection: part of a body may be on its way still."""
    said = [(b"content-type", CONTENT_TYPE.encode()), (b"connection", b"close"), *(headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": said})
    await send({"type": "http.response.body", "body": orjson.dumps(problem_details(status, detail))})
