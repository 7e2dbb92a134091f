"""A time is read in whichever format and unit a tool writes it, and what is no time is none."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from connectors.moments import moment
from connectors.tests.corpus import STRANGE

AT = datetime(2025, 2, 15, 14, 59, 3, tzinfo=UTC)
SECONDS = int(AT.timestamp())


@pytest.mark.parametrize(
    "value",
    [
        SECONDS,
        float(SECONDS),
        str(SECONDS),
        SECONDS * 10**3,
        SECONDS * 10**6,
        SECONDS * 10**9,
        str(SECONDS * 10**3),
        f"{SECONDS}.0",
        "2025-02-15T14:59:03Z",
        "2025-02-15T14:59:03+00:00",
        "2025-02-15T14:59:03+0000",
        "2025-02-15T15:59:03+01:00",
        "2025-02-15T15:59:03+01.00",
        "2025-02-15T09:29:03-05:30",
        "2025-02-15 14:59:03",
        "2025-02-15 14:59:03 UTC",
        "2025-02-15 14:59:03 +0000 UTC",
        "2025-02-15 15:59:03 +0100 CET",
        "2025/02/15 14:59:03 GMT",
        "Sat Feb 15 14:59:03 UTC 2025",
        "Sat Feb 15 14:59:03 2025",
        "Sat, 15 Feb 2025 14:59:03 GMT",
        "Sat, 15 Feb 2025 15:59:03 +0100",
        " 2025-02-15T14:59:03Z ",
    ],
    ids=repr,
)
def test_a_time_is_read(value: Any) -> None:
    assert moment(value) == AT


def test_fractions_of_a_second_are_kept_to_the_microsecond() -> None:
    expected = AT.replace(microsecond=266529)
    assert moment("2025-02-15 14:59:03.266529825 +0000 UTC") == expected
    assert moment(SECONDS * 10**9 + 266529825) == expected


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        True,
        None,
        "",
        "5",
        "now",
        "2025-02-15",
        "0001-01-01T00:00:00Z",
        "2025-13-01T00:00:00Z",
        10**30,
        [SECONDS],
    ],
    ids=repr,
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert moment(value) is None


@given(value=STRANGE)
def test_nothing_breaks_the_reader(value: Any) -> None:
    moment(value)
