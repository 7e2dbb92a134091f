"""Drafts: what may become an event, and which field is named when something may not."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.drafts import EventDraft
from rcaplatform.kit.errors import Invalid

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD: dict[str, Any] = {"source": "ci", "source_id": "42", "timestamp": NOON, "title": "Built", "event_type": "build"}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"deeper": value}
    return value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source", "fax"),
        ("severity", "catastrophic"),
        ("timestamp", datetime(2026, 3, 1, 12)),  # noqa: DTZ001 - the point
        ("timestamp", datetime(1969, 12, 31, tzinfo=UTC)),
        ("timestamp", datetime(2200, 1, 1, tzinfo=UTC)),
        ("source_id", ""),
        ("source_id", "x" * 301),
        ("title", "  "),
        ("title", 7),
        ("event_type", ""),
        ("service", "s" * 201),
        ("url", "javascript:alert(1)"),
        ("tags", ["t"] * 51),
        ("tags", ["t" * 101]),
        ("data", nested(70)),
        ("raw_data", nested(70)),
    ],
)
def test_a_draft_that_breaks_a_rule_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        EventDraft(**{**GOOD, field: value})
    assert list(refused.value.fields) == [field]


def test_a_long_title_is_shortened_not_refused() -> None:
    draft = EventDraft(**{**GOOD, "title": "x" * 600})
    assert (len(draft.title), draft.title[-1]) == (500, "…")


def test_tags_keep_their_order_and_come_once() -> None:
    assert EventDraft(**GOOD, tags=["b", "a", "b", " "]).tags == ("b", "a")


def test_a_time_with_any_offset_is_taken() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=-7)))
    assert EventDraft(**{**GOOD, "timestamp": local}).timestamp == NOON


@given(title=st.text(), message=st.text(), service=st.text(max_size=50))
def test_no_text_can_break_the_store(title: str, message: str, service: str) -> None:
    draft = EventDraft(**{**GOOD, "title": f"x{title}", "message": message, "service": service})
    for text in (draft.title, draft.message, draft.service):
        assert "\x00" not in text
        text.encode()
