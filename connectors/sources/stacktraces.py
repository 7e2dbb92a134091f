"""Decision: what the text of a stack trace says: type, message and frames, in the dialects of common runtimes. No I/O.

Every pattern is anchored to the start of a line and bounded, so that hostile text costs milliseconds at worst.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

MAX_FRAMES = 50
MAX_TEXT = 20_000
_HEAD_LINES = 20

Frame = dict[str, Any]

_PYTHON = re.compile(
    r'^[ \t]*File "(?P<file>[^"\n]{1,300})", line (?P<line>\d{1,9})(?:, in (?P<function>[^\r\n]{1,200}))?', re.MULTILINE
)
# Java, JavaScript and .NET: "at f(File.java:1)", "at f (/a.js:1:2)", "at /a.js:1:2", "at F() in C:\a.cs:line 1".
_AT = re.compile(
    r"^[ \t]*at (?:(?P<function>[^\n]{1,200}?)(?: ?\(| in ))?(?P<file>[^\s()][^\n()]{0,200}?):(?:line )?"
    r"(?P<line>\d{1,9})(?::\d{1,9})?\)?(?:[ \t]~?\[[^\n\]]{0,200}\])?[ \t\r]*$",
    re.MULTILINE,
)
_AT_UNKNOWN = re.compile(
    r"^[ \t]*at (?P<file>)(?P<function>[^\n(]{1,200}\([^\n]{0,300}\))(?P<line>)[ \t\r]*$", re.MULTILINE
)
_GO = re.compile(
    r"^(?:created by )?(?P<function>[^\s][^\n]{0,300})\n"
    r"[ \t]+(?P<file>[^\s:][^\n:]{0,300}\.(?:go|s)):(?P<line>\d{1,9})",
    re.MULTILINE,
)
_RUBY = re.compile(
    r"^[ \t]*(?:from )?(?P<file>[^\s:][^\n:]{0,300}):(?P<line>\d{1,9}):in [`'](?P<function>[^'\n]{1,200})'",
    re.MULTILINE,
)
_PHP = re.compile(r"^#\d{1,4} (?P<file>[^\n(]{1,300})\((?P<line>\d{1,9})\): (?P<function>[^\r\n]{1,200})", re.MULTILINE)
_PLAIN = re.compile(
    r"^[ \t]*(?P<file>[\w./\\@-]{1,200}\.\w{1,10}):(?P<line>\d{1,9})(?::\d{1,9})?"
    r"(?:[ \t]+(?P<function>\S{1,200}))?[ \t\r]*$",
    re.MULTILINE,
)
_GO_ARGUMENTS = re.compile(r"\([^()]*\)$| in goroutine \d+$")

_CRASH = re.compile(r"(?P<type>panic|fatal error): (?P<message>[^\r\n]*)")
_HEADLINE = re.compile(
    r"(?:PHP )?(?:Fatal error:\s+)?"
    r'(?:Exception in thread "[^"]{0,100}" |(?:Uncaught|Unhandled)(?: [Ee]xception)?[.:]? )?'
    r"(?P<type>[A-Za-z_$][\w.$\\]{0,150})(?: \[[^\]]{0,100}\])?(?::\s?(?P<message>.*))?$"
)
_TYPE = re.compile(r"(?:Error|Exception|Failure|Fault|Panic|Interrupt|Throwable|Timeout|Iteration)$|[.\\][A-Z]\w*$")
_UNNAMED = ("", "")
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True)
class StackTrace:
    """What a stack trace says; empty where it does not say.

    Attributes:
        frames: {file, line, function}, innermost first, at most 50.
    """

    type: str = ""
    message: str = ""
    frames: list[Frame] = field(default_factory=list)


def bounded(text: str) -> str:
    """Return ``text`` with the middle taken out when it passes 20,000 characters: both ends tell most."""
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n…\n{text[-half:]}"


def parse(text: str, *, certain: bool) -> StackTrace:
    """Read a stack trace.

    Args:
        certain: whether it was given as one. In any other text only what cannot be mistaken counts.
    """
    text = bounded(text)
    trace = _python(text) or _innermost_first(text, certain=certain) or _go(text)
    if trace and (certain or trace.type or len(trace.frames) > 1):
        return trace
    if not certain:
        return StackTrace()
    kind, message = _crash(text) if _CRASH.match(text) else _headline(text.split("\n", 1)) or _UNNAMED
    return StackTrace(kind, message, _frames(_PLAIN, text))


def frames_in(entries: Iterable[Any]) -> list[Frame]:
    """Read frames given as objects, as structlog and Log4j write them; innermost first, at most 50."""
    objects = [entry for entry in entries if isinstance(entry, Mapping)]
    if any("lineno" in entry for entry in objects):
        objects.reverse()
    return [
        {
            "file": str(_any_of(entry, "file", "filename", "fileName") or "")[:300],
            "line": line if isinstance(line := _any_of(entry, "line", "lineno", "lineNumber"), int) else None,
            "function": str(_any_of(entry, "function", "method", "methodName", "name") or "")[:200],
        }
        for entry in objects[:MAX_FRAMES]
    ]


def _any_of(entry: Mapping[str, Any], *names: str) -> Any:
    return next((entry[name] for name in names if entry.get(name)), None)


def _python(text: str) -> StackTrace | None:
    if 'File "' not in text:
        return None
    text = text[max(0, text.rfind(_TRACEBACK)) :]
    found = list(_PYTHON.finditer(text))
    if not found:
        return None
    after = [line for line in text[found[-1].end() :].split("\n")[1:] if line[:1].strip()]
    kind, message = _headline(after[:1], certain=True) or _UNNAMED
    return StackTrace(kind, message, [_frame(match) for match in reversed(found)][:MAX_FRAMES])


def _innermost_first(text: str, *, certain: bool) -> StackTrace | None:
    for pattern, clue in ((_AT, "at "), (_AT_UNKNOWN, "at "), (_RUBY, ":in "), (_PHP, "#0 ")):
        if clue in text and (first := pattern.search(text)):
            head = text[: first.start()].split("\n")
            named = _headline(head) or (certain and _headline(head[:1], certain=True)) or _UNNAMED
            return StackTrace(*named, _frames(pattern, text))
    return None


def _go(text: str) -> StackTrace | None:
    frames = _frames(_GO, text)
    for frame in frames:
        frame["function"] = _GO_ARGUMENTS.sub("", frame["function"])
    return StackTrace(*_crash(text), frames) if frames else None


def _frames(pattern: re.Pattern[str], text: str) -> list[Frame]:
    return [_frame(match) for match in islice(pattern.finditer(text), MAX_FRAMES)]


def _frame(match: re.Match[str]) -> Frame:
    line = match["line"]
    return {"file": match["file"], "line": int(line) if line else None, "function": (match["function"] or "").strip()}


def _crash(text: str) -> tuple[str, str]:
    match = _CRASH.search(text)
    return (match["type"], match["message"].strip()) if match else _UNNAMED


def _headline(lines: Sequence[str], *, certain: bool = False) -> tuple[str, str] | None:
    """Read type and message from the first line that names a type; ``certain``: any word before a colon names one."""
    for line in lines[:_HEAD_LINES]:
        match = _HEADLINE.match(line.strip())
        if match and (certain or _TYPE.search(match["type"])):
            return match["type"], match["message"] or ""
    return None
