"""Decisions about sentences: what one names that stands in nothing it cites, and what could act. No database here.

Checked are times, dates, numbers, identifiers, names of services and quotations. Not checked is what a sentence claims
about them: that one thing caused another, came first, or did not happen. A person reads that.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from investigations.assistant.evidence import Evidence, Item

_ACTIVE = re.compile(
    r"""://|\bwww\.|<\s*[a-z/!?]|&\#?\w{1,32};|\]\s*[(:\[]|\[\[|!\[
        |\b(?:javascript|vbscript|mailto|tel|file)\s*:|\bdata\s*:\s*\w{1,32}/""",
    re.IGNORECASE | re.VERBOSE,
)
_QUOTED = re.compile(r'"([^"]*)"|“([^”]*)”|«([^»]*)»|`([^`]*)`')
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    "(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_SPOKEN_DATE = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}|{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?)\b", re.IGNORECASE
)
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}")
_CLOCK = re.compile(r"(?<!\d)(\d{1,2})(:\d{2}(?::\d{2})?)(?:\.\d+)?")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")
_WORD = re.compile(r"\w+(?:\.\w+)*")
_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)[^\W\d_]+")
_CAMEL = re.compile(r"[a-z0-9][A-Z]")
_HASH = re.compile(r"[0-9a-f]{7,64}")
_ABBREVIATED = {"e.g", "i.e", "a.m", "p.m"}
_NAMING = ("service", "environment", "component", "starts_at_service", "reaches_services")


def could_act(text: str) -> bool:
    """Return whether some reader of text might take a part of it for a link, a picture or HTML."""
    return bool(_ACTIVE.search(text))


def known_names(evidence: Evidence) -> set[str]:
    """Return the names of services and places that evidence knows at all."""
    told = (evidence.about, *(item.facts for item in evidence.items))
    texts = (text for one in told for name in _NAMING for text in _texts(one.get(name, "")))
    return {text.casefold() for text in texts if len(text) > 1}


def strays(text: str, cited: Iterable[Item], evidence: Evidence, known: Iterable[str]) -> list[str]:
    """Return what a sentence names that stands neither in what it cites nor in the facts of the investigation.

    Args:
        known: `known_names` of the evidence, worked out once for all sentences of an answer.
    """
    grounds = _Grounds([evidence.about, *(item.facts for item in cited)])
    return [
        *grounds.lacking(text),
        *(name for name in known if _stands(name, text.casefold()) and not grounds.has(name)),
    ]


class _Grounds:
    """What a sentence may rest on, as text to look things up in."""

    def __init__(self, facts: Iterable[Mapping[str, Any]]) -> None:
        told = [text for one in facts for text in _texts(one)]
        self._text = _GROUPED.sub("", "\n".join(told).casefold())
        dates = [date.split("-") for date in _DATE.findall(self._text)]
        self._years = {year for year, _, _ in dates}
        self._days = {(int(day), int(month)) for _, month, day in dates}
        self._clocks = {f"{hour:0>2}{rest}" for hour, rest in _CLOCK.findall(self._text)}
        self._clocks |= {clock[:5] for clock in self._clocks}

    def has(self, name: str) -> bool:
        return _stands(name, self._text)

    def lacking(self, text: str) -> Iterator[str]:
        """Yield the quotations, moments, numbers and identifiers of a sentence that are not here."""
        for found in _QUOTED.findall(text):
            quotation = " ".join("".join(found).casefold().split()).rstrip(".,;")
            if quotation not in self._text:
                yield quotation
        yield from self._lacking_moments(text)
        for pattern in (_DATE, _SPOKEN_DATE, _CLOCK):
            text = pattern.sub(" ", text)
        for word in _WORD.findall(_GROUPED.sub("", text)):
            if _is_identifier(word) and not self._knows(word.casefold()):
                yield word

    def _lacking_moments(self, text: str) -> Iterator[str]:
        yield from (date for date in _DATE.findall(text) if date not in self._text)
        for day, month, other_month, other_day in _SPOKEN_DATE.findall(text):
            number = _MONTHS.index((month or other_month)[:3].lower()) + 1
            if (int(day or other_day), number) not in self._days:
                yield f"{day or other_day} {month or other_month}"
        for hour, rest in _CLOCK.findall(text):
            if f"{hour:0>2}{rest}" not in self._clocks:
                yield f"{hour}{rest}"

    def _knows(self, word: str) -> bool:
        if word in self._years or self.has(word):
            return True
        if _HASH.fullmatch(word) and re.search(rf"(?<![\w.]){word}", self._text):
            return True
        with_unit = _WITH_UNIT.fullmatch(word)
        return with_unit is not None and self._knows(with_unit[1])


def _is_identifier(word: str) -> bool:
    """Return whether a word is a number or looks like a name that machines use."""
    if word.casefold() in _ABBREVIATED:
        return False
    return any(letter.isdigit() for letter in word) or "." in word or "_" in word or bool(_CAMEL.search(word))


def _stands(name: str, text: str) -> bool:
    """Return whether a name stands in text as a whole."""
    return bool(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w|\.\w)", text))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in what somebody is told, but for handles."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name != "id":
                yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
