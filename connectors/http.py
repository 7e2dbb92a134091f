"""HTTP as every connector speaks it: one client that waits its turn, is bounded, and names what went wrong.

It asks once. Trying again is the engine's business: it knows how long a poll may last (docs/adr/0011-outbound-http.md).
"""

import re
import weakref
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
from django.conf import settings
from django.utils.crypto import salted_hmac

from connectors.answers import MOST_BYTES, Answer, place_of, whole_body
from connectors.base import ConnectorConfig, Pull, Settings, option, refuse
from connectors.errors import Misconfigured, RateLimited, Refused, SourceUnavailable
from connectors.limits import Limit, Turns, source_time
from connectors.outbound import CONNECT_SECONDS, Deadline, Outbound
from connectors.outbound_metrics import Told, telling
from connectors.unchanged import Kept, keep, recall
from connectors.verdicts import BROKEN, broken, verdict
from rcaplatform.kit.errors import DomainError

__all__ = ["Answer", "Client", "Endpoint", "HTTPConfig", "Limit", "OverHTTP"]

TOTAL_SECONDS = 30.0  # unless an endpoint says otherwise
MOST_REDIRECTS = 5
SAID, SAID_BYTES = 500, 1024 * 1024
_HOST = re.compile(r"[\w.:-]+")
_SENDABLE = re.compile(r"[\x20-\x7e\t]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a source is and how it is spoken to.

    Attributes:
        url: its address; paths are joined to it.
        headers: sent with each request, to this host alone: credentials among them.
        requests_per_second: at most, by all workers together.
        sign: adds what proves a request, where a header that never changes does not.
        limit: the headers in which the vendor tells where we stand with its limit.
        secret_path: whoever knows the path may post there, so that no error, log or trace tells it.
        seconds: one request may take with its redirects, to the last byte of the answer; None is `TOTAL_SECONDS`.
        most_bytes: of an answer, decompressed.
        networks: the setting that names what may be reached besides public addresses.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    requests_per_second: float = 5
    sign: httpx.Auth | None = None
    limit: Limit | None = None
    secret_path: bool = False
    seconds: float | None = None
    most_bytes: int = MOST_BYTES
    networks: str = "OUTBOUND_NETWORKS"


class Client:
    """Requests to one endpoint, one at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._seconds = endpoint.seconds or TOTAL_SECONDS
        self._deadline = Deadline()
        try:
            self._client = httpx.Client(
                base_url=endpoint.url,
                transport=Outbound(self._deadline, endpoint.networks),
                headers={"User-Agent": f"rcaplatform/{settings.VERSION}", "Accept-Encoding": "gzip"},
                timeout=httpx.Timeout(self._seconds, connect=CONNECT_SECONDS),
                trust_env=False,
            )
        except httpx.InvalidURL as problem:
            raise _no_address() from problem
        self._origin = _origin(self._client.base_url)
        self._turns = Turns(f"{self._origin[1]}:{self._digest()}", per_second=endpoint.requests_per_second)
        weakref.finalize(self, self._client.close)

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        conditional: bool = False,
    ) -> Answer:
        """Ask for ``path``, or for a whole address, and return a good answer.

        Args:
            conditional: the same is asked at each poll: get the answer of last time where the source says that nothing
                changed. GitHub counts no such request.
        """
        return self._ask("GET", path, conditional=conditional, params=params, headers=headers)

    def post(
        self,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send JSON or a form to ``path`` and return a good answer."""
        return self._ask("POST", path, json=json, data=form, params=params, headers=headers)

    def delete(self, path: str, *, json: Any = None) -> Answer:
        """Have ``path`` removed, or what the JSON names there."""
        return self._ask("DELETE", path, json=json, headers=None)

    def pages(self, path: str, *, params: Mapping[str, Any] | None = None, most: int = 1_000) -> Iterator[Answer]:
        """Yield the answer to ``path`` and those that Link headers call the next, ``most`` in all.

        Raises:
            SourceUnavailable: the links lead back to a page that was read already.
        """
        answer, seen = self.get(path, params=params), set[str]()
        yield answer
        for _ in range(most - 1):
            if not (following := answer.link("next")):
                return
            if following in seen:
                raise SourceUnavailable(f"{place_of(self._client.base_url)} leads in a circle: its next page was read.")
            seen.add(following)
            answer = self.get(following)
            yield answer

    def _ask(self, method: str, path: str, *, conditional: bool = False, **given: Any) -> Answer:
        request = self._request(method, path, **given)
        may_keep = conditional and self._endpoint.sign is None  # whose answer a signed one is, no header tells
        name = self._digest(str(request.url), *map(str, request.headers.items())) if may_keep else ""
        kept = recall(name) if name else None
        request.headers.update(kept.conditions if kept else {})
        self._turns.wait()
        self._deadline.set(self._seconds)
        hidden = request.url.path if self._endpoint.secret_path else ""
        with telling(request, hidden=hidden) as told, closing(self._sent(request)) as response:
            answer = self._read(response, kept, told)
        if name and told.status == 200:
            keep(name, Kept(answer.status, dict(answer.headers), answer.content))
        return answer

    def _request(self, method: str, path: str, *, headers: Mapping[str, str] | None, **given: Any) -> httpx.Request:
        """Return a request that carries our credentials only to whom they are for."""
        try:
            request = self._client.build_request(method, path, **given)
        except httpx.InvalidURL as problem:
            raise _no_address() from problem
        own = self._endpoint.headers if _origin(request.url) == self._origin else {}
        for header, value in {**own, **(headers or {})}.items():
            if not _SENDABLE.fullmatch(value):
                raise Misconfigured(f"{header} would hold characters that no header may; look at the credentials.")
            request.headers[header] = value
        return request

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """Return the beginning of the answer, wherever redirects lead.

        Once they lead away from the endpoint nothing goes along: no header, no signature, no body.
        """
        at_home = _origin(request.url) == self._origin
        self._require_encrypted(self._client.base_url, request.url)
        for _ in range(MOST_REDIRECTS + 1):
            try:
                response = self._client.send(request, auth=self._endpoint.sign if at_home else None, stream=True)
            except BROKEN as problem:
                raise broken(problem, place=place_of(request.url)) from problem
            if (following := response.next_request) is None:
                return response
            response.close()
            self._require_encrypted(request.url, following.url)
            at_home = at_home and _origin(following.url) == self._origin
            if not at_home and following.method != "GET":
                message = f"{place_of(request.url)} sends our post on to {place_of(following.url)}: give that address."
                raise Refused(message, answered=response.status_code)
            request = following if at_home else self._client.build_request("GET", following.url)
        message = f"{place_of(request.url)} redirects more than {MOST_REDIRECTS} times."
        raise Refused(message, answered=response.status_code)

    def _require_encrypted(self, here: httpx.URL, there: httpx.URL) -> None:
        if here.scheme == "https" and there.scheme == "http":
            message = f"{place_of(here)} leads to {place_of(there)}, which is not encrypted: the source takes its own"
            raise Misconfigured(f"{message} address for that, and must be told the right one.")

    def _read(self, response: httpx.Response, kept: Kept | None, told: Told) -> Answer:
        status, headers, url = response.status_code, dict(response.headers), response.url
        told.status, at_home = status, _origin(url) == self._origin
        limit = self._endpoint.limit if at_home else None
        if status == 304 and kept:
            told.outcome = "unchanged"
            answer = Answer(kept.status, kept.headers, kept.content, str(url))
        elif response.is_success:
            answer = Answer(status, headers, whole_body(response, self._endpoint.most_bytes), str(url))
            told.bytes = len(answer.content)
        else:
            place = place_of(url) if at_home else f"{place_of(url)} (where our credentials are not sent)"
            problem = verdict(status, headers, self._beginning(response), place=place, limit=limit)
            if isinstance(problem, RateLimited) and at_home:
                self._turns.hold(problem.seconds)
            raise problem
        if limit and limit.is_spent(headers):
            self._turns.hold(limit.seconds(headers, source_time(headers)) or 0)
        return answer

    def _beginning(self, response: httpx.Response) -> str:
        """Return how the body of a refusal begins, without what we sent as credentials."""
        said = ""
        with suppress(DomainError):
            said = whole_body(response, SAID_BYTES).decode(errors="replace")
        for value in self._endpoint.headers.values():
            secret = value.rpartition(" ")[2]
            said = said.replace(secret, "...") if len(secret) >= 8 else said
        return said[:SAID]

    def _digest(self, *parts: str) -> str:
        """Return a name for what belongs to this host and credential, from which neither can be told."""
        signed_by = type(self._endpoint.sign).__name__
        told = repr([self._origin, sorted(self._endpoint.headers.items()), signed_by, parts])
        return salted_hmac("connectors.http", told, algorithm="sha256").hexdigest()[:32]


def _origin(url: httpx.URL) -> tuple[str, str]:
    ports = {"http": 80, "https": 443}
    return url.scheme, f"{url.host}:{url.port or ports.get(url.scheme)}"


def _no_address() -> Misconfigured:
    message = "This is no valid http or https address."
    return Misconfigured(message, fields={"url": message})


@dataclass(frozen=True, kw_only=True)
class HTTPConfig(ConnectorConfig):
    """What every source that is asked over HTTP is set by."""

    url: str = option("Address of the source, such as https://host.example.")
    service: str = option("Service of events that name none.", default="")
    environment: str = option("Environment of events that name none.", default="")
    requests_per_second: int = option("Requests a second at most, by all workers together.", default=5, at_least=1)

    def __post_init__(self) -> None:
        refuse(self.wrong())

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL:
            return {"url": "Give an http or https address."}
        if url.scheme not in {"https", "http"} or not _HOST.fullmatch(url.host):
            return {"url": "Give an http or https address."}
        if url.userinfo:
            return {"url": "Leave the user and the password out of the address: the settings for them are sealed."}
        return {}


class OverHTTP(Pull[Settings]):
    """A source that is asked over HTTP."""

    @abstractmethod
    def endpoint(self) -> Endpoint:
        """Return where it is and how it is spoken to."""

    @cached_property
    def http(self) -> Client:
        """The client, made at the first request."""
        return Client(self.endpoint())
