"""Decision: how bad a log line is, by the level its author gave and by what it says. No I/O."""

import re
from collections.abc import Mapping
from typing import Any

from events.choices import Severity

# Canonical names (see `connectors.sources.loglines.canonical`) of the keys that hold a level, words before numbers.
LEVEL_NAMES = (
    "levelname severitytext loglevel @l level severity lvl errorseverity priority severitynumber levelno levelvalue s"
).split()

_SPELLINGS = {
    "fatal": "fatal ftl f panic dpanic emergency emerg alert critical crit",
    "error": "error err e eror severe failure failed high",
    "warn": "warn warning wrn w medium",
    "notice": "notice n low",
    "info": "info information informational inf i log config success",
    "debug": "debug debugging dbg d trace trc t verbose vrb v fine finer finest silly",
}
_GRADES = {spelling: grade for grade, spellings in _SPELLINGS.items() for spelling in spellings.split()}

# Names that mean other things too: what their value must look like to be a level. MongoDB's and the journal's.
_TEXTS = {"s": re.compile("[FEWI]|D[1-5]?"), "priority": re.compile("[0-7]")}

_SYSLOG = ("fatal", "fatal", "fatal", "error", "warn", "notice", "info", "debug")
# Each scale: the least number of a grade, worst first; what lies below them all is "debug".
_OTEL = ((21, "fatal"), (17, "error"), (13, "warn"), (9, "info"))
_PYTHON = ((50, "fatal"), (40, "error"), (30, "warn"), (20, "info"))
_BUNYAN = ((60, "fatal"), (50, "error"), (40, "warn"), (30, "info"))
_MONOLOG = ((500, "fatal"), (400, "error"), (300, "warn"), (250, "notice"), (200, "info"))
_GOOGLE = ((600, "fatal"), (500, "error"), (400, "warn"), (300, "notice"), (200, "info"))
_LOGBACK = ((40_000, "error"), (30_000, "warn"), (20_000, "info"))

_SEVERITIES = {
    "fatal": Severity.CRITICAL,
    "error": Severity.HIGH,
    "warn": Severity.MEDIUM,
    "notice": Severity.LOW,
}
# Grades whose author may not have known how bad it was; who writes "debug" or "warn" means it.
_OPEN = {"", "info", "notice"}

_ALARMING = re.compile(
    "out ?of ?memory|oom-?kill|panic:|segfault|segmentation fault|core dumped|no space left on device|deadlock"
    "|(?:unhandled|uncaught) (?:exception|error)"
)


def grade_of(name: str, value: Any) -> str:
    """Return fatal, error, warn, notice, info or debug for the value of a key; "" for none of them.

    Args:
        name: the canonical name of the key; scales of numbers differ by it.
    """
    if name in _TEXTS and not (isinstance(value, str) and _TEXTS[name].fullmatch(value)):
        return ""
    if isinstance(value, str):
        word = value[:30].strip(" []<>()").lower()
        if word.isdecimal():
            return _grade_of_number(name, int(word))
        return _GRADES.get(word) or _GRADES.get(word.rstrip("0123456789"), "")
    if isinstance(value, int) and not isinstance(value, bool):
        return _grade_of_number(name, value)
    return ""


def _grade_of_number(name: str, number: int) -> str:
    if name == "severitynumber":
        return _on(_OTEL, number) if number else ""
    if name == "levelno":
        return _on(_PYTHON, number)
    if number < len(_SYSLOG):
        return _SYSLOG[number] if number >= 0 else "debug"
    if name == "severity":
        return _on(_OTEL if number <= 24 else _GOOGLE, number)
    return _on(_BUNYAN if number < 100 else _MONOLOG if number < 1_000 else _LOGBACK, number)


def _on(scale: tuple[tuple[int, str], ...], number: int) -> str:
    return next((grade for least, grade in scale if number >= least), "debug")


def grade_in(flat: Mapping[str, Any]) -> tuple[str, str]:
    """Return the grade of a line and the name of the key that tells it, ("", "") when none does."""
    for name in LEVEL_NAMES:
        if name in flat and (grade := grade_of(name, flat[name])):
            return grade, name
    return "", ""


def severity_of(grade: str, message: str, *, failed: bool) -> Severity:
    """Return how bad a line is: as its author says, but at least high where an innocent grade carries a failure.

    Args:
        failed: whether it carries an exception or a stack trace.
    """
    if grade in _OPEN and (failed or is_alarming(message)):
        return Severity.HIGH
    return _SEVERITIES.get(grade, Severity.INFO)


def is_alarming(message: str) -> bool:
    """Tell whether words say that something broke, whatever the level."""
    return _ALARMING.search(message.lower()) is not None
