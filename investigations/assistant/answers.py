"""Decisions about answers: which sentences of a language model are kept; none is believed. No database here."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from investigations.assistant.checks import could_act, known_names, strays
from investigations.assistant.evidence import Evidence, Item, said
from investigations.assistant.prompt import LONGEST, MOST_CITES, MOST_SENTENCES, SECTIONS
from rcaplatform.kit.errors import DomainError

MOST_LETTERS = 200_000  # of an answer
MOST_LOOKED_AT = 200  # entries
# Why a sentence is not kept, in words for people.
REASONS: Mapping[str, str] = {
    "malformed": "not of the shape that was asked for",
    "uncited": "cited nothing",
    "unknown": "cited what it was not given",
    "active": "held a link or markup",
    "unfounded": "named what stands in nothing it cited",
    "repeated": "said what was said before",
    "surplus": "beyond the most that are kept",
}
_FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_HANDLE = r"[en][0-9a-f]{7,64}"
_INLINE = re.compile(rf"\s*[(\[]\s*({_HANDLE}(?:\s*[,;]\s*{_HANDLE})*)\s*[)\]]")
_ENDING = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])")


class Unreadable(DomainError):
    """The model did not answer in the shape that was asked for."""

    code = "unreadable_answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence that is kept, and what it rests on."""

    section: str
    text: str
    cites: tuple[Item, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        cites = [{"kind": item.kind, "id": item.id, "at": item.at.isoformat()} for item in self.cites]
        return {"section": self.section, "text": self.text, "cites": cites}


@dataclass(slots=True, kw_only=True)
class Kept:
    """What is left of an answer.

    Attributes:
        sentences: in the order of their sections.
        dropped: how many were not kept, by one of `REASONS`.
    """

    sentences: list[Sentence] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def sift(text: str, *, kind: str, evidence: Evidence) -> Kept:
    """Return the sentences of an answer that cite what the model was given, and name nothing else.

    Raises:
        Unreadable: it is no JSON of the shape that was asked for.
    """
    kept, known = Kept(), set[str]()
    entries, names = _entries(text), known_names(evidence)
    kept.dropped["surplus"] += max(len(entries) - MOST_LOOKED_AT, 0)
    for entry in entries[:MOST_LOOKED_AT]:
        for sentence in _judged(entry, kind, evidence, names, kept.dropped):
            if sentence.text.casefold() in known:
                kept.dropped["repeated"] += 1
            elif len(kept.sentences) == MOST_SENTENCES:
                kept.dropped["surplus"] += 1
            else:
                known.add(sentence.text.casefold())
                kept.sentences.append(sentence)
    order = SECTIONS[kind]
    kept.sentences.sort(key=lambda sentence: order.index(sentence.section))
    kept.dropped = +kept.dropped
    return kept


def _entries(text: str) -> list[Any]:
    if len(text) > MOST_LETTERS:
        raise Unreadable(f"The model wrote {len(text):,} characters: more than are read.")
    bare = text.rpartition("</think>")[2].strip()  # models that reason aloud
    if fenced := _FENCE.fullmatch(bare):
        bare = fenced[1]
    try:
        document = orjson.loads(bare)
    except orjson.JSONDecodeError as problem:
        raise Unreadable("The model did not answer with JSON, or was cut short.") from problem
    entries = document.get("sentences") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise Unreadable("The model's answer holds no list of sentences.")
    return entries


def _judged(entry: Any, kind: str, evidence: Evidence, names: set[str], dropped: Counter[str]) -> Iterator[Sentence]:
    """Yield what is kept of one entry. Who writes several sentences in one has each of them judged."""
    named = evidence.named()
    if not isinstance(entry, dict) or not _well_formed(entry, SECTIONS[kind]):
        dropped["malformed"] += 1
        return
    cites = list(dict.fromkeys(entry["cites"]))
    if not cites:
        dropped["uncited"] += 1
        return
    if len(cites) > MOST_CITES or any(cite not in named for cite in cites):
        dropped["unknown"] += 1
        return
    items = tuple(named[cite] for cite in cites)
    whole = _without_handles(said(entry["text"], LONGEST), named)
    if could_act(entry["text"]) or could_act(whole):  # before and after what is unseen is taken out
        dropped["active"] += 1
        return
    for text in _ENDING.split(whole):
        if strays(text, items, evidence, names):
            dropped["unfounded"] += 1
        elif text:
            yield Sentence(section=entry["section"], text=text, cites=items)


def _well_formed(entry: Mapping[str, Any], sections: tuple[str, ...]) -> bool:
    text, cites = entry.get("text"), entry.get("cites")
    if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST:
        return False
    if not isinstance(cites, list) or not all(isinstance(cite, str) for cite in cites):
        return False
    return entry.keys() == {"section", "text", "cites"} and entry["section"] in sections


def _without_handles(text: str, named: Mapping[str, Item]) -> str:
    """Return text without handles in brackets, which models like to repeat; the page shows citations itself."""

    def taken_out(found: re.Match[str]) -> str:
        return "" if all(handle in named for handle in re.findall(_HANDLE, found[1])) else found[0]

    return _INLINE.sub(taken_out, text).strip()
