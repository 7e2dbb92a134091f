"""JSON as PostgreSQL can keep it: fast, and free of what `jsonb` refuses."""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_CONTAINERS = (dict, list)
MAX_DEPTH = 64


def dumps(value: Any) -> str:
    """Return ``value`` as JSON text for a ``jsonb`` column; NUL characters become U+FFFD.

    Raises:
        ValueError: it nests deeper than 64 levels or holds what JSON cannot say.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:
        text = _slow_dumps(value)
    if "\\u0000" in text:
        text = _ESCAPED_NUL.sub(r"\1\\ufffd", text)
    return text


def _slow_dumps(value: Any) -> str:
    """Handle what orjson refuses though JSON can say it: integers over 64 bits and lone surrogates."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, RecursionError) as problem:
        raise ValueError(f"not JSON: {problem}") from problem
    return text.encode(errors="replace").decode()


def depth(value: Any) -> int:
    """Return how deep ``value`` nests: 0 for a scalar, 1 for a flat list or object. Never recurses."""
    deepest, level = 0, [value]
    while level and deepest <= MAX_DEPTH:
        containers = [item for item in level if isinstance(item, _CONTAINERS)]
        if not containers:
            return deepest
        deepest += 1
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    return deepest


def texts(value: Any) -> Iterator[str]:
    """Yield each text within a JSON value, keys included."""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            rest.extend(item)
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)
