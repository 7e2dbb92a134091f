"""What GitHub would send: signed deliveries, and the corpus of real payloads by event."""

import hmac
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.test import Client

from connectors.base import Call, Record
from connectors.models import Connector
from connectors.sources.github import GitHub, GitHubConfig
from connectors.tests.factories import NOW, SECRET
from events.drafts import EventDraft
from tests.shared import payloads

JSON = "application/json"


def corpus() -> list[Path]:
    """Return every recorded delivery; its folder is named after its event."""
    return sorted(payloads("github", "webhooks-octokit").glob("*/*.json"))


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def signed(body: bytes, *, event: str = "ping", key: str = "one") -> dict[str, str]:
    """Return the headers of a genuine delivery, lower-case as `verify` is given them."""
    return {"x-hub-signature-256": signature(body), "x-github-delivery": key, "x-github-event": event}


def post(client: Client, connector: Connector, body: bytes, **headers: str) -> Any:
    """Send a delivery to the connector's webhook and return the answer."""
    return client.post(f"/hooks/{connector.name}", body, content_type=JSON, headers=headers)


def source(**config: Any) -> GitHub:
    return GitHub(GitHubConfig(secret=SECRET, **config), workspace=Path("unused"), now=NOW)


def decode(event: str, body: bytes, **config: str) -> list[EventDraft]:
    """Return what a delivery says."""
    github = source(**config)
    parts = github.unpack(Call(event, {}, body))
    return [draft for kind, payload in parts for draft in github.decode(Record.of("one", kind, payload))]


def delivery_of(**parts: Any) -> dict[str, Any]:
    """Return a payload with the repository and sender every delivery has."""
    repository = {"full_name": "acme/shop", "pushed_at": 1_900_000_000}
    return {"repository": repository, "sender": {"login": "ada"}, **parts}
