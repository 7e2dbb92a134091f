"""Source: GitHub, by the webhooks of a repository or an organisation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import Call, ConnectorConfig, Envelope, Push, Record, option, parsed, secret
from connectors.errors import BadRecord, Misconfigured
from connectors.reading import Part
from connectors.signing import hmac_hex, plain_header, require_one
from connectors.sources import github_ci, github_code, github_deployments, github_work
from connectors.sources.github_notice import Notice, json_of
from events.drafts import EventDraft

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
        expected = "sha256=" + hmac_hex(self.config.secret, body)
        require_one([headers.get("x-hub-signature-256", "")], expected, header="X-Hub-Signature-256")
        return Envelope(plain_header(headers, "X-GitHub-Delivery"), plain_header(headers, "X-GitHub-Event"))

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield the payload."""
        yield call.event, parsed(json_of(call.body))

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the events in the payload of one delivery."""
        if not isinstance(record.value, dict):
            raise BadRecord("The body is not a JSON object.")
        decoder = _DECODERS.get(record.kind)
        if decoder is None:
            return ()
        about = {"service": self.config.service, "environment": self.config.environment}
        return decoder(Notice(record.kind, Part(record.value), **about))
