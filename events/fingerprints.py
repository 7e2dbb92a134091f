"""Decision: which events say the same thing, so that a flood of them folds into one burst. No database here."""

import re
from functools import lru_cache
from hashlib import blake2b

MASK = "#"
# What differs between two events that say the same thing: a value in quotes, an address, an id, a number.
_QUOTE = re.compile(r""" "[^"]*" | `[^`]*` | (?<!\w)'[^']*'(?!\w) """, re.VERBOSE)
_VARIABLE = re.compile(
    r"""
      [a-z][a-z0-9+.-]*://.*
    | [\w.+-]+@[\w-]+\.[\w.-]+
    | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b
    | \b(?=[0-9a-f:]*\d)[0-9a-f]{1,4}(?::{1,2}[0-9a-f]{1,4}){2,7}\b
    | \b(?=[a-z]*\d)[0-9a-f]{7,}\b
    | \b[a-z]*\d+[a-z]+\d[a-z0-9]*\b
    | \d+(?:[.,:]\d+)*
    """,
    re.VERBOSE,
)
_SEPARATOR = "\x1f"


def masked(title: str) -> str:
    """Return ``title`` in lower case with every quoted value, address, id and number replaced by ``#``."""
    text = title.lower()
    if '"' in text or "'" in text or "`" in text:
        text = _QUOTE.sub(MASK, text)
    return " ".join([word if word.isalpha() else _masked(word) for word in text.split()])


def fingerprint(*, source: str, service: str, event_type: str, title: str) -> int:
    """Return the number, of 64 bits with a sign, that events have in common which say the same thing."""
    told = _SEPARATOR.join((source, service.lower(), event_type, masked(title)))
    digest = blake2b(told.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _masked(word: str) -> str:
    if word.isdecimal():
        return MASK
    return _known(word) if len(word) <= 40 else _VARIABLE.sub(MASK, word)


@lru_cache(maxsize=4_096)
def _known(word: str) -> str:
    """Words recur: the expression is slow beside the rest of what storing an event takes."""
    return _VARIABLE.sub(MASK, word)
