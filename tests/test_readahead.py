"""Bodies are read on the event loop: whole, bounded in size and time, before a thread is asked for."""

import asyncio
from collections.abc import Iterable
from typing import IO, Any

import orjson
import pytest

from rcaplatform.kit.readahead import IN_MEMORY, ReadAhead

LIMIT = 3 * IN_MEMORY
Messages = list[dict[str, Any]]


def part(body: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def echo(scope: Any, body: IO[bytes], receive: Any, send: Any) -> None:
    """Answer with the body as a thread would read it, then listen for the client's leaving."""
    left = await receive()
    await send({"type": "answer", "body": body.read(), "headers": dict(scope["headers"]), "then": left["type"]})


def exchange(messages: Iterable[Any], *, headers: Iterable[tuple[bytes, bytes]] = (), seconds: float = 5) -> Messages:
    """Send messages (a number is a pause in seconds) and return what is answered."""
    sent: Messages = []
    coming = iter([*messages, {"type": "http.disconnect"}])

    async def receive() -> Any:
        message = next(coming)
        while isinstance(message, int | float):
            await asyncio.sleep(message)
            message = next(coming)
        return message

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": list(headers)}
    asyncio.run(ReadAhead(echo, limit=LIMIT, seconds=seconds)(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    "parts",
    [[b""], [b"x"], [b"ab", b"", b"cd"], [b"x" * IN_MEMORY, b"x"], [b"x" * IN_MEMORY] * 3],
    ids=lambda parts: f"{len(parts)} of {len(parts[0])}",
)
def test_a_body_arrives_as_it_was_sent(parts: list[bytes]) -> None:
    messages = [part(body, more=number < len(parts)) for number, body in enumerate(parts, start=1)]
    (answer,) = exchange(messages)
    assert answer["body"] == b"".join(parts)
    assert answer["then"] == "http.disconnect"


def test_a_body_in_chunks_is_given_the_length_it_has() -> None:
    headers = [(b"transfer-encoding", b"chunked"), (b"host", b"here")]
    (answer,) = exchange([part(b"ab", more=True), part(b"c")], headers=headers)
    assert answer["headers"] == {b"content-length": b"3", b"host": b"here"}


def test_a_length_that_lies_is_corrected() -> None:
    (answer,) = exchange([part(b"abc")], headers=[(b"content-length", b"999")])
    assert answer["headers"] == {b"content-length": b"3"}


def problem(sent: Messages) -> dict[str, Any]:
    start, body = sent
    assert dict(start["headers"]) == {b"content-type": b"application/problem+json", b"connection": b"close"}
    told: dict[str, Any] = orjson.loads(body["body"])
    assert told["status"] == start["status"]
    return told


def test_a_body_over_the_limit_is_refused_once_it_is_sent() -> None:
    parts = [*[part(b"x" * IN_MEMORY, more=True)] * 3, part(b"x")]
    assert problem(exchange(parts))["status"] == 413


def test_a_body_of_the_limit_passes() -> None:
    (answer,) = exchange([part(b"x" * LIMIT)])
    assert len(answer["body"]) == LIMIT


def test_a_sender_who_drips_is_refused_in_the_end() -> None:
    assert problem(exchange([part(b"x", more=True), 0.2] * 100, seconds=0.05))["status"] == 408


def test_a_sender_who_leaves_is_not_answered() -> None:
    assert exchange([part(b"x", more=True)]) == []


def test_a_request_that_announces_no_body_is_not_asked_for_one() -> None:
    async def never() -> Any:
        raise AssertionError("asked")

    async def answered(_scope: Any, body: IO[bytes], _receive: Any, send: Any) -> None:
        await send({"type": "answer", "body": body.read()})

    async def story() -> Messages:
        sent: Messages = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "http_version": "1.1", "headers": [(b"host", b"here")]}
        await ReadAhead(answered, limit=LIMIT, seconds=5)(scope, never, send)
        return sent

    assert asyncio.run(story()) == [{"type": "answer", "body": b""}]
