"""Lines that are certainly of no interest are told apart without reading them whole."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sources.loglines import LogLine, is_quiet
from events.choices import Severity

KEYS = st.sampled_from(
    "Level level_name severity msg message log error err stack context fields exception con text e rror s priority "
    "status name log.level @x _".split()
)
VALUES = st.sampled_from(
    [
        "info",
        "debug",
        "error",
        "warn",
        "",
        "x",
        "x\ny",
        "panic: x",
        '{"level":"error"}',
        "a.py:1 f",
        30,
        3,
        50,
        None,
        True,
    ]
)
NESTED = st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=4)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["info", "debug", 30, "notice"]), st.dictionaries(KEYS, NESTED, max_size=4), st.booleans())
def test_a_line_that_looks_quiet_is_of_severity_info(level: str | int, others: dict[str, Any], last: bool) -> None:
    fields = {**others, "level": level} if last else {"level": level, **others}
    assert not is_quiet(fields) or LogLine(fields).severity is Severity.INFO


def test_an_ordinary_line_is_told_apart_without_reading_it_whole() -> None:
    line = {"timestamp": "2026-03-01T12:00:00Z", "service": "pay", "message": "ok", "trace_id": "t", "status": 200}
    assert is_quiet({**line, "level": "INFO"})
    assert is_quiet({**line, "level": 30})
    assert is_quiet({**line, "level": "debug"})
    assert not is_quiet({**line, "level": "WARN"})
    assert not is_quiet(line)
    assert not is_quiet({**line, "level": "INFO", "message": "Out of memory"})


LOUD = [
    {"level": "info", "log": '{"level":"error","msg":"x"}'},
    {"level": "info", "Level": {"name": "error"}, "msg": "x"},
    {"level": "info", "msg": 'Traceback:\n  File "a.py", line 1, in f\nValueError: x'},
    {"level": "info", "msg": "x", "err": {"stack": "Error: x\n    at f (a.js:1:2)"}},
    {"level": "info", "msg": "x", "context": {"exception": {"class": "E"}}},
    {"level": "info", "msg": "x", "log": {"level_name": "error"}, "level_name": None},
    {"level": "info", "msg": None, "message": "panic: x"},
    {"level": "nothing", "severity": "error", "msg": "x"},
]


@pytest.mark.parametrize("fields", LOUD)
def test_a_line_whose_say_stands_elsewhere_is_read_whole(fields: dict[str, Any]) -> None:
    assert not is_quiet(fields)
