"""ReDoS: no expression of ours, and none that an owner gives, takes time out of all proportion to what it reads."""

import ast
import importlib
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from connectors.errors import BadRecord, Misconfigured
from connectors.sources.gitlab import GitLabConfig

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "events", "investigations", "connectors", "frontend", "rcaplatform")
# What expressions stumble over: each is repeated, alone and with an end that does not fit.
PIECES = ["a", "1", " ", "/", ".", "-", "_", "=", '"', "(", "[", "at ", "a.", "a ", "/a", "\n", "a=1 ", "A"]
ENDS = ["", "!"]
SHORT = 1_000  # characters
STEEPEST = 6  # times as long for a text twice as long: 2 is a line, 4 a square, 8 a cube
HARMLESS = 0.0005  # seconds over the short text


@cache
def expressions() -> dict[str, re.Pattern[Any]]:
    """Return every compiled expression that a module of the product holds, and every one it writes down in a call."""
    found: dict[str, re.Pattern[Any]] = {}
    for path in sorted(path for app in APPS for path in (ROOT / app).rglob("*.py")):
        if {"tests", "migrations", "demo"} & set(path.parts) or path.stem in {"settings", "typesetter"}:
            continue
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if any(word in path.read_text() for word in ("re.", "regex")):
            found |= {f"{name}: {place}": one for place, one in [*_held(name), *_written(path)]}
    return found


def _held(name: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    module: ModuleType = importlib.import_module(name)
    for place, value in vars(module).items():
        for one in value if isinstance(value, tuple | list) else [value]:
            if isinstance(one, re.Pattern):
                yield f"{place} {one.pattern!r:.60}", one


def _written(path: Path) -> Iterator[tuple[str, re.Pattern[Any]]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str | bytes):
                yield f"line {node.lineno}", re.compile(first.value)


def seconds(pattern: re.Pattern[Any], text: str) -> float:
    """Return the time that looking for a pattern takes, the best of two."""
    given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    best = 9.0
    for _ in range(2):
        began = time.process_time()
        for _ in pattern.finditer(given):
            pass
        best = min(best, time.process_time() - began)
    return best


def growth(pattern: re.Pattern[Any], piece: str, end: str, size: int = SHORT) -> float:
    """Return how many times longer it takes over a text twice as long; 1 where the short one takes no time."""
    short = seconds(pattern, piece * (size // len(piece)) + end)
    if short < HARMLESS:
        return 1.0
    return seconds(pattern, piece * (2 * size // len(piece)) + end) / short


def test_the_measure_sees_an_expression_that_is_worse_than_square() -> None:
    assert growth(re.compile(r"a*a*a*b"), "a", "!", 60) > STEEPEST
    assert growth(re.compile(r"a+b"), "a", "!") <= STEEPEST


def test_the_expressions_are_found() -> None:
    assert len(expressions()) > 80


@pytest.mark.slow
def test_no_expression_of_ours_is_worse_than_square_in_what_it_reads() -> None:
    slow = {
        name: (piece, end)
        for name, pattern in expressions().items()
        for piece in PIECES
        for end in ENDS
        if all(growth(pattern, piece, end) > STEEPEST for _ in range(3))  # neighbours disturb the measure
    }
    assert slow == {}


@pytest.mark.parametrize("pattern", [r"^(a|a)*$", r"^(a|aa)+$"])
def test_an_expression_of_an_owner_that_explodes_is_given_up_and_makes_a_dead_letter_that_says_so(pattern: str) -> None:
    config = GitLabConfig.read({"url": "https://gitlab.example", "secret": "x", "deployments": pattern})
    with pytest.raises(BadRecord, match="simplify it"):
        config.kind_of("a" * 400 + "!", "check")


def test_what_is_no_expression_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(Misconfigured) as refused:
        GitLabConfig.read({"url": "https://gitlab.example", "secret": "x", "deployments": "(deploy"})
    assert set(refused.value.fields) == {"deployments"}
