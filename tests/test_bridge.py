"""The WSGI application behind an ASGI server: what it is asked, what it answers, and who waits for whom."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any

import orjson
import pytest

from rcaplatform.kit.bridge import CHUNK, Bridge, environ
from rcaplatform.kit.readahead import IN_MEMORY

Message = dict[str, Any]
SCOPE: Message = {
    "type": "http",
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/hooks/caf\u00e9",
    "query_string": b"a=1",
    "server": ("127.0.0.1", 8000),
    "client": ("192.0.2.7", 4711),
    "headers": [(b"content-length", b"2"), (b"content-type", b"text/plain"), (b"x-forwarded-proto", b"https")],
}


def ask(app: Callable[..., Iterable[bytes]], *, leaves: bool = False, body: bytes = b"", **scope: Any) -> list[Message]:
    """Ask ``app`` and return what was sent; a client that ``leaves`` does so when the first piece has come."""

    async def story() -> list[Message]:
        sent: list[Message] = []
        leaving = asyncio.Event()

        async def receive() -> Message:
            await leaving.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if leaves and message.get("body"):
                leaving.set()
                await asyncio.sleep(0.01)

        bridge = Bridge(app, threads=1, backlog=10)
        async with asyncio.timeout(10):
            await bridge({**SCOPE, **scope}, BytesIO(body), receive, send)
        return sent

    return asyncio.run(story())


class Pieces:
    """An answer piece by piece that notes whether it was closed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = iter(pieces)
        self.closed = False
        self.given = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self.pieces)
        self.given += 1
        return piece

    def close(self) -> None:
        self.closed = True


def answering(result: Iterable[bytes], *headers: tuple[str, str]) -> Callable[..., Iterable[bytes]]:
    def app(_environ: Message, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(headers))
        return result

    return app


def test_a_request_is_told_as_wsgi_has_it() -> None:
    told = environ(SCOPE, BytesIO(b"hi"))
    assert (told["REQUEST_METHOD"], told["QUERY_STRING"], told["SERVER_PROTOCOL"]) == ("POST", "a=1", "HTTP/1.1")
    assert told["PATH_INFO"].encode("latin-1").decode() == "/hooks/caf\u00e9"
    assert (told["REMOTE_ADDR"], told["SERVER_NAME"], told["SERVER_PORT"]) == ("192.0.2.7", "127.0.0.1", "8000")
    assert (told["CONTENT_LENGTH"], told["CONTENT_TYPE"]) == ("2", "text/plain")
    assert (told["HTTP_X_FORWARDED_PROTO"], told["wsgi.url_scheme"]) == ("https", "http")
    assert told["wsgi.input"].read() == b"hi"


def test_repeated_headers_are_joined_and_cookies_stay_apart() -> None:
    headers = [(b"accept", b"a/b"), (b"accept", b"c/d"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]
    told = environ({**SCOPE, "headers": headers}, BytesIO())
    assert (told["HTTP_ACCEPT"], told["HTTP_COOKIE"]) == ("a/b,c/d", "a=1;b=2")


def test_an_underscore_cannot_pose_as_a_header_of_the_proxy() -> None:
    headers = [(b"x_forwarded_proto", b"https"), (b"x-request-id", b"one")]
    told = environ({**SCOPE, "headers": headers}, BytesIO())
    assert "HTTP_X_FORWARDED_PROTO" not in told
    assert told["HTTP_X_REQUEST_ID"] == "one"


def test_a_short_answer_is_sent_at_once_and_closed() -> None:
    pieces = Pieces([b"a", b"b"])
    start, body = ask(answering(pieces, ("Content-Length", "2"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")))
    assert (start["status"], start["headers"][1:]) == (200, [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
    assert body == {"type": "http.response.body", "body": b"ab"}
    assert pieces.closed


@pytest.mark.parametrize("headers", [[], [("Content-Length", str(IN_MEMORY + 1))]], ids=["no length", "long"])
def test_any_other_answer_is_sent_piece_by_piece(headers: list[tuple[str, str]]) -> None:
    pieces = Pieces([b"a", b"b"])
    sent = ask(answering(pieces, *headers))
    assert [message.get("body") for message in sent] == [None, b"a", b"b", b""]
    assert [message.get("more_body", False) for message in sent] == [False, True, True, False]
    assert pieces.closed


def test_nothing_more_is_made_for_a_client_who_left() -> None:
    pieces = Pieces(b"x" for _ in range(1_000))
    ask(answering(pieces), leaves=True)
    assert pieces.closed
    assert pieces.given < 1_000


def test_a_file_is_read_in_large_pieces() -> None:
    def app(told: Message, start_response: Any) -> Any:
        start_response("200 OK", [])
        return told["wsgi.file_wrapper"](BytesIO(b"x" * (CHUNK + 1)), 4096)

    assert [len(message["body"]) for message in ask(app)[1:]] == [CHUNK, 1, 0]


def test_a_failure_is_the_servers_to_tell_and_the_thread_goes_on() -> None:
    def app(told: Message, start_response: Any) -> Iterable[bytes]:
        if told["QUERY_STRING"] == "a=1":
            raise RuntimeError("broken")
        return answering([b"fine"], ("Content-Length", "4"))(told, start_response)

    async def story() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        bridge: Any = Bridge(app, threads=1, backlog=1)
        with pytest.raises(RuntimeError, match="broken"):
            await bridge(SCOPE, BytesIO(), None, send)
        await bridge({**SCOPE, "query_string": b""}, BytesIO(), None, send)
        return sent

    assert asyncio.run(story())[1]["body"] == b"fine"


def test_who_comes_when_too_many_wait_is_told_to_come_again() -> None:
    busy, go_on = threading.Event(), threading.Event()

    def app(_told: Message, start_response: Any) -> Iterable[bytes]:
        busy.set()
        go_on.wait(10)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    async def one(bridge: Any) -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await bridge(SCOPE, BytesIO(), None, send)
        return sent

    async def story() -> tuple[list[Message], list[list[Message]]]:
        bridge = Bridge(app, threads=1, backlog=1)
        served = [asyncio.create_task(one(bridge))]
        await asyncio.to_thread(busy.wait, 10)
        served.append(asyncio.create_task(one(bridge)))
        await asyncio.sleep(0)
        refused = await one(bridge)
        go_on.set()
        return refused, await asyncio.gather(*served)

    (start, body), served = asyncio.run(story())
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"1")
    assert orjson.loads(body["body"])["status"] == 503
    assert [sent[0]["status"] for sent in served] == [200, 200]
