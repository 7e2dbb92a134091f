"""Decisions about linking: tables of truth for each factor, and what they come to together."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investigations.scoring import THRESHOLD, Clue, Scene, closeness, duration, kinship, score, wording

ONSET = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SCENE = Scene(
    onset=ONSET,
    detected=ONSET + 5 * MINUTE,
    service="checkout",
    component="cart",
    words=frozenset({"payment", "timeout", "latency", "gateway"}),
)


def clue(after: timedelta = MINUTE, *, source: str = "logs", service: str = "checkout", **more: object) -> Clue:
    return Clue(timestamp=ONSET + after, source=source, service=service, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "source", "expected"),
    [
        (timedelta(0), "logs", 1.0),
        (HOUR, "logs", 1.0),
        (-20 * MINUTE, "logs", 0.5),
        (-6 * HOUR, "git", 0.5),
        (-6 * HOUR, "ci", 0.5),
        (-6 * HOUR, "logs", 0.0),
        (5 * MINUTE + 4 * HOUR, "logs", 0.5),
    ],
)
def test_closeness_halves_with_distance_and_slower_for_changes(after: timedelta, source: str, expected: float) -> None:
    assert closeness(clue(after, source=source), SCENE).score == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize(
    ("service", "component", "expected"),
    [
        ("checkout", "", 1.0),
        ("Checkout", "", 1.0),
        ("checkout", "cart", 1.0),
        ("checkout", "search", 0.7),
        ("billing", "cart", 0.8),
        ("payment-gateway", "", 0.7),
        ("billing", "", 0.1),
        ("", "", None),
    ],
)
def test_kinship_asks_where_the_event_comes_from(service: str, component: str, expected: float | None) -> None:
    assert kinship(clue(service=service, component=component), SCENE).score == expected


def test_a_commit_of_a_service_that_is_only_spoken_of_needs_a_word_in_common() -> None:
    commit = {"source": "git", "service": "payment-gateway"}
    assert not score(clue(**commit, words=frozenset({"kernel"})), SCENE).links  # type: ignore[arg-type]
    assert score(clue(**commit, words=frozenset({"timeout"})), SCENE).links  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "expected"),
    [({"kernel"}, 0.0), ({"timeout"}, 0.4), ({"timeout", "payment"}, 0.64), (set(), None)],
)
def test_wording_counts_telling_words(words: set[str], expected: float | None) -> None:
    assert wording(clue(words=frozenset(words)), SCENE).score == expected


def test_the_name_of_the_service_does_not_count_twice() -> None:
    scene = Scene(onset=ONSET, detected=ONSET, service="checkout", words=frozenset({"checkout"}))
    assert wording(clue(words=frozenset({"checkout"})), scene).score == 0.0


@pytest.mark.parametrize(
    ("event", "links"),
    [
        (clue(), True),
        (clue(-2 * HOUR, source="git"), True),
        (clue(service="billing"), False),
        (clue(service="billing", words=frozenset({"payment"})), False),
        (clue(service="billing", words=frozenset({"payment", "timeout", "gateway"})), True),
        (clue(service="", words=frozenset({"payment", "timeout"})), True),
        (clue(service=""), False),
        (clue(-3 * HOUR), False),
        (clue(-48 * HOUR, source="git", words=frozenset({"payment", "timeout"})), False),
    ],
    ids=[
        "same service, same time",
        "a change two hours before",
        "another service, nothing in common",
        "another service and a single word",
        "another service that speaks of the same things",
        "no service but the same words",
        "nothing known",
        "an old symptom",
        "a change of two days ago",
    ],
)
def test_what_links_and_what_does_not(event: Clue, links: bool) -> None:
    assert score(event, SCENE).links is links


def test_a_missing_service_lowers_the_confidence() -> None:
    words = frozenset({"payment", "timeout"})
    assert score(clue(service="", words=words), SCENE).confidence < score(clue(words=words), SCENE).confidence


def test_a_shared_commit_raises_the_confidence_and_says_so() -> None:
    scene = Scene(onset=ONSET, detected=ONSET, service="checkout", references=frozenset({"3f2a1b0"}))
    result = score(clue(service="billing", references=frozenset({"3f2a1b0"})), scene)
    assert result.links
    assert result.factors[-1].reason == "Both name 3f2a1b0."


moments = st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400))
names = st.sampled_from(["", "checkout", "billing", "payment-gateway"])
texts = st.frozensets(st.sampled_from(["payment", "timeout", "kernel", "gateway"]))


@given(after=moments, service=names, component=names, words=texts, source=st.sampled_from(["git", "logs"]))
def test_every_confidence_lies_between_0_and_1_and_every_factor_has_a_reason(
    after: timedelta, service: str, component: str, words: frozenset[str], source: str
) -> None:
    result = score(clue(after, source=source, service=service, component=component, words=words), SCENE)
    assert 0 <= result.confidence <= 1
    assert all(factor.reason.endswith(".") for factor in result.factors)


@given(after=moments, words=texts)
def test_what_links_is_within_what_the_scene_covers(after: timedelta, words: frozenset[str]) -> None:
    event = clue(after, source="git", words=words)
    begins, ends = SCENE.span
    assert begins <= event.timestamp <= ends or score(event, SCENE).confidence < THRESHOLD


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (timedelta(seconds=40), "40 s"),
        (12 * MINUTE, "12 min"),
        (3 * HOUR + 20 * MINUTE, "3 h 20 min"),
        (3 * HOUR, "3 h"),
        (52 * HOUR, "2 d 4 h"),
        (48 * HOUR, "2 d"),
    ],
)
def test_a_length_of_time_reads_as_people_say_it(gap: timedelta, text: str) -> None:
    assert duration(gap) == text
