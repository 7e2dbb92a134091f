"""A source that answers badly does no harm, and what went wrong is said in plain words."""

import gzip
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors import http
from connectors.answers import TooMuch
from connectors.errors import Misconfigured, RateLimited, Refused, SourceUnavailable
from connectors.http import Client, Endpoint
from connectors.tests import peers
from connectors.tests.peers import Asked, Peer, Reply, redirect, turns

SECRET = "glpat-not-to-be-seen"


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture
def client(peer: Peer) -> Client:
    return Client(Endpoint(url=peer.url, headers={"Private-Token": SECRET}))


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.15)


def test_a_good_answer_is_read_whole(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = {"items": [1]}
    answer = client.get("/a", params={"page": 2})
    assert (answer.json(), answer.url) == ({"items": [1]}, f"{peer.url}/a?page=2")
    assert peer.asked[0].headers["private-token"] == SECRET


def test_a_compressed_answer_is_read(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = Reply(gzip.compress(b"[1]"), headers={"Content-Encoding": "gzip"})
    assert client.get("/a").json() == [1]
    assert peer.asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (peers.reset, "broke off before"),
        (peers.reset_within, "broke off before"),
        (peers.cut_short, "broke off before"),
        (Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), "cannot be decompressed"),
        (Reply(gzip.compress(b"whole")[:-3], headers={"Content-Encoding": "gzip"}), "cannot be decompressed"),
        (Reply(b"x", headers={"Content-Encoding": "br"}), "cannot be decompressed"),
        (Reply(b"x", headers={"X-Long": "x" * 200_000}), "broke off before"),
    ],
    ids=["reset", "reset within", "cut short", "no gzip", "half a gzip", "brotli", "endless header"],
)
def test_a_broken_answer_is_a_source_that_is_away(peer: Peer, client: Client, route: Any, said: str) -> None:
    peer.routes["/a"] = route
    with pytest.raises(SourceUnavailable, match=said):
        client.get("/a", params={"token": SECRET})


