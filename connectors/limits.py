"""How often a source may be asked: what it says of that itself, and one queue for all workers, kept in Redis.

The queue is one number for each host and credential: the time at which the next request is due (the generic cell rate
algorithm). Who asks takes a turn and is told how long to wait for it; a source that wants to be left alone moves the
number on. While Redis is away each process keeps the numbers itself.
"""

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Literal

from connectors.errors import RateLimited
from rcaplatform.kit.memory import Script

BURST = 5  # requests at once, after a time without any
PATIENCE = 30.0  # seconds a worker waits for its turn; who must wait longer does something else meanwhile
LONGEST = 24 * 60 * 60.0  # seconds a source is left alone, whatever it asks for
_LOCAL_MOST = 1_000
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?")

# All in microseconds: how long to wait, and whether the turn was taken.
_BEGIN = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function keep(due)
  redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1)
end
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
"""
_TAKE = Script(
    _BEGIN
    + """
local interval, slack, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wait = math.max(0, due - slack - now)
if wait > patience then return {wait, 0} end
keep(due + interval)
return {wait, 1}
"""
)
_HOLD = Script(_BEGIN + "keep(math.max(due, now + tonumber(ARGV[1]))) return {1}")
_local: dict[str, float] = {}
_lock = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The headers in which a vendor tells where we stand with its limit.

    Attributes:
        remaining: names the header that counts the requests still free.
        reset: names the one that says when there will be more.
        unit: how it says so: as a Unix time, or as seconds from now. Never guessed: vendors use the same name for both.
        phrase: what the body of a 403 says that means the limit, where the headers may not.
    """

    remaining: str
    reset: str
    unit: Literal["epoch", "seconds"]
    phrase: str = ""

    def is_spent(self, headers: Mapping[str, str]) -> bool:
        """Tell whether no request is free."""
        return _number(headers.get(self.remaining.lower(), "")) == 0

    def seconds(self, headers: Mapping[str, str], now: float) -> float | None:
        """Return in how many seconds there will be more, where the headers say so."""
        told = _number(headers.get(self.reset.lower(), ""))
        if told is None:
            return None
        return _bounded(told - now if self.unit == "epoch" else told)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that the header Retry-After asks us to wait, in either of its forms; None without it."""
    told = headers.get("retry-after", "").strip()
    if (seconds := _number(told)) is not None:
        return _bounded(seconds)
    at = _http_date(told)
    return None if at is None else _bounded(at - now)


def source_time(headers: Mapping[str, str]) -> float:
    """Return what time the source says it is, so that its clock may go as it likes; else what time it is here."""
    return _http_date(headers.get("date", "")) or time.time()


class Turns:
    """The queue before one host for one credential.

    Args:
        name: tells this host and credential from others, and gives neither away.
    """

    def __init__(self, name: str, *, per_second: float) -> None:
        self.key = f"rca:turn:{name}"
        self.interval = 1 / per_second
        self.slack = self.interval * (min(BURST, math.ceil(per_second)) - 1)

    def wait(self) -> None:
        """Return when it is our turn.

        Raises:
            RateLimited: that is more than `PATIENCE` away.
        """
        microseconds = [round(seconds * 1e6) for seconds in (self.interval, self.slack, PATIENCE)]
        shared = _TAKE.run([self.key], *microseconds)
        wait, taken = (int(shared[0]) / 1e6, bool(shared[1])) if shared else self._take()
        if not taken:
            raise RateLimited(f"This source may be asked again in {math.ceil(wait)} seconds.", seconds=wait)
        if wait:
            time.sleep(wait)

    def hold(self, seconds: float) -> None:
        """Let nobody ask for some seconds."""
        until = seconds + self.slack
        if _HOLD.run([self.key], round(until * 1e6)) is None:
            with _lock:
                _local[self.key] = max(_local.get(self.key, 0), time.monotonic() + until)

    def _take(self) -> tuple[float, bool]:
        """Do in this process what `_TAKE` does in Redis."""
        with _lock:
            now = time.monotonic()
            due = max(_local.get(self.key, 0), now)
            wait = max(0, due - self.slack - now)
            if wait > PATIENCE:
                return wait, False
            if len(_local) >= _LOCAL_MOST:
                for key in [key for key, past in _local.items() if past < now]:
                    del _local[key]
            _local[self.key] = due + self.interval
            return wait, True


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _http_date(text: str) -> float | None:
    try:
        at: datetime = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST)
