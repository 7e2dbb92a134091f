"""Reading other people's JSON: nothing is trusted, only identity and time are insisted upon."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.errors import BadRecord
from connectors.reading import Part, bounded_id

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, [], "text", 7, True, {}, {"inner": None}, {"inner": ["x"]}])
def test_whatever_is_there_instead_of_an_object_reads_as_empty(value: Any) -> None:
    part = Part({"outer": value})["outer"]["inner"]
    assert (part.text("x"), part.texts("x"), part.number("x"), part.flag("x"), part.link("x"), part.each("x")) == (
        *("", [], None, False, "", []),
    )


def test_a_value_of_another_type_reads_as_empty() -> None:
    part = Part({"text": 7, "number": "7", "truth": True, "flag": 1, "link": "javascript:alert(1)", "texts": ["a", 1]})
    assert (part.text("text"), part.number("number"), part.number("truth")) == ("", None, None)
    assert (part.flag("flag"), part.link("link"), part.texts("texts")) == (False, "", ["a"])


def test_a_text_is_cut_at_its_limit() -> None:
    assert Part({"text": "abcdef"}).text("text", 3) == "abc"


def test_the_first_usable_address_is_taken() -> None:
    part = Part({"a": None, "b": "ftp://x", "c": "https://" + "x" * 2_000, "d": "http://x", "e": "https://y"})
    assert part.link("a", "b", "c", "d", "e") == "http://x"


@pytest.mark.parametrize(("value", "read"), [(7, "7"), ("abc", "abc"), (0, "0")])
def test_an_id_is_a_number_or_a_text(value: Any, read: str) -> None:
    assert Part({"id": value}).id("id") == read


@pytest.mark.parametrize("value", [None, "", True, 1.5, [], {}, "x" * 1_001])
def test_anything_else_is_no_id_and_the_error_says_where(value: Any) -> None:
    with pytest.raises(BadRecord, match=r"^runs\[1\]\.id is not an id\.$"):
        Part({"runs": [{}, {"id": value}]}).each("runs")[1].id("id")


@pytest.mark.parametrize(
    "value", ["2030-01-01T12:00:00Z", "2030-01-01T14:00:00.000+02:00", 1893499200, 1893499200.0], ids=str
)
def test_a_time_is_iso_8601_with_an_offset_or_unix_seconds(value: Any) -> None:
    assert Part({"at": value}).time("at") == NOON


@pytest.mark.parametrize(
    "value",
    [None, "", "soon", "2030-01-01T12:00:00", True, 1e300, -(10**18), "0001-01-01T00:00:00+23:59", float("nan"), []],
    ids=str,
)
def test_anything_else_is_no_time(value: Any) -> None:
    with pytest.raises(BadRecord, match=r"^at is not a time\.$"):
        Part({"at": value}).time("at")


def test_the_first_readable_time_counts_and_all_are_named_when_none_is() -> None:
    assert Part({"done": None, "begun": "2030-01-01T12:00:00Z"}).time("done", "begun") == NOON
    with pytest.raises(BadRecord, match=r"^run\.done or run\.begun is not a time\.$"):
        Part({})["run"].time("done", "begun")


def test_an_id_that_fits_stays_and_a_longer_one_keeps_what_tells_it_apart() -> None:
    assert bounded_id("x" * 300) == "x" * 300
    ids = {bounded_id("x" * 400 + end) for end in "ab"}
    assert {len(one) for one in ids} == {300}
    assert len(ids) == 2
