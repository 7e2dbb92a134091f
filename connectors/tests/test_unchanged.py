"""A source that has nothing new need only say so, and no answer is lost for it."""

from collections.abc import Iterator

import pytest

from connectors import unchanged
from connectors.http import Client, Endpoint
from connectors.tests.peers import Asked, Peer, Reply
from rcaplatform.kit.ids import uuid7


def answer(asked: Asked) -> Reply:
    if asked.headers.get("if-none-match") == '"one"':
        return Reply(status=304)
    return Reply([1], headers={"ETag": '"one"', "Set-Cookie": "secret=1"})


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer({"/a": answer}) as peer:
        yield peer


def client(peer: Peer, token: str) -> Client:
    return Client(Endpoint(url=peer.url, headers={"Authorization": token}))


@pytest.fixture
def token() -> str:
    return str(uuid7())


def test_what_did_not_change_is_told_again_as_it_was(peer: Peer, token: str) -> None:
    answers = [client(peer, token).get("/a", conditional=True) for _ in range(2)]
    assert [(one.status, one.json()) for one in answers] == [(200, [1])] * 2
    assert "if-none-match" in peer.asked[1].headers
    assert "set-cookie" not in answers[1].headers


def test_another_credential_gets_nothing_that_was_kept(peer: Peer, token: str) -> None:
    for each in (token, f"{token}-2"):
        client(peer, each).get("/a", conditional=True)
    assert "if-none-match" not in peer.asked[1].headers


def test_another_query_is_another_question(peer: Peer, token: str) -> None:
    for page in (1, 2):
        client(peer, token).get("/a", params={"page": page}, conditional=True)
    assert "if-none-match" not in peer.asked[1].headers


def test_who_does_not_ask_for_it_gets_a_fresh_answer(peer: Peer, token: str) -> None:
    client(peer, token).get("/a", conditional=True)
    client(peer, token).get("/a")
    assert "if-none-match" not in peer.asked[1].headers


def test_what_is_too_large_is_not_kept(peer: Peer, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "LARGEST", 10)
    for _ in range(2):
        assert client(peer, token).get("/a", conditional=True).json() == [1]
    assert "if-none-match" not in peer.asked[1].headers


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_every_answer_is_fresh(peer: Peer, token: str) -> None:
    for _ in range(2):
        assert client(peer, token).get("/a", conditional=True).json() == [1]
