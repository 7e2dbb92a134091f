"""Decision: which words an event or an investigation can be found and compared by. No database here."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

MAX_CHARACTERS = 2_000
MAX_WRITTEN = 1_400  # the rest is left for parts
MAX_KNOWN = 40
_WORD = re.compile(r"[^\s\"'`()\[\]{}<>,;|=]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_PART = re.compile(r"[A-Za-z0-9]+")
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ABBREVIATIONS = range(7, 13)


def keywords(*texts: str) -> str:
    """Return the beginning of ``texts`` as written, then the parts of each identifier, at most 2,000 characters.

    ``PaymentError`` can then be found by "payment", ``/api/v1/pay`` by "pay", ``auth-service`` by "auth", and a commit
    hash by its first 7 to 12 characters. What was written stays in its order, so that a phrase of it can be found.
    """
    written = [word for text in texts for word in text.split()]
    words = dict.fromkeys(word.strip(".:!?") for text in texts for word in _WORD.findall(text))
    parts = dict.fromkeys(part for word in words for part in (word, *_parts(word)))
    kept = _bounded(written, MAX_WRITTEN)
    seen = set(kept)
    return " ".join(kept + _bounded([part for part in parts if part not in seen], MAX_CHARACTERS - MAX_WRITTEN))


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


def _parts(word: str) -> Iterator[str]:
    if _HASH.fullmatch(word):
        yield from (word[:length] for length in _ABBREVIATIONS)
        return
    alphanumeric = _PART.findall(word)
    if len(alphanumeric) > 1:
        yield from alphanumeric
    for part in alphanumeric:
        humps = _CAMEL.findall(part)
        if len(humps) > 1 and not any(hump.isdigit() for hump in humps):
            yield from humps


def _bounded(words: Iterable[str], limit: int) -> list[str]:
    kept, length = [], 0
    for word in words:
        length += len(word) + 1
        if length > limit:
            break
        kept.append(word)
    return kept


_STOP = frozenset(
    """
    the and for are but not you all any can had her was one our out has his how its let may new now old see two who did
    get got him she too use that with have this will your from they been were said each which their there what about
    when make like into time then than them these some other would could should after before over only also
    few since every minute minutes second seconds hour hours
    http https www com org net api error errors failed failure service warning info high low critical medium
    """.split()
)
