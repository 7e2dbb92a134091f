"""A client of one node for programs that check what the nodes say: JSON, by token."""

import http.client
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Answer:
    """A status and what came with it."""

    status: int
    body: Any


def ask(
    port: int, method: str, path: str, *, token: str = "", body: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    """Ask a node once.

    Raises:
        OSError, HTTPException: it does not answer.
    """
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    try:
        link.request(method, path, orjson.dumps(body) if body is not None else None, sent)
        answer = link.getresponse()
        said = answer.read()
        kind = answer.headers.get("Content-Type", "")
        return Answer(answer.status, orjson.loads(said) if said and "json" in kind else said.decode())
    finally:
        link.close()


def figures(port: int) -> dict[str, float]:
    """Return what /metrics of a node says, by the sample's name with its labels."""
    said = ask(port, "GET", "/metrics", headers={"Accept": "text/plain"}).body
    told = (line.rpartition(" ") for line in said.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in told}
