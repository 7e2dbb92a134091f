"""What the processes remember together, in Redis, and may lose at any time; and what one process remembers alone."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha1
from threading import Lock
from typing import Any, Generic, TypeVar

import structlog
from redis.exceptions import NoScriptError, RedisError

from rcaplatform.kit.redisclient import client as _redis

log = structlog.get_logger(__name__)
PAUSE = 1.0  # seconds in which a process that met a dead Redis asks it nothing
SILENCE = 60.0  # seconds between two lines of the log about it
Key = TypeVar("Key")
Fact = TypeVar("Fact")


class Absence:
    """When Redis was last found away, on the clock that never goes back."""

    def __init__(self) -> None:
        self.until = self.quiet_until = 0.0

    def lasts(self) -> bool:
        return time.monotonic() < self.until

    def note(self, problem: RedisError) -> None:
        now = time.monotonic()
        self.until = now + PAUSE
        if now >= self.quiet_until:
            self.quiet_until = now + SILENCE
            log.warning("memory.unavailable", problem=str(problem), means="no rate limits, slower tokens")


absence = Absence()


class Script:
    """A few steps that Redis takes at once, in one round trip, with no other client in between."""

    def __init__(self, lua: str) -> None:
        self.lua = lua
        self.sha = sha1(lua.encode(), usedforsecurity=False).hexdigest()

    def run(self, keys: Sequence[str], *arguments: str | bytes | float) -> list[Any] | None:
        """Return what the script returns; None while Redis is away."""
        if absence.lasts():
            return None
        try:
            try:
                found: Any = _redis().evalsha(self.sha, len(keys), *keys, *arguments)
            except NoScriptError:  # a new Redis, or one that was started again
                found = _redis().eval(self.lua, len(keys), *keys, *arguments)
        except RedisError as problem:
            absence.note(problem)
            return None
        return list(found)


def write(values: Mapping[str, str | bytes], seconds: int) -> None:
    """Remember ``values`` for some time; asked also of a Redis that was away a moment ago."""
    try:
        with _redis().pipeline(transaction=False) as steps:
            for name, value in values.items():
                steps.set(name, value, ex=seconds)
            steps.execute()
    except RedisError as problem:
        absence.note(problem)


class Recent(Generic[Key, Fact]):
    """Facts of this process that never change: of more than ``most``, the one not asked for longest is forgotten."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._facts: OrderedDict[Key, Fact] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> Fact | None:
        """Return what is known of ``key``."""
        with self._lock:
            fact = self._facts.get(key)
            if fact is not None:
                self._facts.move_to_end(key)
            return fact

    def put(self, key: Key, fact: Fact) -> None:
        """Remember a fact."""
        with self._lock:
            self._facts[key] = fact
            if len(self._facts) > self.most:
                self._facts.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._facts.clear()
