"""Source: traces of Zipkin, asked for or sent to us as Zipkin v2 JSON."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from connectors.base import Call, Envelope, Record, option, parsed, secret
from connectors.base import Push as Pushed
from connectors.errors import BadRecord
from connectors.http import Endpoint
from connectors.reading import Part
from connectors.signing import require_one
from connectors.sources.tracepolling import TracePolling, TracesConfig
from connectors.windows import Overfull


@dataclass(frozen=True, kw_only=True)
class ZipkinConfig(TracesConfig):
    """What the owner sets."""

    url: str = option("Address of Zipkin, such as https://zipkin.example; empty: it is not asked.", default="")
    token: str = secret(
        "What senders give as bearer token or password; empty: spans sent to us are refused.", default=""
    )

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        if not self.url and not self.token:
            return {"url": "Give the address to ask, or the token of those who send."}
        return super().wrong() if self.url else {}


class Zipkin(TracePolling[ZipkinConfig], Pushed[ZipkinConfig]):
    """Asks for traces, and takes what an exporter sends. There are no pages: asks for less when as many came."""

    kind, label, Config, written = "zipkin", "Zipkin", ZipkinConfig, "zipkin"
    polled_with, pushed_with = "url", "token"
    paths = ("api/v2/spans",)

    @property
    def page(self) -> str:
        """Address of a trace."""
        url = self.config.url.rstrip("/").removesuffix("/zipkin").replace("{", "{{").replace("}", "}}")
        return url + "/zipkin/traces/{trace}" if url else ""

    def endpoint(self) -> Endpoint:
        """Return where it is."""
        return Endpoint(url=self.config.url, requests_per_second=self.config.requests_per_second)

    def check(self) -> None:
        """Return when it names its services."""
        if self.is_polled():
            self.http.get("api/v2/services")

    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        """Return the traces of all services."""
        asked = {
            "endTs": int(end.timestamp() * 1_000),
            "lookback": max(int((end - start).total_seconds() * 1_000), 1),
            "limit": self.config.limit,
        }
        body = self.http.get("api/v2/traces", params=asked).json()
        told = [Part(trace) for trace in body if isinstance(trace, list) and trace] if isinstance(body, list) else []
        records = [Record.of(_trace_id(trace.value[0]), "zipkin", trace.value) for trace in told]
        if len(records) >= self.config.limit:
            raise Overfull(f"There are {self.config.limit} traces or more.", records)
        return records

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the token; Zipkin's spans are not signed. The same spans are the same delivery.

        Reporters that cannot send a header of their own have it in their address, as the password of any user.
        """
        if not self.config.token:
            require_one([], "", header="Authorization")
        given = headers.get("authorization", "")
        require_one([_token(given)], self.config.token, header="Authorization")
        return Envelope(blake2b(body, digest_size=16).hexdigest(), "zipkin")

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield the spans of each trace by themselves."""
        body = parsed(call.body)
        if not isinstance(body, list):
            raise BadRecord("The body is not a list of spans.")
        found: dict[str, list[Any]] = {}
        for span in body:
            found.setdefault(_trace_id(span), []).append(span)
        yield from (("zipkin", spans) for spans in found.values())


def _token(authorization: str) -> str:
    """Return the token in a header: after Bearer, or as the password of HTTP Basic."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    try:
        return b64decode(rest, validate=True).decode().partition(":")[2] if scheme.lower() == "basic" else ""
    except ValueError:
        return ""


def _trace_id(span: Any) -> str:
    return Part(span).text("traceId", 64)
