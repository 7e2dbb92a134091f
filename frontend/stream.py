"""Door: tell open pages that something changed, as server-sent events. What changed they ask for themselves."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET
from redis.asyncio import Redis
from redis.exceptions import RedisError

from accounts.models import Feature
from accounts.sessions import unattended
from accounts.switches import is_on
from investigations.models import Investigation
from rcaplatform.kit.realtime import channel

log = structlog.get_logger(__name__)
RETRY_MILLISECONDS = 3_000
HEARTBEAT_SECONDS = 15
# Then the browser connects anew, and with that shows again that its session still stands.
LIFETIME_SECONDS = 30 * 60
RETRY_AFTER = 30  # seconds, after which a page asks again by itself
MOST_LISTENERS = 2_000
# Of one person, so that nobody's pages, or programs, take everybody's place.
MOST_OF_ONE = 500
ADMITTED_AT_ONCE = 2
UNREAD = 16
# For each page that listens; a thousand ask within two seconds.
SPREAD_MILLISECONDS = 2
RECONNECT_SECONDS = 1
# Tells pages to look for themselves: messages may have been lost.
MISSED = b'{"kind":"missed"}'
# The kind of message that ends a person's streams, and what they end by: the browser shows whether its session stands.
STANDING, END = "standing", b""


class Hub:
    """One Redis subscription for a whole process, fanned out to its listeners."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Queue[bytes]]] = defaultdict(set)
        self._people: dict[str, set[asyncio.Queue[bytes]]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None
        # After a restart every page comes back at once; each would open a database connection of its own.
        self.admission = asyncio.Semaphore(ADMITTED_AT_ONCE)

    @property
    def full(self) -> bool:
        """Whether this process has all the listeners it can bear."""
        return sum(map(len, self._listeners.values())) >= MOST_LISTENERS

    def refusal(self, person: str) -> int:
        """Return the status that refuses a ``person`` who wants to listen, or 0."""
        if self.full:
            return 503
        return 429 if len(self._people.get(channel(f"person:{person}"), ())) >= MOST_OF_ONE else 0

    @contextmanager
    def listening(self, topic: str, person: str = "") -> Iterator[asyncio.Queue[bytes]]:
        """Return the queue into which messages about ``topic`` go as long as the block lasts.

        Args:
            person: the id of who listens: told of what is theirs alone, and `END` when what they may has changed.
        """
        queue: asyncio.Queue[bytes] = asyncio.Queue(UNREAD)
        ways = ((self._listeners, channel(topic)), (self._people, channel(f"person:{person}")))
        for listeners, name in ways:
            listeners[name].add(queue)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.get_running_loop().create_task(self._read())
        try:
            yield queue
        finally:
            for listeners, name in ways:
                listeners[name].discard(queue)
                if not listeners[name]:
                    del listeners[name]

    async def _read(self) -> None:
        while True:
            try:
                async with Redis.from_url(settings.REDIS_URL) as redis, redis.pubsub() as messages:
                    await messages.psubscribe(channel("*"))
                    self._tell(list(self._listeners), MISSED)
                    async for message in messages.listen():
                        if message["type"] == "pmessage":
                            name = message["channel"].decode()
                            self._tell([name], message["data"])
                            self._tell_person(name, message["data"])
            except (RedisError, OSError):
                log.warning("stream.redis_unavailable")
                await asyncio.sleep(RECONNECT_SECONDS)

    def _tell(self, channels: list[str], message: bytes) -> None:
        for name in channels:
            _ring(self._listeners.get(name, set()), message)

    def _tell_person(self, name: str, message: bytes) -> None:
        queues = self._people.get(name, set())
        if not queues or orjson.loads(message)["kind"] != STANDING:
            _ring(queues, message)
            return
        for queue in queues:
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(END)


def _ring(listeners: set[asyncio.Queue[bytes]], message: bytes) -> None:
    told = _spread(message, len(listeners))
    for queue in listeners:
        # Who has so many bells unanswered comes to look anyway.
        if not queue.full():
            queue.put_nowait(told)


def _spread(message: bytes, listeners: int) -> bytes:
    """Add to a message, an object in JSON, over how many milliseconds its listeners are to spread their questions."""
    return b'{"spread":%d,' % (listeners * SPREAD_MILLISECONDS) + message.removeprefix(b"{")


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


@unattended
@require_GET
async def investigation(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Stream what happens to one investigation."""
    visible = Investigation.objects.visible_to
    return await _stream(request, f"investigation:{pk}", lambda user: visible(user).filter(pk=pk).exists())


@unattended
@require_GET
async def events(request: HttpRequest) -> HttpResponseBase:
    """Stream that events were stored."""
    return await _stream(request, "events")


@unattended
@require_GET
async def connectors(request: HttpRequest) -> HttpResponseBase:
    """Stream that connectors changed their state."""
    return await _stream(request, "connectors")


@unattended
@require_GET
async def own(request: HttpRequest) -> HttpResponseBase:
    """Stream what each stream carries besides: that one was told something, or read it."""
    return await _stream(request, "own")


async def _stream(request: HttpRequest, topic: str, sees: Callable[[object], bool] | None = None) -> HttpResponseBase:
    async with hub().admission:
        refusal = await sync_to_async(_refusal)(request, sees)
    if refusal:
        return HttpResponse(status=refusal)
    if crowded := hub().refusal(str(request.user.pk)):
        return HttpResponse(status=crowded, headers={"Retry-After": str(RETRY_AFTER)})
    headers = {
        "Cache-Control": "no-cache, no-transform",
        "X-Accel-Buffering": "no",
        "Content-Encoding": "identity",  # compressing would hold messages back
    }
    said = messages(topic, str(request.user.pk))
    return StreamingHttpResponse(said, content_type="text/event-stream", headers=headers)


def _refusal(request: HttpRequest, sees: Callable[[object], bool] | None) -> int:
    """Return the status to refuse with, or 0. Leaves no database connection open: a stream lasts, and needs none."""
    try:
        if not (request.user.is_authenticated and request.user.is_active):
            return 401
        if not is_on(Feature.STREAM):
            return 503
        return 404 if sees and not sees(request.user) else 0
    finally:
        connections.close_all()


def _switched_off() -> bool:
    """Tell whether streams are to end; leaves no database connection open either."""
    try:
        return not is_on(Feature.STREAM)
    finally:
        connections.close_all()


async def messages(topic: str, person: str = "") -> AsyncGenerator[bytes, None]:
    """Yield server-sent events about ``topic``, and a comment when there were none for a while.

    They end after their time, and at once when the standing of the ``person`` who listens changes.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + LIFETIME_SECONDS
    with hub().listening(topic, person) as queue:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        while loop.time() < end:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    message = await queue.get()
            except TimeoutError:
                if await sync_to_async(_switched_off)():
                    return
                yield b": still here\n\n"
            else:
                if message == END:
                    return
                yield b"data: " + message + b"\n\n"
