"""Fingerprints: what says the same thing folds, what does not stays apart."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.fingerprints import fingerprint, masked


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Took 120 ms", "Took 3,402.5 ms"),
        ("Cart 17 is empty", "Cart 90125 is empty"),
        ('No such user "ann"', 'No such user "bob smith"'),
        ("No such user 'ann'", "No such user 'bob'"),
        ("Cannot read `a/b`", "Cannot read `c`"),
        ("Lost 10.0.0.7:5432", "Lost 192.168.1.20:6432"),
        ("Lost fe80::1ff:fe23:4567:890a", "Lost 2001:db8::ff00:42:8329"),
        ("GET https://a.example/x?y=1 timed out", "GET http://b.example timed out"),
        ("Mail to ann@shop.example bounced", "Mail to b.c+d@x.y.example bounced"),
        ("Order 0189f9c6-7372-755f-ad93-18747957f839 failed", "Order 01a1f906-0000-7000-8000-0123456789ab failed"),
        ("Reverted 3f2a1b0", "Reverted 9c8e7d6a5b4c3f2a1b09c8e7d6a5b4c3f2a1b000"),
        ("Pod x2k4z died", "Pod 7f9c8d died"),
        ("12:30:45 job done", "01:02:03 job done"),
        ("Retry  1", "retry 2"),
    ],
)
def test_titles_that_differ_in_values_alone_fold(one: str, other: str) -> None:
    assert masked(one) == masked(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Payment failed", "Payment timed out"),
        ("p99 of checkout is high", "p99 of billing is high"),
        ("It can't read the user's cart", "It can't read the user's order"),
        ("std::string overflow", "std::vector overflow"),
    ],
)
def test_titles_that_differ_in_words_stay_apart(one: str, other: str) -> None:
    assert masked(one) != masked(other)


def test_the_service_the_kind_and_the_source_tell_events_apart() -> None:
    told = {"source": "logs", "service": "checkout", "event_type": "error", "title": "Timeout"}
    others = [{**told, name: "other"} for name in told]
    assert len({fingerprint(**values) for values in (told, *others)}) == 5


def test_a_fingerprint_is_the_same_for_ever() -> None:
    """It is stored: another number for the same event would tear its burst apart."""
    assert fingerprint(source="logs", service="checkout", event_type="error", title="Took 7 ms") == STORED


STORED = -3018164400777078948


@given(st.text(max_size=500), st.text(max_size=50))
def test_every_title_has_a_fingerprint_that_the_column_holds(title: str, service: str) -> None:
    number = fingerprint(source="logs", service=service, event_type="error", title=title)
    assert -(2**63) <= number < 2**63


@pytest.mark.parametrize("piece", ["a-", "a.", "a+", "1:", "f:", "a1", "'", '"', "x@", "http:"])
def test_no_title_takes_long(piece: str) -> None:
    began = time.perf_counter()
    masked((piece * 500)[:500])
    assert time.perf_counter() - began < 0.1
