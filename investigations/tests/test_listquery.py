"""Which queries of the list may be kept, and how they are written."""

import pytest

from investigations.listquery import LONGEST, normalised
from rcaplatform.kit.errors import Invalid

SOMEBODY = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("status=active", "status=active"),
        ("?sort=-updated&status=open", "status=open&sort=-updated"),
        ("q=&priority=p1&page=4", "priority=p1"),
        ("q=+card++gateway+", "q=card++gateway"),
        ("q=%E2%80%9Ca%26b%E2%80%9D", "q=%E2%80%9Ca%26b%E2%80%9D"),
        (f"assignee={SOMEBODY}&severity=high", f"severity=high&assignee={SOMEBODY}"),
        ("assignee=null&service=checkout", "service=checkout&assignee=null"),
    ],
)
def test_a_query_is_written_in_one_way(query: str, kept: str) -> None:
    assert normalised(query) == kept
    assert normalised(kept) == kept


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("", "Filter, search or sort first"),
        ("page=2&q=", "Filter, search or sort first"),
        ("colour=red", "There is no filter 'colour'"),
        ("status=open&status=closed", "status: give this once"),
        ("status=asleep", "status: the list does not know"),
        ("priority=P1", "priority: the list does not know"),
        ("sort=title", "sort: the list does not know"),
        ("assignee=me", "assignee: the list does not know"),
        ("q=%00", "q: the list does not know"),
        ("q=%FF", "not a query string"),
        (f"q={'x' * 201}", "q: the list does not know"),
        ("q=x" + "&page=1" * 60, "not a query string"),
        ("q=" + "x" * LONGEST, "longer than"),
    ],
)
def test_a_query_that_the_list_does_not_know_is_refused(query: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        normalised(query)
    assert set(refused.value.fields) == {"query"}
