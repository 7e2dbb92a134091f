"""Question: may git go to the host of an address, and how is it held to what was checked. No database here.

git resolves names by itself, so for http it is told the addresses that were found good (``http.curloptResolve``) and
follows no redirect, which would lead to a host that nobody checked.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpcore

from connectors.errors import SourceUnavailable
from connectors.outbound import check_addresses, check_name, resolved
from connectors.reachable import Address as IPAddress
from connectors.sources.gitaddress import Address

LOOK_UP_SECONDS = 10.0
_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}


class UnknownHost(SourceUnavailable):
    """No such host, or no name service just now."""


def way_to(address: Address) -> list[str]:
    """Return the options that hold git to the addresses of its host; none for a path on this machine.

    Where the environment names a proxy for it, the proxy decides what is reached.

    Raises:
        Misconfigured: the host is one that no source may reach; ``fields`` names ``url``.
        UnknownHost: its name means nothing now.
    """
    if address.is_local:
        return []
    parts = urlsplit(f"//{address.host}")
    host, port = parts.hostname or "", parts.port or _PORTS[address.scheme]
    check_name(host)
    over_http = address.scheme in {"http", "https"}
    if over_http and address.scheme in getproxies_environment() and not proxy_bypass(host):
        return []
    try:
        found = resolved(host, port, LOOK_UP_SECONDS)
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as problem:
        if address.scheme == "ssh":
            return []  # a name that only ssh's own configuration knows
        raise UnknownHost(f"{address}: its host is not known ({problem}).") from problem
    check_addresses(host, found)
    return ["http.followRedirects=false", *_pin(host, port, found)] if over_http else []


def _pin(host: str, port: int, addresses: list[IPAddress]) -> list[str]:
    try:
        ip_address(host)
    except ValueError:
        listed = ",".join(f"[{one}]" if one.version == 6 else str(one) for one in addresses)
        return [f"http.curloptResolve={host}:{port}:{listed}"]
    return []  # a name is not asked for
