"""Decision: which words an event or an investigation can be found and compared by. No database here."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any

from events.drafts import storable
from events.references import in_full

MAX_CHARACTERS = 2_000
MAX_WRITTEN = 1_400  # the rest is left for parts
MAX_KNOWN = 40
MAX_READ = 4_000  # characters and values of an event's data, however large and deep it is
LONG, _AGAIN = 300, 60
_CONTAINERS = (dict, list, tuple)
_WORD = re.compile(r"[^\s\"'`()\[\]{}<>,;|=]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_PART = re.compile(r"[A-Za-z0-9]+")
_JOINT = re.compile(r"[./:?#&@\\]")
_SEGMENT = re.compile(r"[^/:?#&@\\]+")
_QUERY = re.compile(r"[?#]")
_MOST_ENDS = 8  # of a path
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ABBREVIATIONS = range(7, 13)
# A source says the same words over and over. Remembered are so many, none longer than so many characters.
_REMEMBERED, _MEMORABLE = 10_000, 64


def event_keywords(
    *,
    title: str,
    service: str,
    component: str,
    environment: str,
    source_id: str,
    tags: Iterable[str],
    message: str,
    data: Mapping[str, Any],
) -> str:
    """Return what an event is found by, whoever told it: its names, the message, then what its data says.

    Commits and traces that linking looks for come first of the data, so that they are never cut off. The lines of a
    diff are none of its words: they would drown the message, and what a commit took away is not what it is about.
    """
    if "diff" in data:
        data = {name: value for name, value in data.items() if name != "diff"}
    named = (title, service, component, environment, source_id, *tags, *in_full(data), message)
    return storable(keywords(*dict.fromkeys((*named, *said(data)))))


def said(data: Mapping[str, Any]) -> list[str]:
    """Return the texts and numbers that ``data`` holds, as written, without its keys: those nearest the top first.

    Of a long text comes the beginning, and the rest after all others: a stack trace leaves room for an order number.
    The rest begins some words earlier, so that a phrase across the cut is found.
    """
    found: list[str] = []
    rests: list[str] = []
    for text in _leaves(data):
        if len(text) > LONG:
            whole = " ".join(text[:MAX_CHARACTERS].split())
            found.append(whole[:LONG].rpartition(" ")[0] or whole[:LONG])
            rest = whole[max(0, len(found[-1]) - _AGAIN) :]
            rests.append(rest.partition(" ")[2] or rest)
        else:
            found.append(text)
    return found + rests


def _leaves(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield texts and numbers level by level, until so much was read; a long text counts as what is kept in turn."""
    room, containers = MAX_READ, list[Any]([data])
    for container in containers:  # which grows meanwhile
        for value in container.values() if isinstance(container, dict) else container:
            if room <= 0:
                return
            room -= 1
            if isinstance(value, _CONTAINERS):
                containers.append(value)
            elif value is not None and not isinstance(value, bool):
                text = value if isinstance(value, str) else str(value)
                room -= min(len(text), LONG)
                yield text


def keywords(*texts: str) -> str:
    """Return the beginning of ``texts`` as written, then the parts of each identifier, at most 2,000 characters.

    ``PaymentError`` can then be found by "payment", ``/api/v1/pay`` by "pay", ``auth-service`` by "auth", a path, host
    or address by its segments and by the ends of its path, and a commit hash by its first 7 to 12 characters. What was
    written stays in its order, so that a phrase of it can be found.
    """
    written = " ".join(texts).split()
    kept = _bounded(written, MAX_WRITTEN)
    seen, parts = set(kept), dict.fromkeys(chain.from_iterable(map(_read, dict.fromkeys(written))))
    room = MAX_CHARACTERS - sum(map(len, kept)) - len(kept)
    rest = _bounded([part for part in parts if part not in seen], room)
    return " ".join(kept + rest)


def vocabulary(*texts: str) -> frozenset[str]:
    """Return the lower-case words of three letters or more that say what ``texts`` are about."""
    return frozenset().union(*(_telling(word) for text in texts for word in _WORD.findall(text)))


def _telling(word: str) -> frozenset[str]:
    return _known(word) if len(word) <= MAX_KNOWN else _pieces(word)


@lru_cache(maxsize=16_384)
def _known(word: str) -> frozenset[str]:
    """Words recur from event to event; the bound on their length bounds what is kept."""
    return _pieces(word)


def _pieces(word: str) -> frozenset[str]:
    pieces = {piece.lower() for part in _PART.findall(word) for piece in _CAMEL.findall(part)}
    return frozenset(piece for piece in pieces if len(piece) > 2 and not piece.isdigit()) - _STOP


def _read(text: str) -> tuple[str, ...]:
    """Return the words in what stands between two spaces, each followed by its parts."""
    return _reading(text) if len(text) <= _MEMORABLE else _reading.__wrapped__(text)


@lru_cache(maxsize=_REMEMBERED)
def _reading(text: str) -> tuple[str, ...]:
    found = []
    for word in _WORD.findall(text):
        found.append(word.strip(".:!?"))
        found += _parts(found[-1])
    return tuple(found)


def _parts(word: str) -> list[str]:
    if _HASH.fullmatch(word):
        return [word[:length] for length in _ABBREVIATIONS]
    alphanumeric = _PART.findall(word)
    parts = list(alphanumeric) if len(alphanumeric) > 1 else []
    for part in alphanumeric:
        if part.isalpha() and not part.islower() and len(humps := _CAMEL.findall(part)) > 1:
            parts += humps
    return parts + _segments(word) if _JOINT.search(word) else parts


def _segments(word: str) -> list[str]:
    """Return what PostgreSQL does not see within a path, host or address, all of which are single words to it."""
    found = _SEGMENT.findall(word)
    found += [label for segment in found if "." in segment for label in segment.split(".")]
    return found + _ends(word) if "/" in word else found


def _ends(word: str) -> list[str]:
    """Return the ends of a path, without what follows it; of an address also all that follows the host.

    A query keeps the slashes of ``https://`` with the host, hence that form of it.
    """
    before, scheme, address = word.partition("://")
    steps = [step for step in _QUERY.split(address if scheme else before, maxsplit=1)[0].split("/") if step]
    if not steps:
        return []
    steps[-1] = steps[-1].partition(":")[0] or steps[-1]  # a line of a file
    ends = ["/".join(steps[start:]) for start in range(max(0, len(steps) - _MOST_ENDS), len(steps))]
    if scheme:
        ends.append("/" + "/".join(steps))
    if scheme or (":" in steps[0] and len(steps) > 1):
        ends.append("/" + "/".join(steps[1:]))
    return ends


def _bounded(words: list[str], limit: int) -> list[str]:
    """Return as many of the first words as fit, a space after each; what is too long for a word takes no room."""
    if sum(map(len, words)) + len(words) <= limit:
        return words
    words = [word for word in words if len(word) <= LONG]
    ends = list(accumulate(len(word) + 1 for word in words))
    return words[: bisect_right(ends, limit)]


_STOP = frozenset(
    """
    the and for are but not you all any can had her was one our out has his how its let may new now old see two who did
    get got him she too use that with have this will your from they been were said each which their there what about
    when make like into time then than them these some other would could should after before over only also
    few since every minute minutes second seconds hour hours
    http https www com org net api error errors failed failure service warning info high low critical medium
    """.split()
)
