"""How bad a log line is: by its level first, then by what it says."""

from typing import Any

import pytest

from connectors.sources.loglines import LogLine
from events.choices import Severity

BY_LEVEL = [
    ("fatal PANIC Emerg emergency ALERT crit CRITICAL DPANIC f", Severity.CRITICAL),
    ("error ERROR Err E SEVERE [ERROR] ERROR2", Severity.HIGH),
    ("warn WARNING wrn W Warning", Severity.MEDIUM),
    ("notice NOTICE", Severity.LOW),
    ("info INFO Information inf debug DBG trace TRACE verbose fine D1", Severity.INFO),
]
NUMBERS = [
    ({"level": 60}, Severity.CRITICAL),  # Bunyan and Pino
    ({"level": 50}, Severity.HIGH),
    ({"level": "40"}, Severity.MEDIUM),
    ({"level": 35}, Severity.INFO),
    ({"level": 10}, Severity.INFO),
    ({"level": 0}, Severity.CRITICAL),  # syslog and GELF
    ({"level": 3}, Severity.HIGH),
    ({"level": 4}, Severity.MEDIUM),
    ({"level": 5}, Severity.LOW),
    ({"level": 7}, Severity.INFO),
    ({"level": -1}, Severity.INFO),  # Zap's debug
    ({"severity_number": 21}, Severity.CRITICAL),  # OpenTelemetry
    ({"severityNumber": 17}, Severity.HIGH),
    ({"SeverityNumber": 13}, Severity.MEDIUM),
    ({"severity": 12}, Severity.INFO),
    ({"severityNumber": 0}, Severity.INFO),
    ({"levelno": 50}, Severity.CRITICAL),  # Python
    ({"levelno": 40}, Severity.HIGH),
    ({"level": 400, "level_name": "ERROR"}, Severity.HIGH),  # Monolog
    ({"level": 250}, Severity.LOW),
    ({"severity": 400}, Severity.MEDIUM),  # Google Cloud
    ({"level_value": 40000}, Severity.HIGH),  # Logback
    ({"PRIORITY": "3"}, Severity.HIGH),  # the journal
    ({"s": "E"}, Severity.HIGH),  # MongoDB
]
NOT_LEVELS = [{"level": "platinum"}, {"level": None}, {"level": True}, {"level": 4.5}, {"priority": 1}, {"s": 2}]
BROKEN = (
    "java.lang.OutOfMemoryError: heap|Out of memory: Killed process 7|container OOMKilled|panic: nil map|"
    "app[7]: segfault at 0|Segmentation fault (core dumped)|write: no space left on device|Deadlock found when trying|"
    "Unhandled exception in worker"
).split("|")


def severity(**fields: Any) -> Severity:
    return LogLine(fields).severity


@pytest.mark.parametrize(("words", "expected"), BY_LEVEL)
@pytest.mark.parametrize(
    "key", ["level", "severity", "lvl", "log.level", "levelname", "loglevel", "@l", "severity_text"]
)
def test_a_level_of_any_name_and_case_decides(key: str, words: str, expected: Severity) -> None:
    found = {word: severity(**{key: word, "msg": "x"}) for word in words.split()}
    assert found == dict.fromkeys(words.split(), expected)


@pytest.mark.parametrize(("fields", "expected"), NUMBERS)
def test_a_number_is_read_on_the_scale_of_its_logger(fields: dict[str, Any], expected: Severity) -> None:
    assert severity(**fields) is expected


@pytest.mark.parametrize("fields", NOT_LEVELS)
def test_what_is_no_level_leaves_a_line_without_one(fields: dict[str, Any]) -> None:
    assert severity(**fields) is Severity.INFO


def test_a_level_further_in_counts() -> None:
    assert severity(log={"level": "error"}, message="x") is Severity.HIGH
    assert severity(fields={"level": "error"}) is Severity.HIGH


@pytest.mark.parametrize("message", BROKEN)
def test_words_of_breakage_make_an_innocent_line_high(message: str) -> None:
    assert severity(message=message) is Severity.HIGH
    assert severity(message=message, level="INFO") is Severity.HIGH
    assert severity(message=message, level="NOTICE") is Severity.HIGH


@pytest.mark.parametrize("message", BROKEN)
def test_who_says_warn_debug_or_fatal_means_it(message: str) -> None:
    assert severity(message=message, level="WARN") is Severity.MEDIUM
    assert severity(message=message, level="debug") is Severity.INFO
    assert severity(message=message, level="FATAL") is Severity.CRITICAL


def test_an_exception_makes_an_innocent_line_high() -> None:
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: bad'
    assert severity(msg="done", exc_info=trace) is Severity.HIGH
    assert severity(msg="done", exc_info=trace, level="info") is Severity.HIGH
    assert severity(msg=trace, level="info") is Severity.HIGH
    assert severity(msg="done", exc_info=trace, level="warn") is Severity.MEDIUM
    assert severity(msg="done", exc_info=trace, level="debug") is Severity.INFO


def test_an_error_in_words_makes_a_line_high_only_when_nobody_gave_it_a_level() -> None:
    assert severity(msg="retrying", error="connection refused") is Severity.HIGH
    assert severity(msg="retrying", error="connection refused", level="info") is Severity.INFO


@pytest.mark.parametrize("nothing", [None, "", "-", "none", False, {}, [], 0])
def test_an_empty_error_is_none(nothing: Any) -> None:
    assert severity(msg="served", error=nothing) is Severity.INFO
