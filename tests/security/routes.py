"""Every address of the product, from its own tables: what the tests of this folder walk through."""

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, SlugConverter, UUIDConverter

from accounts.models import User
from tests.test_api_roles import CASES, V1

NOBODY = "00000000-0000-7000-8000-000000000000"
Row = tuple[Any, ...]
NAMES = sorted({name for row in CASES for name in re.findall(r"{(\w+)}", f"{row[0]} {row[2]}")})
WRITES = [row for row in CASES if row[1] != "GET"]


def things(call: Callable[..., int], owner: User) -> dict[str, str]:
    """Return the ids of what the table of routes speaks of, made anew and somebody's own."""
    seen: list[str] = []

    def note(address: str, *_: object, **__: object) -> Any:
        seen.append(address.removeprefix(V1))
        return SimpleNamespace(status_code=0)

    call(("|".join(f"{{{name}}}" for name in NAMES), "GET", None, None), SimpleNamespace(get=note), owner)
    return dict(zip(NAMES, seen[0].split("|"), strict=True))


def patterns(of: Any = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield every pattern of the product with its whole route."""
    for one in (of or get_resolver()).url_patterns:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from patterns(one, route)
        else:
            yield route, one


def pages() -> Iterator[tuple[str, URLPattern]]:
    """Yield the patterns that a person with a browser uses: not those that programs call."""
    for route, pattern in patterns():
        if not re.match(r"\^?(api|hooks|otlp|unsubscribe)\b", route):
            yield route, pattern


def address_of(route: str, pattern: URLPattern) -> str:
    """Return an address that a pattern answers, with ids of nothing."""
    examples = {UUIDConverter: NOBODY, IntConverter: "1", SlugConverter: "x"}
    converters = pattern.pattern.converters if hasattr(pattern.pattern, "converters") else {}
    for name, converter in converters.items():
        route = re.sub(rf"<(\w+:)?{name}>", examples.get(type(converter), "x"), route)
    return "/" + re.sub(r"<[^>]*>", "x", route).replace("^", "").replace("$", "").replace("/?", "/")
