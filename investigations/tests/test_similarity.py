"""How alike two investigations are, and why: a table of truth."""

import pytest

from investigations.similarity import MOST_WORDS, Portrait, compare, telling

OURS = Portrait(
    words=frozenset({"pool", "exhausted", "checkout"}),
    tags=frozenset({"db", "pool"}),
    service="checkout",
    component="client",
)


@pytest.mark.parametrize(
    ("theirs", "low", "high"),
    [
        (OURS, 1.0, 1.0),
        (Portrait(words=OURS.words, service="Checkout", component="Client"), 0.99, 1.0),
        (Portrait(words=OURS.words), 0.99, 1.0),
        (Portrait(words=OURS.words, tags=OURS.tags, service="checkout"), 0.9, 0.99),
        (Portrait(words=OURS.words, tags=OURS.tags, service="mail"), 0.6, 0.75),
        (Portrait(words=frozenset({"pool"}), service="mail", tags=frozenset({"tls"})), 0.2, 0.35),
        (Portrait(words=frozenset({"certificate"}), service="mail", tags=frozenset({"tls"})), 0.0, 0.0),
        (Portrait(words=frozenset()), 0.0, 0.0),
    ],
)
def test_how_alike_two_are(theirs: Portrait, low: float, high: float) -> None:
    (likeness,) = compare(OURS, [theirs])
    assert low <= likeness.score <= high
    assert bool(likeness.reasons) == (likeness.score > 0)


def test_a_word_that_everybody_uses_says_less_than_a_rare_one() -> None:
    ours = Portrait(words=frozenset({"latency", "kerberos"}))
    common, rare = Portrait(words=frozenset({"latency", "mail"})), Portrait(words=frozenset({"kerberos", "mail"}))
    crowd = [Portrait(words=frozenset({"latency", "mail"})) for _ in range(20)]
    first, second, *_ = compare(ours, [common, rare, *crowd])
    assert second.score > 2 * first.score


def test_likeness_does_not_depend_on_who_is_asked() -> None:
    other = Portrait(words=frozenset({"pool", "grown"}), tags=frozenset({"db"}), service="checkout")
    assert compare(OURS, [other])[0].score == compare(other, [OURS])[0].score


def test_the_words_looked_for_are_few_and_those_of_the_title_come_first() -> None:
    title, rest = frozenset({"pool", "leak"}), frozenset(f"word{'x' * number}" for number in range(100))
    words = telling(title, rest)
    assert len(words) == MOST_WORDS
    assert title <= words
