"""References: commits and traces are known by their hashes, however much of one a person writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.references import KEYS, named_in, told_by

SHA = "3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"Broken since {SHA}.", {"3f2a1b0"}),
        ("Broken since 3F2A1B0, says Ann", {"3f2a1b0"}),
        ("Look at deploy@3f2a1b0c9d", {"3f2a1b0"}),
        (f"Trace {TRACE} shows it", {TRACE}),
        ("Order 1234567 and the facade of acceded", set()),
        ("Request 0189f9c6-7372-755f-ad93-18747957f839", set()),
        ("3f2a1b", set()),
        ("", set()),
    ],
)
def test_a_text_names_commits_and_traces(text: str, named: set[str]) -> None:
    assert named_in(text) == named


def told(**data: object) -> frozenset[str]:
    return told_by([data.get(key) for key in KEYS])


def test_data_names_commits_and_traces() -> None:
    assert told(head_sha=SHA, trace_id=TRACE) == {"3f2a1b0", TRACE}


def test_a_trace_may_have_a_name_of_any_kind() -> None:
    assert told(trace_id="1-5759e988-BD862E3F") == {"1-5759e988-bd862e3f"}
    assert told(trace_id=1234567890123456789) == {"1234567890123456789"}


def test_what_is_no_hash_names_no_commit() -> None:
    assert told(commit="Fix the build", sha={"deep": 1}, after="0" * 40, trace_id="0" * 32) == frozenset()


json = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)


@given(st.lists(json, min_size=len(KEYS), max_size=len(KEYS)), st.text())
def test_nothing_that_a_source_sends_breaks_it(values: list[object], text: str) -> None:
    assert all(told_by(values) | named_in(text) | {"-"})