def test_json_that_ends_early_is_a_source_that_is_away(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = Reply(iter([b'{"items": [']))
    with pytest.raises(SourceUnavailable, match="not JSON"):
        client.get("/a").json()


@pytest.mark.usefixtures("hurried")
def test_a_slow_drip_ends(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = peers.drip
    began = time.monotonic()
    with pytest.raises(SourceUnavailable, match="whole answer in time"):
        client.get("/a")
    assert time.monotonic() - began < 2


@pytest.mark.usefixtures("hurried")
def test_redirects_take_of_the_same_time(peer: Peer, client: Client) -> None:
    def tired(_: Asked) -> Reply:
        time.sleep(0.06)
        return redirect("/a")

    peer.routes["/a"] = tired
    with pytest.raises(SourceUnavailable, match="in time"):
        client.get("/a")


def test_an_endless_answer_ends(peer: Peer, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    peer.routes["/a"] = peers.endless
    with pytest.raises(TooMuch, match="more than 32 MiB"):
        client.get("/a")


def test_a_bomb_is_not_blown_up(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = peers.bomb
    tracemalloc.start()
    try:
        with pytest.raises(TooMuch):
            client.get("/a")
        assert tracemalloc.get_traced_memory()[1] < 80 * 2**20
    finally:
        tracemalloc.stop()


def test_an_endless_refusal_is_still_a_refusal(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = lambda _: Reply(peers.endless(_).body, status=400)
    with pytest.raises(Refused) as refusal:
        client.get("/a")
    assert refusal.value.answered == 400


def test_after_a_broken_answer_the_next_is_read(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = turns(peers.cut_short, Reply(status=500), Reply(status=500), {"well": True})
    for _ in range(3):
        with pytest.raises(SourceUnavailable):
            client.get("/a")
    assert client.get("/a").json() == {"well": True}


def test_nobody_at_home_is_said_so() -> None:
    with Peer() as gone:
        url = gone.url
    with pytest.raises(SourceUnavailable, match=f"{url}/a refuses connections"):
        Client(Endpoint(url=url)).get("/a")


@pytest.mark.parametrize("url", ["http://no-such-host.invalid", f"http://{'a' * 70}.example"])
def test_a_name_that_means_nothing_is_said_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.outbound.look_up", unknown)
    with pytest.raises(SourceUnavailable, match="cannot be resolved"):
        Client(Endpoint(url=url)).get("/a")


def unknown(host: str, port: int) -> Any:
    host.encode("idna")  # as the system's resolver does
    raise socket.gaierror(-2, "Name or service not known")


# --- Redirects


def test_a_redirect_on_the_same_host_is_followed_with_credentials(peer: Peer, client: Client) -> None:
    peer.routes |= {"/a": redirect("/b", 301), "/b": {"moved": True}}
    answer = client.get("/a")
    assert (answer.json(), answer.url) == ({"moved": True}, f"{peer.url}/b")
    assert peer.asked[1].headers["private-token"] == SECRET


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_host_is_asked_without_credentials(peer: Peer, client: Client, status: int) -> None:
    with Peer({"/b": [1]}) as other:
        peer.routes["/a"] = redirect(f"{other.url}/b", status)
        assert client.get("/a", headers={"X-Own": SECRET}).json() == [1]
        assert SECRET not in str(other.asked)


def test_who_went_away_and_came_back_has_no_credentials_any_more(peer: Peer, client: Client) -> None:
    with Peer({"/b": redirect(f"{peer.url}/c")}) as other:
        peer.routes |= {"/a": redirect(f"{other.url}/b"), "/c": []}
        client.get("/a")
    assert "private-token" not in peer.asked[-1].headers


def test_another_host_that_wants_credentials_is_not_said_to_refuse_ours(peer: Peer, client: Client) -> None:
    with Peer({"/b": Reply(status=401)}) as other:
        peer.routes["/a"] = redirect(f"{other.url}/b")
        with pytest.raises(Refused, match="where our credentials are not sent"):
            client.get("/a")


def test_what_is_posted_goes_to_no_other_host(peer: Peer, client: Client) -> None:
    with Peer({"*": {}}) as other:
        peer.routes["/a"] = redirect(f"{other.url}/b", 307)
        with pytest.raises(Refused, match="give that address"):
            client.post("/a", form={"secret": SECRET})
        assert other.asked == []


def test_redirects_come_to_an_end(peer: Peer, client: Client) -> None:
    peer.routes |= {"/a": redirect("/b"), "/b": redirect("/a")}
    with pytest.raises(Refused, match="redirects more than 5 times"):
        client.get("/a")
    assert len(peer.asked) == 6


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://169.254.169.254/latest/meta-data", Misconfigured),
        ("http://[::ffff:169.254.169.254]/", Misconfigured),
        ("http://metadata.google.internal/", Misconfigured),
        ("ftp://127.0.0.1/", Misconfigured),
        ("file:///etc/passwd", Misconfigured),
        ("http://[", SourceUnavailable),
    ],
)
def test_a_redirect_leads_to_no_forbidden_place(
    peer: Peer, client: Client, address: str, problem: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.routes["/a"] = redirect(address)
    with pytest.raises(problem):
        client.get("/a")


# --- Pages


def page(number: int, following: str = "") -> Reply:
    return Reply([number], headers={"Link": f'<{following}>; rel="next"'} if following else {})


def test_pages_come_as_the_links_lead_duplicates_and_all(peer: Peer, client: Client) -> None:
    peer.routes |= {"/a": page(3, "/b?page=2"), "/b": turns(page(1, "?page=3"), page(1))}
    assert [answer.json() for answer in client.pages("/a")] == [[3], [1], [1]]


def test_links_are_relative_to_the_page_they_are_on(peer: Peer) -> None:
    peer.routes |= {"/api/v4/a": page(1, "/api/v4/b"), "/api/v4/b": page(2)}
    client = Client(Endpoint(url=f"{peer.url}/api/v4"))
    assert [answer.json() for answer in client.pages("/a")] == [[1], [2]]


def test_pages_that_lead_in_a_circle_end(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = page(1, "/a?page=2")
    with pytest.raises(SourceUnavailable, match="in a circle"):
        list(client.pages("/a"))
    assert len(peer.asked) == 2


def test_no_more_pages_are_read_than_wanted(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = lambda asked: page(1, f"/a?page={len(peer.asked)}")
    assert len(list(client.pages("/a", most=3))) == 3


def test_a_next_page_on_another_host_is_asked_without_credentials(peer: Peer, client: Client) -> None:
    with Peer({"/b": page(2)}) as other:
        peer.routes["/a"] = page(1, f"{other.url}/b")
        assert len(list(client.pages("/a"))) == 2
        assert SECRET not in str(other.asked)


# --- What is told of it


def refusal(status: int, **headers: str) -> Callable[[Asked], Reply]:
    return lambda asked: Reply(f"no: {asked.headers['private-token']}", status=status, headers=headers)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_no_error_repeats_a_credential(peer: Peer, client: Client, status: int) -> None:
    peer.routes["/a"] = refusal(status)
    with pytest.raises((Refused, SourceUnavailable)) as refused:
        client.get("/a", params={"key": SECRET})
    assert "no: ..." in refused.value.message
    assert SECRET not in refused.value.message


def test_a_credential_no_header_may_carry_is_the_owners_to_set_right(peer: Peer) -> None:
    for token in ("two\nlines", "h\u00e9", "nul\0"):
        with pytest.raises(Misconfigured, match="Authorization would hold characters") as refused:
            Client(Endpoint(url=peer.url, headers={"Authorization": token})).get("/a")
        assert token not in refused.value.message


def test_a_source_that_asks_to_wait_is_rate_limited(peer: Peer, client: Client) -> None:
    peer.routes["/a"] = refusal(429, **{"Retry-After": "7"})
    with pytest.raises(RateLimited) as limited:
        client.get("/a")
    assert limited.value.seconds == 7
