"""The only way out for HTTP: a transport that connects to no address it did not check, and to no end of time.

Both libraries are extended where they say so: `httpx.BaseTransport` above, `httpcore.NetworkBackend` below. What is
resolved is what is connected to, so a name that means another address a moment later gains nothing; TLS goes on to
check the certificate against the name (docs/adr/0011-outbound-http.md).
"""

import math
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache
from ipaddress import ip_address
from queue import Empty, Queue
from typing import Any

import httpcore
import httpx
from django.conf import settings

from connectors.errors import Misconfigured
from connectors.reachable import METADATA_NAMES, Address, is_forbidden, may_reach

CONNECT_SECONDS = 5.0


class Deadline(threading.local):
    """When the request that this thread is making must be over."""

    def __init__(self) -> None:
        self.at = math.inf

    def set(self, seconds: float) -> None:
        """Let it be over in so many seconds."""
        self.at = time.monotonic() + seconds

    def left(self, most: float | None = None) -> float:
        """Return how many seconds are left, ``most`` at most.

        Raises:
            httpcore.ReadTimeout: none.
        """
        left = min(self.at - time.monotonic(), math.inf if most is None else most)
        if left <= 0:
            raise httpcore.ReadTimeout("the time of this request is over")
        return left


def check_name(host: str) -> None:
    """Return when ``host`` is not where a cloud hands out credentials.

    Raises:
        Misconfigured: it is; ``fields`` names ``url``.
    """
    if host.rstrip(".").lower() in METADATA_NAMES:
        raise _wrong(f"{host} hands out a machine's credentials: never reached, whatever the settings say.")


def check_addresses(host: str, addresses: Iterable[Address], networks: str = "OUTBOUND_NETWORKS") -> None:
    """Return when every address of ``host`` may be reached.

    Args:
        networks: the setting that names what may be reached besides public addresses.

    Raises:
        Misconfigured: one may not; ``fields`` names ``url``.
    """
    for address in addresses:
        if is_forbidden(address):
            raise _wrong(f"{host} means {address}, which is never reached, whatever the settings say.")
        if not may_reach(address, getattr(settings, networks)):
            raise _wrong(f"{host} means {address}, which is neither public nor in {networks}.")


def look_up(host: str, port: int) -> list[Address]:
    """Return the addresses of ``host``, the preferred first.

    Raises:
        OSError: there are none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


class Outbound(httpx.BaseTransport):
    """What `httpx.Client` sends requests through. Errors of `httpcore` come out as they are."""

    def __init__(self, deadline: Deadline, networks: str) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trust(), keepalive_expiry=30, network_backend=_Guarded(deadline, networks)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return the beginning of its answer."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=dict(answer.extensions)
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Guarded(httpcore.NetworkBackend):
    """Opens connections to addresses that were checked."""

    def __init__(self, deadline: Deadline, networks: str) -> None:
        self._deadline = deadline
        self._networks = networks
        self._open = httpcore.SyncBackend().connect_tcp

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of ``host`` that answers; each gets its share of the time."""
        check_name(host)
        ends = time.monotonic() + self._deadline.left(timeout)
        addresses = resolved(host, port, ends - time.monotonic())
        check_addresses(host, addresses, self._networks)
        problem: Exception = httpcore.ConnectTimeout("no time was left to connect")
        for number, address in enumerate(addresses):
            share = (ends - time.monotonic()) / (len(addresses) - number)
            try:
                stream = self._open(str(address), port, max(share, 0.001), local_address, socket_options)
                return _Timed(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                problem = failed
        raise problem


class _Timed(httpcore.NetworkStream):
    """A connection on which nothing is waited for past the deadline, however little of it comes at a time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Timed(secure, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def resolved(host: str, port: int, seconds: float) -> list[Address]:
    """Return the addresses of ``host``. The system's resolver keeps no time of its own, so a thread asks it.

    Raises:
        httpcore.ConnectError: there are none.
        httpcore.ConnectTimeout: they were not found in so many seconds.
    """
    found: Queue[list[Address] | Exception] = Queue(1)

    def ask() -> None:
        try:
            found.put(look_up(host, port))
        except (OSError, UnicodeError) as problem:
            found.put(problem)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except Empty:
        raise httpcore.ConnectTimeout("the name was not resolved in time") from None
    if isinstance(answer, list):
        return answer
    try:
        raise answer
    except (OSError, UnicodeError) as problem:
        raise httpcore.ConnectError(str(problem)) from problem


@cache
def _trust() -> ssl.SSLContext:
    """Return whom TLS trusts: the usual authorities, those of this machine, and those SSL_CERT_FILE names."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


def _wrong(message: str) -> Misconfigured:
    return Misconfigured(message, fields={"url": message})
