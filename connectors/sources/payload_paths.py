"""Decision: where in a payload a setting says to look. A small language without evaluation; no database here.

alert.labels.severity           names, joined by dots
items[0].id, items[-1].id       an item of a list, from its start or its end
labels["service.name"]          a name with dots in it
host || agent.name || 'web'     the first that is there and not empty; a text in quotes stands for itself
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import Misconfigured

LONGEST, MOST_STEPS, MOST_CHOICES, MOST_HOLES = 500, 20, 10, 20
_STEP = re.compile(r"""(?:^|(?<=.)\.)([^.\[\]'"|{}\s]+)|\[(-?\d{1,6})\]|\[(?:"([^"]+)"|'([^']+)')\]""")
_CONSTANT = re.compile(r"""'([^']*)'|"([^"]*)\"""")
_HOLE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Path:
    """Where to look, in order of preference: each choice is a way of names and places, or a constant text."""

    choices: tuple[tuple[str | int, ...] | str, ...]

    @classmethod
    def read(cls, text: str) -> "Path":
        """Return the path that ``text`` writes.

        Raises:
            Misconfigured: it writes none; the message says where it goes wrong.
        """
        if len(text) > LONGEST:
            raise Misconfigured(f"A path has at most {LONGEST} characters.")
        choices = [choice.strip() for choice in text.split("||")]
        if len(choices) > MOST_CHOICES:
            raise Misconfigured(f"A path has at most {MOST_CHOICES} choices.")
        return cls(tuple(_choice(choice) for choice in choices))

    def find(self, payload: Any) -> Any:
        """Return the first value that is there and not empty, or nothing."""
        for choice in self.choices:
            found = choice if isinstance(choice, str) else _walk(payload, choice)
            if found is not None and found not in ("", [], {}):
                return found
        return None


@dataclass(frozen=True, slots=True)
class Template:
    """A text with paths in braces: ``{rule} on {host || 'a host'}``."""

    text: str
    paths: Mapping[str, Path]

    @classmethod
    def read(cls, text: str) -> "Template":
        """Return the template that ``text`` writes.

        Raises:
            Misconfigured: a path in it is none, there are too many, or a brace stands alone.
        """
        holes = _HOLE.findall(text)
        if len(text) > LONGEST or len(holes) > MOST_HOLES:
            raise Misconfigured(f"A template has at most {LONGEST} characters and {MOST_HOLES} paths.")
        if set("{}") & set(_HOLE.sub("", text)):
            raise Misconfigured("A brace stands alone.")
        return cls(text, {hole: Path.read(hole) for hole in holes})

    def fill(self, payload: Any) -> str:
        """Return the text with what the paths find; nothing where none of them finds anything."""
        found = {hole: plain(path.find(payload)) for hole, path in self.paths.items()}
        if found and not any(found.values()):
            return ""
        return _HOLE.sub(lambda match: found[match.group(1)], self.text).strip()


def plain(value: Any, limit: int = 2_000) -> str:
    """Return a text, a number or a truth as text; nothing of other values."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)[:limit] if isinstance(value, str | int | float) else ""


def _choice(text: str) -> tuple[str | int, ...] | str:
    if constant := _CONSTANT.fullmatch(text):
        return constant.group(1) or constant.group(2) or ""
    text = text.removeprefix("$").removeprefix(".") if text.startswith("$.") else text
    steps: list[str | int] = []
    place = 0
    while place < len(text):
        step = _STEP.match(text, place) if place == 0 or text[place] in ".[" else None
        if step is None:
            raise Misconfigured(f'At character {place + 1} of {text!r}: a name, [number] or ["name"] is expected.')
        name, number, *quoted = step.groups()
        steps.append(int(number) if number else name or quoted[0] or quoted[1])
        place = step.end()
    if not 0 < len(steps) <= MOST_STEPS:
        raise Misconfigured(f"A path has 1 to {MOST_STEPS} steps.")
    return tuple(steps)


def _walk(payload: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if isinstance(payload, dict) and isinstance(step, str):
            payload = payload.get(step)
        elif isinstance(payload, list) and isinstance(step, int) and -len(payload) <= step < len(payload):
            payload = payload[step]
        else:
            return None
    return payload
