"""Decision: what is in a payload of unknown shape, as named values, the outermost first. Bounded; no database here."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from connectors.sources.alert_words import words

MOST_NODES, MOST_ITEMS, DEEPEST = 2_000, 50, 6
# Words before a name that only say whose it is: alert_name, ProblemTitle, monitorFriendlyName, newStateValue.
_WHOSE = (
    *("alert", "alarm", "incident", "problem", "monitor", "check", "issue", "event", "trigger", "rule", "detector"),
    *("definition", "policy", "search", "current", "new", "friendly", "message", "notification", "monitoring"),
)
_EMPTY_ENDINGS = frozenset({"value", "text", "string", "label"})
# What is said below these is about something else: how it was before, who watches, how it is reckoned.
_ELSEWHERE = frozenset(
    "previous previousstate oldstate before prechange snapshots request contexts checkrules links apilinks user users "
    "contacts builder matchedevent replayinfo backlog exception stacktrace headers sdk geo query conditions rules "
    "parameters renders creator owner actor responders organization".split()
)
_LABELS = frozenset(
    "labels tags dimensions details customdetails commonlabels userlabels systemlabels policyuserlabels attributes "
    "fields annotations commonannotations metadata".split()
)
_TAG = re.compile(r"\s*([A-Za-z][\w.-]{0,60})[:=]([^,:][^,]{0,200})")


@dataclass(frozen=True, slots=True)
class Node:
    """A value that is a text, a number or a truth.

    Attributes:
        words: those of its name.
        name: the name without what only says whose it is: ``title`` of ``ProblemTitle``.
        key: the whole name, as one word.
        depth: how many objects and lists it is in.
        label: whether it is one of a set of labels, which people name as they like.
        text: the value as text; nothing of a placeholder that nobody filled in.
    """

    words: tuple[str, ...]
    name: str
    key: str
    value: str | int | float | bool
    depth: int
    label: bool
    written: str
    text: str


def nodes_of(payload: Any) -> list[Node]:
    """Return the values in ``payload``, the outermost first, at most 2,000."""
    found: list[Node] = []
    waiting: deque[tuple[str, Any, int, bool]] = deque([("", payload, -1, False)])
    while waiting and len(found) < MOST_NODES:
        name, value, depth, label = waiting.popleft()
        _, _, key = _read_name(name[:200])
        if isinstance(value, str | int | float):
            if name:
                found.append(_node(name, value, depth, label))
            if isinstance(value, str) and key in {"tags", "scopes"}:
                found += [_node(tag, said.strip(), depth + 1, True) for tag, said in _TAG.findall(value[:4_000])]
        elif depth < DEEPEST and key not in _ELSEWHERE:
            inside = label or key in _LABELS
            waiting.extend((inner, one, depth + 1, inside) for inner, one in _inner(name, value))
    return found


def _inner(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what is in an object or a list, under its name. Pairs of name and value are as good as an object."""
    if isinstance(value, dict):
        yield from list(value.items())[:MOST_NODES]
        said = value.get("value", value.get("label"))
        if name and isinstance(said, str) and not {"key", "name"} & value.keys():
            yield name, said  # {"state": {"value": "ALARM", ...}}
        return
    for item in value[:MOST_ITEMS] if isinstance(value, list) else ():
        if isinstance(item, dict) and isinstance(pair := item.get("key", item.get("name")), str) and "value" in item:
            yield pair, _unwrapped(item["value"])
        elif isinstance(item, list) and len(item) == 2 and isinstance(item[0], str):
            yield item[0], item[1]
        elif isinstance(item, str):
            yield from _TAG.findall(item[:300])
        else:
            yield name, item


def _unwrapped(value: Any) -> Any:
    """Return the value in OTLP's wrapping, {"stringValue": "x"}; any other as it is."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).endswith("Value"):
        return next(iter(value.values()))
    return value


def _node(name: str, value: Any, depth: int, label: bool) -> Node:
    written = name[:200]
    return Node(*_read_name(written), value, depth, label, written, _text(value))


def _text(value: str | float | bool) -> str:
    text = str(value).strip()
    return "" if text.startswith(("$", "{{", "*insert", "{")) or text in {"null", "None", "N/A", "-"} else text


@lru_cache(4_096)  # a sender has few names, and says them in every payload
def _read_name(name: str) -> tuple[tuple[str, ...], str, str]:
    """Return the words of a name, what it comes to, and all of it as one word."""
    said = tuple(words(name))
    return said, _name(said), "".join(said)


def _name(said: tuple[str, ...]) -> str:
    rest = list(said)
    while len(rest) > 1 and rest[0] in _WHOSE:
        rest.pop(0)
    while len(rest) > 1 and rest[-1] in _EMPTY_ENDINGS:
        rest.pop()
    if len(rest) == 1 and rest[0] not in _WHOSE:
        for whose in _WHOSE:  # MONITORNAME, alertname
            if rest[0].startswith(whose) and len(rest[0]) - len(whose) > 1:
                return rest[0].removeprefix(whose)
    return "".join(rest)
