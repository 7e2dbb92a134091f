"""HTTP as every connector speaks it: one client that waits its turn, is bounded, and names what went wrong."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import orjson

from connectors.base import ConnectorConfig, Pull, Settings, option, refuse
from connectors.errors import RateLimited, Refused, SourceUnavailable

TIMEOUT = httpx.Timeout(30, connect=5)
SAID = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a source is and how it is spoken to.

    Attributes:
        url: its address; paths are joined to it.
        headers: sent with each request, to this host alone: credentials among them.
        requests_per_second: at most, by all workers together.
        sign: adds what proves a request, where a header that never changes does not.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    requests_per_second: float = 5
    sign: httpx.Auth | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer (2xx), read whole. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return the parsed body.

        Raises:
            SourceUnavailable: it is no JSON; a proxy's page, or an answer cut short.
        """
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as problem:
            raise SourceUnavailable(f"The source's answer is not JSON: {problem}.") from problem

    def link(self, rel: str) -> str:
        """Return the address that the Link header gives for ``rel``, or nothing."""
        links = httpx.Response(self.status, headers=dict(self.headers)).links
        return links.get(rel, {}).get("url", "")


class Client:
    """Requests to one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client = httpx.Client(
            base_url=endpoint.url, headers=dict(endpoint.headers), auth=endpoint.sign, timeout=TIMEOUT, trust_env=False
        )

    def get(
        self, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for ``path``, or for a whole address, and return a good answer."""
        return self._ask("GET", path, params=params, headers=headers)

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

    def pages(self, path: str, *, params: Mapping[str, Any] | None = None, most: int = 1_000) -> Iterator[Answer]:
        """Yield the answer to ``path`` and those that Link headers call the next, ``most`` in all."""
        answer = self.get(path, params=params)
        yield answer
        for _ in range(most - 1):
            if not (following := answer.link("next")):
                return
            answer = self.get(following)
            yield answer

    def _ask(self, method: str, path: str, **given: Any) -> Answer:
        try:
            response = self._client.request(method, path, **given)
        except httpx.HTTPError as problem:
            raise SourceUnavailable(f"{self._endpoint.url} does not answer: {problem}.") from problem
        said = response.text[:SAID]
        if response.status_code == 429:
            raise RateLimited(f"{self._endpoint.url} asks us to wait.", seconds=60)
        if response.status_code >= 500 or response.status_code == 408:
            raise SourceUnavailable(f"{self._endpoint.url} answered {response.status_code}: {said}")
        if response.status_code >= 300:
            message = f"{self._endpoint.url} answered {response.status_code}: {said}"
            raise Refused(message, answered=response.status_code, said=said)
        return Answer(response.status_code, dict(response.headers), response.content)


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
        if not self.url.startswith(("https://", "http://")):
            return {"url": "Give an http or https address."}
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
