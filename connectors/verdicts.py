"""Decisions about answers: what an HTTP status, or a connection that broke, means to the engine and to the owner."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping

import httpcore
import httpx

from connectors.errors import Misconfigured, RateLimited, Refused, SourceUnavailable
from connectors.limits import Limit, retry_after, source_time
from rcaplatform.kit.errors import DomainError

# What a vendor that says only "too many" means: GitHub asks for a minute at least, GitLab and most others count by it.
UNTOLD = 60.0
_TRY_AGAIN = {408, 425}
_GONE = {404, 410}
_BLANKS = re.compile(r"\s+")
# Everything that goes wrong on the way. httpcore's errors have no common ancestor.
BROKEN = (
    httpx.HTTPError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    ssl.SSLError,
)


def verdict(status: int, headers: Mapping[str, str], said: str, *, place: str, limit: Limit | None) -> DomainError:
    """Return what an answer that is not good (2xx) means.

    Args:
        headers: by lower-case name.
        said: the beginning of its body.
        place: what was asked, in words that hold no secret.
        limit: how the vendor tells of its limit.
    """
    said = _BLANKS.sub(" ", said).strip()
    wait = _asked_to_wait(status, headers, said, limit)
    if wait is not None:
        return RateLimited(f"{place} asks us to wait {wait:.0f} seconds (HTTP {status}).", seconds=wait)
    if status >= 500 or status in _TRY_AGAIN:
        return SourceUnavailable(f"{place} answered {status}: {said}")
    return Refused(_refusal(status, said, place), answered=status, said=said)


def broken(problem: Exception, *, place: str) -> DomainError:
    """Return what it means that no whole answer came. The message repeats nothing of the request."""
    if isinstance(problem, httpcore.UnsupportedProtocol | httpx.UnsupportedProtocol):
        message = f"{place} is no http or https address."
        return Misconfigured(message, fields={"url": message})
    if isinstance(problem, httpcore.LocalProtocolError | httpx.LocalProtocolError):
        return Misconfigured(f"What is to be sent to {place} is no valid request; look at the credentials.")
    return SourceUnavailable(f"{place} {_complaint(problem)}.")


def _asked_to_wait(status: int, headers: Mapping[str, str], said: str, limit: Limit | None) -> float | None:
    """Return the seconds an answer asks us to wait. A 403 may mean that too, but only where it says so."""
    if status not in {403, 429} and status < 500:
        return None
    now = source_time(headers)
    if (wait := retry_after(headers, now)) is not None:
        return wait
    if limit and (status == 429 or (status == 403 and limit.is_spent(headers))):
        wait = limit.seconds(headers, now)
    means_it = status == 429 or (status == 403 and limit and limit.phrase and limit.phrase in said.lower())
    return UNTOLD if wait is None and means_it else wait


def _refusal(status: int, said: str, place: str) -> str:
    ending = f" (HTTP {status}): {said}" if said else f" (HTTP {status})."
    if status == 401:
        return f"{place} does not accept our credentials{ending}"
    if status == 403:
        return f"{place} does not accept our credentials for this; they may lack a permission{ending}"
    if status in _GONE:
        return f"{place} is not there, or not for us to see{ending}"
    return f"{place} will not answer this{ending}"


def _complaint(problem: Exception) -> str:
    causes = list(_causes(problem))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"has a certificate that is not trusted: {cause.verify_message.rstrip('.')}"
        if isinstance(cause, ssl.SSLError):
            return "does not speak TLS as we do"
        if isinstance(cause, socket.gaierror | UnicodeError):
            return "has a name that cannot be resolved"
    for kinds, complaint in _COMPLAINTS:
        if any(isinstance(cause, kinds) for cause in causes):
            return complaint
    return "broke off before its answer was whole"


_COMPLAINTS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((ConnectionRefusedError,), "refuses connections"),
    ((httpcore.ConnectTimeout,), "cannot be connected to in time"),
    ((httpcore.TimeoutException,), "did not give a whole answer in time"),
    ((httpcore.ConnectError,), "cannot be connected to"),
)


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__
