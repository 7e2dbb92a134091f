"""Answers worth keeping: for five minutes, or until something was told about what they speak of."""

import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from typing import Any, TypeVar

from django.core.cache import cache
from redis.exceptions import RedisError

from rcaplatform.kit import replica
from rcaplatform.kit.realtime import told_so_far

Answer = TypeVar("Answer")
KEPT_SECONDS = 300


def kept(question: Any, *, about: tuple[str, ...], make: Callable[[], Answer], settles: float = 0.0) -> Answer:
    """Return the answer to ``question``, made anew when it is five minutes old or not true any more.

    Without Redis it is made every time.

    Args:
        question: what was asked, with everything the answer depends on; told apart by its ``repr``.
        about: topics of `realtime.publish`; a message under any of them ends the answer.
        settles: seconds an answer holds whatever is told, where much is told in every second.
    """
    key = f"answer:{blake2b(repr(question).encode(), digest_size=16).hexdigest()}"
    try:
        # Asked first: what is told while the answer is made ends it.
        told, found = told_so_far(*about), cache.get(key)
    except RedisError:
        return make()
    if found and (found["told"] == told or time.time() - found["at"] < settles):
        kept_answer: Answer = found["answer"]
        return kept_answer
    replica.settle()  # what was told before is in an answer that is kept, also in one that a standby gives
    began, answer = time.time(), make()
    with suppress(RedisError):
        cache.set(key, {"told": told, "at": began, "answer": answer}, timeout=KEPT_SECONDS)
    return answer
