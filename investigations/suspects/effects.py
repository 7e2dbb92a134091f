"""Decision: which of the ways to break a service a diff takes, read from its lines alone."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from investigations.suspects.diffs import Diff, trivial, words
from investigations.suspects.mechanisms import MECHANISMS, Mechanism, compiled

_LOOP = re.compile(
    r"^\s*(for\b|while\b|async for\b|do\b)|\.(forEach|map|each|flatMap|collect)\s*[({]|\bfor \w+(, *\w+)? in\b|range "
)
_CALL = re.compile(
    r"\b\w*(db|client|repo(sitory)?|store|catalog|api|svc|service|stub|dao|http|session|cursor|conn|tx|redis|cache|grpc|rpc"
    r"|gateway|table|bucket|axios|requests|collection)\w*\)?(\.\w+)*\.\w+\("
    r"|\b(fetch|query\w*|exec\w*|select|get_?\w+|find_?\w+|load_?\w+|lookup\w*|put_?item|insert\w*|send\w*|post|save)\(",
    re.IGNORECASE,
)
_GUARD = re.compile(
    r"\bif\b.*(nil|null|none\b|undefined|len\(|empty|\bok\b|exist|isset|has_?|valid|is not|<=?|>=?|!=|==|not |!)"
    r"|\?\.|\?\?|\bassert|require\(|Optional|\.get\([^)]*, |unwrap_or|\bguard\b|validate|check\w*\(|ensure\w*\(|clamp"
    r"|\bmin\(|\bmax\(|sanitiz",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"""`?(?:json|xml|yaml|db|bson|avro|protobuf):?\s*["'(]([\w.-]+)|["']([\w.-]+)["']|\b(\w+)\s*=\s*\d+;"""
)
_NUMBER = re.compile(
    r"(?<![\w.])(\d[\d_]*(?:\.\d+)?)\s*\*?\s*(?:time\.)?"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|ki|mi|gi|kb|mb|gb|k|us|microseconds?)?\b",
    re.IGNORECASE,
)
_UNITS = {"us": 1e-6, "microsecond": 1e-6, "ms": 1e-3, "millisecond": 1e-3, "m": 60.0, "min": 60.0, "minute": 60.0}
_UNITS |= {
    "h": 3600.0,
    "hour": 3600.0,
    "ki": 2.0**10,
    "kb": 1e3,
    "k": 1e3,
    "mi": 2.0**20,
    "mb": 1e6,
    "gi": 2.0**30,
    "gb": 1e9,
}
_ALIKE = 0.33  # share of words by which one line is taken for what became of another
_NEAR = 24  # characters between a knob and its number
_LITERAL = re.compile(r"""(["'`])(?:(?!\1).)*\1|https?://\S+|/(?:[^/\s]|\\/)+/[gimsuy]*|-?\d[\w.]*""")
_FLIPS = (
    ("true", "false"),
    ("==", "!="),
    ("<", "<="),
    (">", ">="),
    ("&&", "||"),
    (" and ", " or "),
    ("not ", ""),
    ("!", ""),
)
_LOG = re.compile(r"\b(log|logger|logging|slog|console|fmt\.Print|print)\w*[.(]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Effect:
    """A mechanism that a diff sets going, and the line that shows it."""

    mechanism: Mechanism
    strength: float
    line: str


def effects(diff: Diff) -> tuple[Effect, ...]:
    """Return what a diff does, most certain first."""
    gone, new = _net(diff)
    shapes = _shapes(diff, gone, new)
    values = [f"{old} → {line}" for old, line in revalued(diff)]
    found = (_effect(row, gone, new, shapes) or _of_value(row, values) for row in MECHANISMS)
    return tuple(sorted(filter(None, found), key=lambda one: (-one.strength, one.mechanism.name)))


def revalued(diff: Diff) -> list[tuple[str, str]]:
    """Return the lines in which nothing but values changed: numbers, texts, addresses, patterns."""
    gone, new = _net(diff)
    found = []
    for old, line in _pairs(gone, new):
        before, after = _literals(old), _literals(line)
        same = _LITERAL.sub("#", old) == _LITERAL.sub("#", line) or _head(old) == _head(line) != ""
        if same and before and after and before != after and not _LOG.search(line):
            found.append((old.strip(), line.strip()))
    return found


def _literals(line: str) -> list[str]:
    return [match.group() for match in _LITERAL.finditer(line)]


def _head(line: str) -> str:
    """Return what a line gives a value to, where that is told."""
    match = re.match(r"""\s*["']?([\w.-]+)["']?\s*(?::=|=|:)(?!=)""", line)
    return match.group(1) if match else ""


def guards(diff: Diff) -> bool:
    """Tell whether it only adds checks that keep bad values out."""
    return (
        not diff.removed
        and any(re.search(r"\b(if|guard|assert)\b", line) for line in diff.added)
        and len(diff.added) < 8
    )


def _of_value(row: Mechanism, values: Sequence[str]) -> Effect | None:
    """Return the effect of a value that changed, where the line speaks of what the mechanism is about."""
    about = "|".join(filter(None, (row.removed, row.added)))
    told = next((line for line in values if about and compiled(about).search(line)), "")
    return Effect(row, row.sure * 0.8, told) if told else None


def novelty(diff: Diff) -> float:
    """Return how far a diff is from only moving text around: 0 a reformatting, 1 all else.

    A call put in the place of lines that say what is called elsewhere in the diff is a move; so are renamed helpers.
    """
    before, after = Counter(words(diff.removed)), Counter(words(diff.added))
    total = sum(before.values()) + sum(after.values())
    return 1 - 2 * sum((before & after).values()) / total if total else 0.0


def only_logs(diff: Diff) -> bool:
    """Tell whether every line that changed writes a log, a metric or a message."""
    lines = [line for line in (*diff.removed, *diff.added) if len(words([line])) > 1]
    return bool(lines) and all(
        _LOG.search(line) or re.match(r"""^\s*["'][^"']*["'],?\s*[\w.()]*,?\s*\)?$""", line) for line in lines
    )


def _net(diff: Diff) -> tuple[list[str], list[str]]:
    """Return the lines that really went and came: one that only moved did neither."""
    before = Counter(" ".join(line.split()) for line in diff.removed)
    after = Counter(" ".join(line.split()) for line in diff.added)
    return list((before - after).elements()), list((after - before).elements())


def _effect(row: Mechanism, gone: Sequence[str], new: Sequence[str], shapes: dict[str, str]) -> Effect | None:
    if row.shape in shapes:
        return Effect(row, row.sure, shapes[row.shape])
    turned = _turned(row, gone, new) if row.knob else ""
    if turned:
        return Effect(row, row.sure, turned)
    lost = _more(row.removed, gone, new)
    if lost:
        return Effect(row, row.sure, lost)
    came = _more(row.added, new, gone)
    return Effect(row, row.sure * 0.9, came) if came else None


def _more(pattern: str, here: Sequence[str], there: Sequence[str]) -> str:
    """Return a line that matches here, where more lines do than there."""
    if not pattern:
        return ""
    search = compiled(pattern).findall
    ours, theirs = [line for line in here if search(line)], sum(len(search(line)) for line in there)
    return ours[0] if sum(len(search(line)) for line in ours) > theirs else ""


def _turned(row: Mechanism, gone: Sequence[str], new: Sequence[str]) -> str:
    """Return the new line on which a number beside the knob was turned the way the row asks for."""
    for old, line in _pairs(gone, new):
        if not (compiled(row.knob).search(old) and compiled(row.knob).search(line)):
            continue
        before, after = _beside(row.knob, old), _beside(row.knob, line)
        if len(before) == len(after) and before != after:
            down = any(new < old for old, new in zip(before, after, strict=True))
            if row.way == "any" or down == (row.way == "down"):
                return f"{old.strip()} → {line.strip()}"
    return ""


def _pairs(gone: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield lines that became other lines: those alike but for their numbers and a name or two."""
    for old in gone[:200]:
        best = max(new[:200], key=lambda line: _alike(old, line), default="")
        if best and _alike(old, best) >= _ALIKE:
            yield old, best


def _alike(one: str, other: str) -> float:
    """Return how many words two lines share, with their values or without them, whichever is more."""
    return max(_overlap(one, other), _overlap(_LITERAL.sub("#", one), _LITERAL.sub("#", other)))


def _overlap(one: str, other: str) -> float:
    left, right = Counter(words([one])), Counter(words([other]))
    total = sum((left | right).values())
    return sum((left & right).values()) / total if total else 0.0


def _beside(knob: str, line: str) -> list[float]:
    """Return the number that follows the knob; where none does, all numbers of the line."""
    for match in compiled(knob).finditer(line):
        number = _NUMBER.search(line, match.end())
        if number and number.start() - match.end() <= _NEAR:
            return _numbers(number.group())
    return _numbers(line)


def _numbers(line: str) -> list[float]:
    """Return the numbers of a line, durations in seconds and sizes in bytes."""
    found = []
    for number, unit in _NUMBER.findall(line):
        name = unit.casefold()
        factor = _UNITS.get(name) or _UNITS.get(name.rstrip("s"), 1.0)
        found.append(float(number.replace("_", "")) * factor)
    return found


def _shapes(diff: Diff, gone: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Return what the lines do together, each with the line that shows it."""
    loops = (
        _call_in_loop(hunk.added) if not _call_in_loop(hunk.removed) else ""
        for hunk in diff.hunks
        if not trivial(hunk.file)
    )
    found = {
        "call in loop": next(filter(None, loops), ""),
        "guard removed": _guard_removed(gone, new),
        "renamed field": _renamed(gone, new),
        "flipped": _flipped(gone, new),
    }
    return {name: line for name, line in found.items() if line}


def _call_in_loop(lines: Sequence[str]) -> str:
    """Return a line inside a loop that calls something far away."""
    depth: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if depth is not None and indent > depth and _CALL.search(line) and not _LOG.search(line):
            return line.strip()
        if _LOOP.search(line):
            depth = indent
        elif depth is not None and indent <= depth and line.strip() not in ("}", ")", "});", "end"):
            depth = None
    return ""


def _guard_removed(gone: Sequence[str], new: Sequence[str]) -> str:
    lost = [line for line in gone if _GUARD.search(line) and not re.search(r"\berr(or)?\b", line)]
    kept = [line for line in new if _GUARD.search(line) and not re.search(r"\berr(or)?\b", line)]
    return lost[0].strip() if len(lost) > len(kept) else ""


def _renamed(gone: Sequence[str], new: Sequence[str]) -> str:
    """Return the line in which a quoted or tagged name became another one."""
    for old, line in _pairs(gone, new):
        before = {name for match in _FIELD.findall(old) for name in match if name}
        after = {name for match in _FIELD.findall(line) for name in match if name}
        if before - after and after - before and not _LOG.search(line):
            return f"{old.strip()} → {line.strip()}"
    return ""


def _flipped(gone: Sequence[str], new: Sequence[str]) -> str:
    """Return the line in which an operator or a truth value was turned around."""
    for old, line in _pairs(gone, new):
        left, right = old.casefold(), line.casefold()
        if any({left.replace(a, b), left.replace(b, a)} & {right} for a, b in _FLIPS if a and b and left != right):
            return f"{old.strip()} → {line.strip()}"
    return ""
