"""Which addresses may be connected to."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.reachable import is_forbidden, may_reach, plain

PRIVATE = [ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]
ANYTHING = [ip_network("0.0.0.0/0"), ip_network("::/0")]
LINK_LOCAL = st.integers(0, 2**16 - 1).map(lambda low: IPv4Address(0xA9FE0000 + low))
IPV4 = st.integers(0, 2**32 - 1).map(IPv4Address)


def forms(address: IPv4Address) -> list[IPv6Address]:
    """Return the IPv6 addresses that mean an IPv4 one: mapped, NAT64, 6to4."""
    number = int(address)
    return [
        IPv6Address((0xFFFF << 32) + number),
        IPv6Address((0x64FF9B << 96) + number),
        IPv6Address((0x2002 << 112) + (number << 80)),
    ]


@pytest.mark.parametrize("text", ["140.82.112.5", "8.8.8.8", "2606:4700::1111", "64:ff9b::8c52:7005"])
def test_a_public_address_is_reached(text: str) -> None:
    assert may_reach(ip_address(text), [])


@pytest.mark.parametrize("text", ["10.1.2.3", "172.31.255.255", "192.168.1.1", "fd12:3456::1", "::ffff:10.1.2.3"])
def test_a_private_address_is_reached_where_its_network_is_named(text: str) -> None:
    assert may_reach(ip_address(text), PRIVATE)
    assert not may_reach(ip_address(text), [])


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "::1", "100.64.0.1", "198.18.0.1", "192.0.2.1", "2001:db8::1", "fec0::1"]
)
def test_what_is_neither_public_nor_named_is_not_reached(text: str) -> None:
    assert not may_reach(ip_address(text), PRIVATE)
    assert may_reach(ip_address(text), ANYTHING)


@pytest.mark.parametrize(
    "text",
    [
        *("169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0"),
        *("224.0.0.1", "239.255.255.250", "ff02::1", "0.0.0.0", "0.1.2.3", "::", "240.0.0.1", "255.255.255.255"),  # noqa: S104
        *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
        *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254", "64:ff9b:1::1"),
    ],
)
def test_no_setting_opens_these(text: str) -> None:
    assert is_forbidden(ip_address(text))
    assert not may_reach(ip_address(text), ANYTHING)


@given(LINK_LOCAL)
def test_no_form_of_a_link_local_address_is_reached(address: IPv4Address) -> None:
    assert not may_reach(address, ANYTHING)
    assert not any(may_reach(form, ANYTHING) for form in forms(address))


@given(IPV4)
def test_every_form_of_an_address_is_judged_alike(address: IPv4Address) -> None:
    assert {plain(form) for form in forms(address)} == {address}
    assert {may_reach(form, PRIVATE) for form in forms(address)} == {may_reach(address, PRIVATE)}


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_what_is_forbidden_is_never_reached(address: IPv6Address) -> None:
    assert not (is_forbidden(address) and may_reach(address, ANYTHING))


@given(IPV4)
def test_naming_more_networks_closes_none(address: IPv4Address) -> None:
    assert may_reach(address, []) <= may_reach(address, PRIVATE) <= may_reach(address, ANYTHING)
