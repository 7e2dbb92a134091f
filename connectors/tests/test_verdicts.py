"""What an answer means to the engine, and to the owner."""

import pytest

from connectors.errors import RateLimited, Refused, SourceUnavailable
from connectors.limits import Limit
from connectors.verdicts import UNTOLD, verdict
from rcaplatform.kit.errors import DomainError

LIMIT = Limit(
    remaining="x-ratelimit-remaining", reset="x-ratelimit-reset", unit="seconds", phrase="secondary rate limit"
)


def meaning(
    status: int, headers: dict[str, str] | None = None, said: str = "", limit: Limit | None = LIMIT
) -> DomainError:
    return verdict(status, headers or {}, said, place="https://host/a", limit=limit)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 413, 422, 451, 300, 304])
def test_a_refusal_is_the_owners_to_look_at(status: int) -> None:
    found = meaning(status, said="because")
    assert isinstance(found, Refused)
    assert (found.answered, found.said) == (status, "because")


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520, 599])
def test_what_passes_is_tried_again(status: int) -> None:
    found = meaning(status)
    assert isinstance(found, SourceUnavailable)
    assert not isinstance(found, RateLimited)


@pytest.mark.parametrize(
    ("status", "headers", "said", "seconds"),
    [
        (429, {"retry-after": "7"}, "", 7),
        (429, {"x-ratelimit-reset": "8"}, "", 8),
        (429, {"retry-after": "7", "x-ratelimit-reset": "8"}, "", 7),
        (429, {}, "", UNTOLD),
        (429, {"retry-after": "soon"}, "", UNTOLD),
        (403, {"retry-after": "7"}, "", 7),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "8"}, "", 8),
        (403, {"x-ratelimit-remaining": "5"}, "You exceeded a Secondary Rate Limit.", UNTOLD),
        (503, {"retry-after": "7"}, "", 7),
    ],
)
def test_a_source_that_asks_to_wait_is_waited_for(
    status: int, headers: dict[str, str], said: str, seconds: float
) -> None:
    found = meaning(status, headers, said)
    assert isinstance(found, RateLimited)
    assert found.seconds == seconds


def test_a_limit_that_is_not_declared_is_not_guessed() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "8"}
    assert isinstance(meaning(403, headers, limit=None), Refused)
    found = meaning(429, headers, limit=None)
    assert isinstance(found, RateLimited)
    assert found.seconds == UNTOLD


@pytest.mark.parametrize(
    ("status", "sentence"), [(401, "does not accept our credentials"), (403, "permission"), (404, "not there")]
)
def test_the_owner_is_told_what_to_look_at(status: int, sentence: str) -> None:
    assert sentence in meaning(status).message
