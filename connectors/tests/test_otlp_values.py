"""Attributes from a stranger: kept as JSON, within bounds."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.otlp_values import MAX_CHARACTERS, MAX_ITEMS, MAX_NESTING, attributes
from connectors.tests.otlp import any_value, pairs
from rcaplatform.kit.jsonio import depth


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        ("text", "text"),
        (True, True),
        (-(2**63), -(2**63)),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"\xff\x00", "/wA="),
        ([1, [2, {"a": "b"}]], [1, [2, {"a": "b"}]]),
        ({"a": {"b": [None]}}, {"a": {"b": [None]}}),
        ({}, {}),
    ],
    ids=repr,
)
def test_every_kind_of_value_is_kept(value: Any, kept: Any) -> None:
    assert attributes(pairs({"key": value})) == {"key": kept}


def test_of_two_with_one_name_the_last_counts() -> None:
    assert attributes([*pairs({"a": 1}), *pairs({"a": 2})]) == {"a": 2}


def test_a_long_text_keeps_both_its_ends() -> None:
    kept = attributes(pairs({"stack": "begin" + "x" * 100_000 + "end"}))["stack"]
    assert len(kept) < 21_000
    assert (kept[:5], kept[-3:]) == ("begin", "end")


def test_no_more_are_kept_than_there_is_room_for() -> None:
    assert len(attributes(pairs({str(number): number for number in range(1_000)}))) == MAX_ITEMS
    assert len(attributes(pairs({"list": list(range(1_000))}))["list"]) == MAX_ITEMS


def nested(levels: int) -> Any:
    value: Any = "deep"
    for _ in range(levels):
        value = [value]
    return value


def test_nesting_ends_somewhere() -> None:
    assert depth(attributes(pairs({"deep": nested(40)}))) == MAX_NESTING + 1
    assert "…" in str(attributes(pairs({"deep": nested(40)})))


def test_wide_and_deep_together_stay_small() -> None:
    wide: Any = "x" * 50
    for _ in range(3):
        wide = [wide] * 60
    assert len(orjson.dumps(attributes(pairs({"wide": wide, "more": "x" * 50_000})))) < 2 * MAX_CHARACTERS


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=10,
)


@given(values=st.dictionaries(st.text(max_size=5), PLAIN, max_size=5))
def test_whatever_they_are_they_are_json(values: dict[str, Any]) -> None:
    assert any_value(values).ByteSize() >= 0
    orjson.dumps(attributes(pairs(values)))
