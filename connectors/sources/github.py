"""Source: GitHub, by the webhooks of a repository or an organisation."""

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from connectors.base import ConnectorConfig, Envelope, Push, Record, option, secret
from connectors.errors import BadRecord, Forged, Misconfigured
from connectors.reading import Part
from connectors.sources import github_ci, github_code, github_deployments, github_work
from connectors.sources.github_notice import Notice
from events.drafts import EventDraft
from rcaplatform.kit.errors import Invalid

MAX_HEADER = 100
_FORM_FIELD = b"payload="

# Other events are kept as deliveries and counted as ignored: they repeat these (workflow_job and check_suite say what
# check_run and workflow_run say) or are talk about work, not work (comments, reviews, stars).
_DECODERS: dict[str, Callable[[Notice], Iterable[EventDraft]]] = {
    "push": github_code.push,
    "create": github_code.created,
    "delete": github_code.deleted,
    "pull_request": github_work.pull_request,
    "release": github_work.release,
    "issues": github_work.issue,
    "workflow_run": github_ci.workflow_run,
    "check_run": github_ci.check_run,
    "status": github_ci.commit_status,
    "deployment": github_deployments.deployment,
    "deployment_status": github_deployments.deployment_status,
}


@dataclass(frozen=True, kw_only=True)
class GitHubConfig(ConnectorConfig):
    """What the owner sets."""

    secret: str = secret("The secret entered with the webhook at GitHub.")
    service: str = option("The service its events are about; empty: the repository's name.", default="")
    environment: str = option("The environment of events that name none.", default="")

    def __post_init__(self) -> None:
        if not self.secret:  # anybody can sign with an empty one
            raise Misconfigured("secret: This may not be empty.", fields={"secret": "This may not be empty."})


class GitHub(Push[GitHubConfig]):
    """Takes pushes, pull requests, releases, issues, builds, checks and deployments."""

    kind, label, Config = "github", "GitHub webhook", GitHubConfig

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the signature; GitHub sends a delivery again under the same ``X-GitHub-Delivery``.

        Raises:
            Forged: the signature is missing or not of this body and secret.
            Invalid: a header that tells what was delivered is missing or no plain text.
        """
        given = headers.get("x-hub-signature-256", "")
        expected = "sha256=" + hmac.new(self.config.secret.encode(), body, sha256).hexdigest()
        if not hmac.compare_digest(given.encode(errors="replace"), expected.encode()):
            raise Forged("X-Hub-Signature-256 is not the signature of this body with this connector's secret.")
        return Envelope(key=_header(headers, "X-GitHub-Delivery"), event=_header(headers, "X-GitHub-Event"))

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the events in a delivery, given as the event's name and the body as received."""
        event, body = record.value
        payload = _payload(body)
        decoder = _DECODERS.get(event)
        if decoder is None:
            return ()
        return decoder(Notice(event, Part(payload), service=self.config.service, environment=self.config.environment))


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name.lower(), "")
    if not value or len(value) > MAX_HEADER or not (value.isascii() and value.isprintable()):
        message = f"Give 1 to {MAX_HEADER} printable ASCII characters."
        raise Invalid(f"{name}: {message}", fields={name: message})
    return value


def _payload(body: bytes) -> dict[str, Any]:
    """Read JSON, sent as such or as a form, whichever the webhook's owner chose at GitHub."""
    if body.startswith(_FORM_FIELD):
        body = unquote_to_bytes(body.removeprefix(_FORM_FIELD).replace(b"+", b" "))
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise BadRecord(f"The body is not JSON: {problem}.") from problem
    if not isinstance(payload, dict):
        raise BadRecord("The body is not a JSON object.")
    return payload
