"""Candidates: leaving out what cannot link changes no decision, whatever is missing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from investigations.candidates import Lineup
from investigations.scoring import THRESHOLD, UNKNOWN, WEIGHTS, Clue, Scene, ceiling, kinship, score, wording

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
names = st.sampled_from(["", "checkout", "Checkout", "cart", "payment-gateway", "gateway", "a.b", "-", "İstanbul"])
words = st.frozensets(st.sampled_from("payment gateway timeout kernel checkout cart pool".split()))
references = st.frozensets(st.sampled_from(["3f2a1b0", "9c8e7d6"]))
moments = st.timedeltas(min_value=timedelta(hours=-30), max_value=timedelta(hours=30)).map(lambda gap: NOON + gap)
clues = st.builds(
    Clue,
    timestamp=moments,
    source=st.sampled_from(["git", "ci", "logs", "manual"]),
    service=names,
    component=names,
    words=words,
    references=references,
)
scenes = st.builds(
    lambda onset, until_detected, until_ended, **more: Scene(
        onset=onset,
        detected=onset + until_detected,
        ended=None if until_ended is None else onset + until_detected + until_ended,
        **more,
    ),
    onset=moments,
    until_detected=st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=3)),
    until_ended=st.none() | st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=3)),
    service=names,
    component=names,
    words=words,
    references=references,
)


@settings(max_examples=400)
@given(clue=clues, known=st.lists(scenes, max_size=12))
def test_the_lineup_finds_what_scoring_every_scene_finds(clue: Clue, known: list[Scene]) -> None:
    by_number = dict(enumerate(known))
    exhaustive = {number: score(clue, scene) for number, scene in by_number.items()}
    linked = {number: result for number, result in exhaustive.items() if result.links}
    assert dict(Lineup(by_number).judge(clue)) == linked


@settings(max_examples=400)
@given(clue=clues, scene=scenes)
def test_no_pair_scores_above_its_ceiling(clue: Clue, scene: Scene) -> None:
    kin, told = kinship(clue, scene).score, wording(clue, scene).score
    shared = round_words(told)
    most = ceiling(UNKNOWN if kin is None else kin, shared, bool(clue.references & scene.references))
    assert score(clue, scene).confidence <= most


def round_words(told: float | None) -> int:
    """Return how many words a score of the text speaks of."""
    return next(number for number in range(20) if abs(1 - 0.6**number - (told or 0.0)) < 1e-9)


def test_a_pair_with_nothing_in_common_never_reaches_the_threshold() -> None:
    assert ceiling(UNKNOWN, 0, False) < THRESHOLD


@given(clue=clues, scene=scenes, blank=st.sampled_from(["service", "component", "words", "references"]))
def test_what_is_missing_never_stops_linking(clue: Clue, scene: Scene, blank: str) -> None:
    fields = {name: getattr(clue, name) for name in Clue.__dataclass_fields__}
    poorer = Clue(**{**fields, blank: frozenset() if blank in ("words", "references") else ""})
    result = score(poorer, scene)
    assert 0 <= result.confidence <= 1
    assert {factor.strategy for factor in result.factors} <= WEIGHTS.keys()
