"""How often a suggestion is right: a labelled incident and what else a team committed around it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from events.references import named_in
from events.terms import keywords, vocabulary
from investigations.scoring import Clue, Scene, score

ONSET = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
CULPRIT = "3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a"
TITLE = "Checkout answers 502: payments times out at the card gateway"
DESCRIPTION = f"Since the deploy at two, card payments time out. Ann suspects {CULPRIT[:9]}."
SCENE = Scene(
    onset=ONSET,
    detected=ONSET + timedelta(minutes=6),
    ended=ONSET + timedelta(hours=1, minutes=20),
    service="payments",
    component="gateway",
    words=vocabulary(TITLE, DESCRIPTION, "card"),
    references=named_in(TITLE, DESCRIPTION),
)


class Commit(NamedTuple):
    """A commit, and whether an investigator of the incident wants to see it."""

    belongs: bool
    minutes: int
    service: str
    component: str
    title: str
    sha: str = ""


COMMITS = [
    # What broke it, what made it worse, and what was tried.
    Commit(True, -25, "payments", "gateway", "Shorten the timeout of the card gateway to 400 ms", CULPRIT),
    Commit(True, -140, "payments", "gateway", "Retry a charge only once"),
    Commit(True, -55, "payments", "api", "Answer 502 when the gateway times out"),
    Commit(True, -200, "payments", "gateway", "Reuse connections to the card gateway"),
    Commit(True, -90, "checkout", "payment", "Call payments with the cart's deadline"),
    Commit(True, 22, "payments", "gateway", "Raise the gateway's timeout to 2 s"),
    Commit(True, 41, "payments", "gateway", f'Revert "Shorten the timeout of the card gateway" ({CULPRIT[:7]})'),
    Commit(True, 44, "platform", "deploy", f"Roll payments back to before {CULPRIT[:10]}"),
    Commit(True, 70, "payments", "gateway", "Alert when charges time out"),
    Commit(True, -310, "payments", "gateway", "Log the gateway's request id"),
    # The same service: other parts, long ago, and afterwards.
    Commit(False, -420, "payments", "docs", "Explain how refunds are booked"),
    Commit(False, -700, "payments", "ledger", "Round to the bank's cents"),
    Commit(False, -1_500, "payments", "gateway", "Rotate the key of the sandbox"),
    Commit(False, -2_900, "payments", "gateway", "Mask card numbers in traces"),
    Commit(False, 600, "payments", "ledger", "Export the ledger nightly"),
    Commit(False, -330, "payments", "tests", "Run the slow tests at night"),
    # Other services at the same time, some in the same words.
    Commit(False, -30, "search", "ranking", "Weigh titles twice"),
    Commit(False, -12, "search", "index", "Time out slow queries after 3 s"),
    Commit(False, 5, "storefront", "pictures", "Lazy-load product pictures"),
    Commit(False, 15, "storefront", "basket", "Fix contrast of the basket's button"),
    Commit(False, -45, "inventory", "stock", "Reserve stock for ten minutes"),
    Commit(False, 33, "inventory", "ledger", "Count returns once"),
    Commit(False, -8, "notifications", "mail", "Send receipts as PDF"),
    Commit(False, 50, "notifications", "mail", "Shorten the subject of reminders"),
    Commit(False, -65, "accounts", "login", "Deploy the new login form"),
    Commit(False, 28, "accounts", "session", "Renew a session before it times out"),
    Commit(False, -20, "", "docs", "Spell the names of the teams alike"),
    Commit(False, 10, "", "ci", "Pin the image of the linter"),
    Commit(False, -5, "platform", "network", "Name the gateway of the office network"),
    Commit(False, 38, "gateway", "routes", "Answer HEAD where GET is answered"),
    Commit(False, -180, "checkout", "address", "Validate post codes while typing"),
    Commit(False, -240, "checkout", "cart", "Keep the cart across devices"),
    Commit(False, 66, "checkout", "delivery", "Show delivery dates"),
    Commit(False, -15, "shipping", "labels", "Print labels by card of the carrier"),
]


def links(commit: Commit, scene: Scene) -> bool:
    """Tell whether the rules suggest the commit."""
    found_by = keywords(commit.title, commit.service, commit.component, commit.sha)
    clue = Clue(
        timestamp=ONSET + timedelta(minutes=commit.minutes),
        source="git",
        service=commit.service,
        component=commit.component,
        words=vocabulary(found_by),
        references=named_in(commit.title, commit.sha),
    )
    return score(clue, scene).links


def measured(scene: Scene) -> tuple[float, float, list[str]]:
    """Return precision, recall, and the titles that are decided wrongly."""
    suggested = [commit for commit in COMMITS if links(commit, scene)]
    right = [commit for commit in suggested if commit.belongs]
    wrong = [commit.title for commit in COMMITS if links(commit, scene) != commit.belongs]
    return len(right) / len(suggested), len(right) / sum(commit.belongs for commit in COMMITS), wrong


def test_over_80_of_100_commits_suggested_belong_to_the_incident() -> None:
    precision, recall, wrong = measured(SCENE)
    assert precision > 0.8, wrong
    assert recall > 0.8, wrong


def test_the_commit_that_did_it_is_suggested() -> None:
    assert links(COMMITS[0], SCENE)


@pytest.mark.parametrize(
    "poorer",
    [{"component": ""}, {"references": frozenset()}, {"words": vocabulary("Checkout answers 502")}],
    ids=["no component is named", "no commit is named", "hardly a word is said"],
)
def test_precision_holds_when_the_investigation_says_less(poorer: dict[str, Any]) -> None:
    precision, _, wrong = measured(replace(SCENE, **poorer))
    assert precision > 0.8, wrong
