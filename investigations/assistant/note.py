"""Decision: how a draft that a person takes reads as a note, marked as what it is. No database here."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from investigations.choices import DraftKind, DraftSection

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&])")


def marking(*, model: str, at: datetime, dropped: int) -> str:
    """Return the words, in Markdown, by which everybody sees who wrote it.

    Who took it over is the author of the note: words that name people outlast their erasure.
    """
    wrote = f"Drafted by the language model {_escaped(model)}, {at:%Y-%m-%d %H:%M} UTC"
    lost = f" {dropped} sentence{'s were' if dropped != 1 else ' was'} left out by checks." if dropped else ""
    return (
        f"> **{wrote}; taken over by the author of this note.** "
        f"Each sentence cites what it rests on; whether it is right, no machine has checked.{lost}"
    )


def as_markdown(*, kind: str, sentences: Iterable[Mapping[str, Any]], mark: str) -> str:
    """Return a draft as Markdown: its marking first, its sentences by section, each followed by what it cites.

    Events are quoted as ``[[id]]``, which the notebook shows as links. What the model wrote is escaped.
    """
    parts = [mark]
    for section, members in groupby(sentences, key=lambda sentence: sentence["section"]):
        if kind == DraftKind.POSTMORTEM:
            parts.append(f"### {DraftSection(section).label}")
        parts.append("\n".join(f"- {_escaped(one['text'])} {_cites(one['cites'])}" for one in members))
    return "\n\n".join(parts)


def _cites(cites: Iterable[Mapping[str, str]]) -> str:
    return " ".join(
        f"[[{cite['id']}]]"
        if cite["kind"] == "event"
        else f"(note of {datetime.fromisoformat(cite['at']):%Y-%m-%d %H:%M} UTC)"
        for cite in cites
    )


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
