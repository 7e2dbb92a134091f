"""What is read quickly is read as the serializer reads it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from events.api.serializers import NewEventSerializer
from events.told import draft_of, plain

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# A JSON body holds no halves of characters, and the door refuses null characters before.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), TEXT, st.lists(TEXT, max_size=3), st.dictionaries(TEXT, TEXT, max_size=2)
)
LONG = st.sampled_from(["x" * 50, "x" * 51, "x" * 100, "x" * 101, "x" * 300, "x" * 301, "x" * 500, " x" * 251])
TIMES = [
    "2026-03-01T09:14:00Z", "2026-03-01T09:14:00.123456789Z", "2026-03-01T09:14+02:00", "2026-03-01 09:14:00-0330",
    "20260301T091400Z", "2026-W09-7T09:14:00Z", "2026-03-01", "2026-03-01T09:14:00", "1969-12-31T23:59:59Z",
    "2200-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "yesterday", "",
]  # fmt: skip
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "timestamp": st.sampled_from(TIMES) | ANYTHING,
    "source": st.sampled_from(["ci", "logs", "CI", " ci", "", "pigeon"]) | ANYTHING,
    "severity": st.sampled_from(["high", "info", "High", ""]) | ANYTHING,
    "url": st.sampled_from(["", " https://a", "http://a ", "ftp://a", "https://" + "x" * 2_000]) | ANYTHING,
    "tags": st.lists(TEXT | LONG, max_size=4) | ANYTHING,
    **dict.fromkeys(["data", "metadata", "raw_data"], ANYTHING),
    **dict.fromkeys(["source_id", "event_type", "service", "component", "environment"], TEXT | LONG | ANYTHING),
}


@given(st.fixed_dictionaries({"title": TEXT | LONG}, optional=FIELDS))
def test_what_is_plain_is_what_the_serializer_reads(told: dict[str, Any]) -> None:
    quick = plain(told, source_id="new", now=NOW)
    if quick is not None:
        assert quick == draft_of(NewEventSerializer().run_validation(told), source_id="new", now=NOW)


@pytest.mark.parametrize("name", ["receieved_at", "id", "version"])
def test_a_field_that_is_not_told_is_not_plain(name: str) -> None:
    told = {"title": "x", name: "y"}
    assert plain(told, source_id="new", now=NOW) is None
    with pytest.raises(ValidationError):
        NewEventSerializer().run_validation(told)


def test_the_usual_event_is_plain() -> None:
    told = {
        "title": " Build failed ", "timestamp": "2026-03-01T10:14:00+01:00", "source": "ci", "source_id": "42",
        "severity": "high", "tags": ["a", "b"], "url": "https://ci.example.org/42", "data": {"step": "test"},
    }  # fmt: skip
    draft = plain(told, source_id="new", now=NOW)
    assert draft is not None
    assert (draft.title, draft.source_id, draft.timestamp.hour, draft.data) == (
        "Build failed",
        "42",
        9,
        {"step": "test"},
    )
