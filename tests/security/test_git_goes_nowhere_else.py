"""Where git may go: to no host that a connector may not reach over HTTP either, by no redirect, and by one lookup."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from pytest_django import Settings

from connectors import outbound
from connectors.errors import Misconfigured, SourceUnavailable
from connectors.reachable import Address
from connectors.tests.repositories import Reader

# Every way to write the address at which a cloud hands out a machine's credentials.
METADATA = [
    "http://169.254.169.254/latest.git",
    "http://2852039166/latest.git",
    "http://0xa9fea9fe/latest.git",
    "http://0251.0376.0251.0376/latest.git",
    "http://[::ffff:169.254.169.254]/latest.git",
    "http://[fd00:ec2::254]/latest.git",
    "https://metadata.google.internal/x.git",
    "git://169.254.169.254/latest.git",
    "ssh://git@169.254.169.254/latest.git",
    "git@169.254.169.254:latest.git",
]


class Host(HTTPServer):
    """Remembers the paths it was asked for and sends whoever asks on to another place."""

    asked: list[str]
    onward = ""


class Answer(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(302 if self.server.onward else 404)
        if self.server.onward:
            self.send_header("Location", self.server.onward + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    """Two hosts on loopback, of which the first sends everybody on to the second."""
    pair = Host(("127.0.0.1", 0), Answer), Host(("127.0.0.1", 0), Answer)
    threads = [threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01}) for host in pair]
    for host, thread in zip(pair, threads, strict=True):
        host.asked = []
        thread.start()
    pair[0].onward = f"http://127.0.0.1:{pair[1].server_port}"
    yield pair
    for host, thread in zip(pair, threads, strict=True):
        host.shutdown()
        thread.join()
        host.server_close()


@pytest.mark.parametrize("url", METADATA)
def test_git_is_not_sent_to_what_hands_out_credentials(url: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="never reached") as refused:
        Reader.of(url, tmp_path).source.check()
    assert set(refused.value.fields) == {"url"}


def test_git_keeps_to_the_networks_that_the_operator_names(
    hosts: tuple[Host, Host], settings: Settings, tmp_path: Path
) -> None:
    settings.OUTBOUND_NETWORKS = [ip_network("10.0.0.0/8")]
    with pytest.raises(Misconfigured, match="neither public nor in OUTBOUND_NETWORKS"):
        Reader.of(f"http://127.0.0.1:{hosts[0].server_port}/x.git", tmp_path).source.check()
    assert hosts[0].asked == []


def test_a_poll_is_judged_like_the_first_look(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="never reached"):
        Reader.of("http://169.254.169.254/x.git", tmp_path).pages()


def test_git_follows_no_redirect(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    first, second = hosts
    with pytest.raises(Misconfigured, match="it has moved; give the address at which it is now"):
        Reader.of(f"http://127.0.0.1:{first.server_port}/x.git", tmp_path).source.check()
    assert (len(first.asked), second.asked) == (1, [])


def test_git_connects_to_the_address_that_was_checked_whatever_the_name_means_to_it(
    hosts: tuple[Host, Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To the system the name means nothing at all: only what was checked can lead git there.
    def look_up(host: str, port: int) -> list[Address]:
        return [ip_address("127.0.0.1")]

    monkeypatch.setattr(outbound, "look_up", look_up)
    plain = hosts[1]
    with pytest.raises(Misconfigured, match="there is no git repository"):
        Reader.of(f"http://rebound.invalid:{plain.server_port}/x.git", tmp_path).source.check()
    assert plain.asked == ["/x.git/info/refs?service=git-upload-pack"]


def test_a_name_that_means_nothing_now_is_not_left_to_git_to_ask_again(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="its host is not known"):
        Reader.of("http://no-such-host.invalid/x.git", tmp_path).pages()
