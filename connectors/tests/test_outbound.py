"""Nothing is connected to that was not checked, whatever a name means a moment later."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_django import Settings

from connectors import outbound
from connectors.errors import Misconfigured, SourceUnavailable
from connectors.http import Client, Endpoint
from connectors.reachable import Address
from connectors.tests.peers import Peer, redirect, turns


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer({"*": {"well": True}}) as peer:
        yield peer


def means(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names mean these addresses, one answer after the other; return the list of names that will be asked."""
    asked: list[str] = []

    def look_up(host: str, port: int) -> list[Address]:
        asked.append(host)
        return [ip_address(text) for text in answers[min(len(asked), len(answers)) - 1]]

    monkeypatch.setattr(outbound, "look_up", look_up)
    return asked


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that are connected to."""
    made: list[str] = []
    connect = socket.create_connection

    def note(address: tuple[str, int], *rest: object, **more: object) -> socket.socket:
        made.append(address[0])
        return connect(address, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", note)
    return made


def test_the_address_that_was_checked_is_connected_to(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, connections: list[str]
) -> None:
    means(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    assert Client(Endpoint(url=f"http://source.example:{peer.port}")).get("/a").json() == {"well": True}
    assert connections == ["127.0.0.1"]
    assert peer.asked[0].headers["host"] == f"source.example:{peer.port}"


def test_a_name_that_means_another_address_later_is_judged_again(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, connections: list[str]
) -> None:
    asked = means(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    url = f"http://source.example:{peer.port}"
    Client(Endpoint(url=url)).get("/a")
    with pytest.raises(Misconfigured, match=r"means 169\.254\.169\.254, which is never reached") as refused:
        Client(Endpoint(url=url)).get("/a")
    assert refused.value.fields == {"url": refused.value.message}
    assert (asked, connections) == (["source.example"] * 2, ["127.0.0.1"])


def test_a_redirect_is_judged_as_well(peer: Peer, monkeypatch: pytest.MonkeyPatch, connections: list[str]) -> None:
    means(monkeypatch, ["127.0.0.1"], ["10.0.0.1", "169.254.169.254"])
    peer.routes["*"] = turns(redirect("http://harmless.example/"))
    with pytest.raises(Misconfigured, match=r"harmless\.example means 169"):
        Client(Endpoint(url=f"http://source.example:{peer.port}")).get("/a")
    assert connections == ["127.0.0.1"]


@pytest.mark.parametrize("addresses", [["127.0.0.1", "169.254.169.254"], ["127.0.0.1", "::ffff:a9fe:a9fe"]])
def test_one_bad_address_among_good_ones_is_enough(
    monkeypatch: pytest.MonkeyPatch, connections: list[str], addresses: list[str]
) -> None:
    means(monkeypatch, addresses)
    with pytest.raises(Misconfigured):
        Client(Endpoint(url="http://source.example")).get("/a")
    assert connections == []


def test_the_next_address_is_tried_where_one_does_not_answer(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    means(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    assert Client(Endpoint(url=f"http://source.example:{peer.port}")).get("/a").status == 200


def test_what_is_not_in_the_networks_is_refused_by_the_name_of_the_setting(peer: Peer, settings: Settings) -> None:
    settings.OUTBOUND_NETWORKS = [ip_network("10.0.0.0/8")]
    with pytest.raises(Misconfigured, match=r"means 127\.0\.0\.1, which is neither public nor in OUTBOUND_NETWORKS"):
        Client(Endpoint(url=peer.url)).get("/a")
    assert peer.asked == []


@pytest.mark.parametrize("url", ["http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/"])
def test_other_ways_to_write_an_address_are_the_same_address(url: str) -> None:
    with pytest.raises((Misconfigured, SourceUnavailable)):
        Client(Endpoint(url=url)).get("/")


def test_an_environment_that_names_a_proxy_changes_nothing(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://169.254.169.254:80")
    assert Client(Endpoint(url=peer.url)).get("/a").status == 200


# --- TLS


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A certificate for source.example that is its own authority, trusted for the test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "source.example")]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("source.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    outbound._trust.cache_clear()
    yield path
    outbound._trust.cache_clear()


def secured(peer: Peer, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    peer._server.socket = context.wrap_socket(peer._server.socket, server_side=True)


def test_tls_is_checked_against_the_name_and_not_the_address(certified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    means(monkeypatch, ["127.0.0.1"])
    peer = Peer({"*": []})
    secured(peer, certified)
    with peer:
        assert Client(Endpoint(url=f"https://source.example:{peer.port}")).get("/a").status == 200
        with pytest.raises(SourceUnavailable, match="certificate that is not trusted: Hostname mismatch"):
            Client(Endpoint(url=f"https://other.example:{peer.port}")).get("/a")


def test_an_encrypted_source_leads_to_no_unencrypted_place(certified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    means(monkeypatch, ["127.0.0.1"])
    peer = Peer({"*": redirect("http://source.example/")})
    secured(peer, certified)
    with peer, pytest.raises(Misconfigured, match="not encrypted"):
        Client(Endpoint(url=f"https://source.example:{peer.port}")).get("/a")


def test_a_source_without_tls_is_said_so(peer: Peer) -> None:
    with pytest.raises(SourceUnavailable, match="does not speak TLS"):
        Client(Endpoint(url=f"https://127.0.0.1:{peer.port}")).get("/a")
