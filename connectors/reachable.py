"""Decision: which addresses may be connected to on behalf of a connector. No I/O."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Where clouds hand a machine its own credentials: refused by name too, as an answer of the DNS may look harmless.
METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})
# What no setting opens, besides link-local, multicast, unspecified and reserved addresses.
NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host, whatever follows the zero
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # what Azure speaks to its machines through
        "192.0.0.192/32",  # metadata of Oracle Cloud
        "fd00:ec2::/32",  # metadata and identities of AWS
        "fd20:ce::254/128",  # metadata of Google Cloud
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")


def may_reach(address: Address, allowed: Iterable[Network]) -> bool:
    """Tell whether ``address`` is a public one or in one of the networks ``allowed``, and is none of `NEVER`."""
    address = plain(address)
    if is_forbidden(address):
        return False
    return any(address in network for network in allowed) or _is_public(address)


def is_forbidden(address: Address) -> bool:
    """Tell whether ``address`` is one that no setting opens."""
    address = plain(address)
    special = address.is_link_local or address.is_multicast or address.is_unspecified or _is_reserved(address)
    return special or any(address in network for network in NEVER)


def plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for (mapped, NAT64, 6to4), else ``address`` itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_reserved(address: Address) -> bool:
    return address.is_reserved and not address.is_loopback  # ::1 lies in the reserved ::/8


def _is_public(address: Address) -> bool:
    return address.is_global and (isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST)
