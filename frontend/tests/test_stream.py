"""The realtime stream: who may listen, what arrives, and that nothing holds it back."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, TypeVar, cast

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.test import AsyncClient
from django.urls import reverse
from redis import Redis

from accounts import switches
from accounts.models import User
from frontend import stream
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory
from rcaplatform.kit.realtime import channel

pytestmark = pytest.mark.django_db(transaction=True)
Answer = TypeVar("Answer")


def ring(topic: str, message: bytes) -> None:
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.publish(channel(topic), message)


def run(story: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a coroutine on a loop and a thread of its own: other tests may have left a loop running on this one."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, story).result()


async def listen(person: User | None, address: str) -> HttpResponseBase:
    client = AsyncClient()
    if person:
        await client.aforce_login(person)
    return cast(HttpResponseBase, await client.get(address))


async def read(chunks: AsyncIterator[bytes], until: bytes) -> bytes:
    """Return what was said up to and including ``until``; ring meanwhile, as the subscription may still be coming."""
    said = b""
    async with asyncio.timeout(10):
        while until not in said:
            said += await anext(chunks)
    return said


def test_a_message_about_an_investigation_reaches_who_looks_at_it(engineer: User, case: Investigation) -> None:
    async def story() -> tuple[bytes, Any]:
        answer = cast(StreamingHttpResponse, await listen(engineer, reverse("stream-investigation", args=[case.pk])))
        async with aclosing(cast(Any, answer.streaming_content)) as chunks:
            await read(chunks, b"missed")
            await asyncio.to_thread(ring, f"investigation:{InvestigationFactory.build().pk}", b'{"kind":"other"}')
            await asyncio.to_thread(ring, f"investigation:{case.pk}", b'{"kind":"linked"}')
            return await read(chunks, b"linked"), answer.headers

    said, headers = run(story())
    assert said == b'data: {"spread":2,"kind":"linked"}\n\n'
    assert headers["Content-Type"] == "text/event-stream"
    assert headers["Cache-Control"] == "no-cache, no-transform"
    assert (headers["X-Accel-Buffering"], headers["Content-Encoding"]) == ("no", "identity")


def test_one_subscription_serves_all_listeners_of_a_process() -> None:
    async def story() -> tuple[list[bytes], int]:
        everyone = [stream.messages("events") for _ in range(20)]
        try:
            for one in everyone:
                await anext(one)
            await asyncio.gather(*(read(one, b"missed") for one in everyone))
            await asyncio.to_thread(ring, "events", b'{"kind":"stored"}')
            heard = await asyncio.gather(*(read(one, b"stored") for one in everyone))
            with Redis.from_url(settings.REDIS_URL) as redis:
                return heard, cast(int, await asyncio.to_thread(redis.pubsub_numpat))
        finally:
            for one in everyone:
                await one.aclose()

    heard, subscriptions = run(story())
    assert heard == [b'data: {"spread":40,"kind":"stored"}\n\n'] * 20
    assert subscriptions == 1


def test_what_is_told_to_one_person_comes_by_each_stream_of_theirs_and_by_no_others(
    engineer: User, admin: User
) -> None:
    async def story() -> list[bytes]:
        everyone = [
            stream.messages("events", str(engineer.pk)),
            stream.messages("own", str(engineer.pk)),
            stream.messages("own", str(admin.pk)),
        ]
        try:
            for one in everyone:
                await anext(one)
            await asyncio.gather(*(read(one, b"missed") for one in everyone))
            await asyncio.to_thread(ring, f"person:{engineer.pk}", b'{"kind":"inbox"}')
            await asyncio.to_thread(ring, "own", b'{"kind":"last"}')
            return [await read(everyone[0], b"inbox"), *[await read(one, b"last") for one in everyone[1:]]]
        finally:
            for one in everyone:
                await one.aclose()

    first, second, other = run(story())
    told, last = b'data: {"spread":4,"kind":"inbox"}\n\n', b'data: {"spread":4,"kind":"last"}\n\n'
    assert (first, second, other) == (told, told + last, last)


def test_silence_is_broken_by_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)

    async def story() -> bytes:
        async with aclosing(stream.messages("events")) as chunks:
            return await read(chunks, b": still here\n\n")

    assert run(story()).startswith(b"retry: 3000\n\n")


def test_while_streams_are_switched_off_none_begins_and_those_that_run_end(
    engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(switches.watch, "off", frozenset({"stream"}))

    async def story() -> tuple[int, list[bytes]]:
        answer = await listen(engineer, reverse("stream-events"))
        return answer.status_code, [chunk async for chunk in stream.messages("connectors")]

    status, said = run(story())
    assert status == 503
    assert said[0] == b"retry: 3000\n\n"
    assert b": still here\n\n" not in said


def test_a_stream_ends_after_its_time_so_that_the_session_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LIFETIME_SECONDS", 0.1)
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)

    async def story() -> list[bytes]:
        return [chunk async for chunk in stream.messages("events")]

    assert run(story())[0] == b"retry: 3000\n\n"


def test_who_leaves_is_forgotten() -> None:
    async def story() -> dict[str, Any]:
        async with aclosing(stream.messages("events")) as chunks:
            await anext(chunks)
        return dict(stream.hub()._listeners)

    assert run(story()) == {}


def test_who_does_not_read_holds_nobody_up() -> None:
    hub = stream.Hub()

    async def story() -> int:
        with hub.listening("events") as queue:
            for _ in range(10 * stream.UNREAD):
                hub._tell([channel("events")], b"{}")
            return queue.qsize()

    assert run(story()) == stream.UNREAD


def test_a_crowd_is_admitted_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = [0], [0]

    def admit(*_: object) -> int:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        inside[0] -= 1
        return 404

    monkeypatch.setattr(stream, "_refusal", admit)

    async def one() -> None:
        async with ThreadSensitiveContext():  # as each request has one
            await stream._stream(HttpRequest(), "events")

    async def story() -> None:
        await asyncio.gather(*(one() for _ in range(20)))

    run(story())
    assert 0 < most[0] <= stream.ADMITTED_AT_ONCE


def test_a_full_process_says_so(engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_LISTENERS", 0)
    answer = run(listen(engineer, reverse("stream-events")))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_one_person_takes_no_more_than_their_share(engineer: User, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_OF_ONE", 1)

    async def story() -> list[int]:
        first = stream.messages("events", str(engineer.pk))
        await anext(first)
        try:
            return [(await listen(person, reverse("stream-events"))).status_code for person in (engineer, user)]
        finally:
            await first.aclose()

    assert run(story()) == [429, 200]


def test_a_stranger_hears_nothing(case: Investigation) -> None:
    for address in (
        reverse("stream-investigation", args=[case.pk]),
        reverse("stream-events"),
        reverse("stream-connectors"),
        reverse("stream-own"),
    ):
        assert run(listen(None, address)).status_code == 401


def test_an_investigation_that_is_not_there_has_no_stream(engineer: User) -> None:
    address = reverse("stream-investigation", args=[InvestigationFactory.build().pk])
    assert run(listen(engineer, address)).status_code == 404


def test_a_stream_keeps_no_database_connection(engineer: User, case: Investigation) -> None:
    async def story() -> list[object]:
        await listen(engineer, reverse("stream-investigation", args=[case.pk]))
        return await sync_to_async(lambda: [one.connection for one in connections.all(initialized_only=True)])()

    assert run(story()) == [None]
