"""How many requests a minute: counted in Redis for all processes together, in a window that slides.

Two numbers are kept for each caller: requests let through in this minute of the clock and in the one before. The part
of the minute before that is still within the last sixty seconds counts as evenly spread. What was refused is not
counted, so that who asks a little too often gets the limit, not nothing.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from rcaplatform.kit.memory import Script

PERIOD = 60
QUOTA = "rcaplatform.quota"  # where a request carries its quota, for the headers of the answer
# Takes one request from a limit and returns whether it may pass and both counts. A clock that is behind that of
# another machine stays in the window the other one opened.
TAKE = """
local function take(key, limit, now)
  local window = math.floor(now / 60)
  local kept = redis.call('HMGET', key, 'window', 'current', 'before')
  local last, current, before = tonumber(kept[1]), 0, 0
  if last and last >= window then
    window, current, before = last, tonumber(kept[2]), tonumber(kept[3])
  elseif last and last == window - 1 then
    before = tonumber(kept[2])
  end
  local left = 1 - math.max(0, now - window * 60) / 60
  if math.floor(before * left) + current >= limit then return {0, current, before} end
  redis.call('HSET', key, 'window', window, 'current', current + 1, 'before', before)
  redis.call('EXPIRE', key, 120)
  return {1, current + 1, before}
end
"""
_TAKE_ONE = Script(TAKE + "return take(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]))")


@dataclass(frozen=True, slots=True)
class Quota:
    """Where a caller stands.

    Attributes:
        limit: requests a minute.
        granted: whether this request may pass.
        current: requests let through in this minute of the clock, this one included.
        before: those of the minute before.
        now: Unix time.
    """

    limit: int
    granted: bool
    current: int
    before: int
    now: float

    @property
    def remaining(self) -> int:
        """Requests that may follow at once."""
        used = math.floor(self.before * (1 - self._elapsed / PERIOD)) + self.current
        return max(0, self.limit - used) if self.granted else 0

    @property
    def wait(self) -> int:
        """Whole seconds after which a request passes again, if nobody else takes it."""
        free = self.limit - self.current
        if free > 0:  # once so little of the minute before counts that it falls below what is free
            return max(1, math.floor(PERIOD * (1 - free / max(self.before, free)) - self._elapsed) + 1)
        over = 1 - self.limit / self.current  # in the next minute this one is the minute before
        return math.floor(PERIOD - self._elapsed + PERIOD * over) + 1

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        reset = self.wait if not self.granted else math.ceil(PERIOD - self._elapsed)
        figures = {"Limit": self.limit, "Remaining": self.remaining, "Reset": reset}
        return {f"X-RateLimit-{name}": str(figure) for name, figure in figures.items()}

    @property
    def _elapsed(self) -> float:
        return self.now % PERIOD


def quota(limit: int, counted: list[Any], now: float) -> Quota:
    """Return what `TAKE` counted as a quota."""
    granted, current, before = (int(number) for number in counted)
    return Quota(limit, bool(granted), current, before, now)


def take(caller: str, limit: int) -> Quota | None:
    """Count one request of ``caller``; None when there is no limit (0), or nothing that could count (Redis away)."""
    if not limit:
        return None
    now = time.time()
    counted = _TAKE_ONE.run([name(caller)], limit, now)
    return None if counted is None else quota(limit, counted, now)


def name(caller: str) -> str:
    """Return the key in Redis under which a caller is counted."""
    return f"rca:rate:{caller}"


class RateLimitHeaders:
    """Tells each caller that is counted where it stands, whatever the answer is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        found: Quota | None = request.META.get(QUOTA)
        for header, value in found.headers.items() if found else ():
            response[header] = value
        return response
