"""Source: Gitea, and Forgejo and Gogs that speak as it does, by their webhooks."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import Call, ConnectorConfig, Envelope, Push, Record, option, parsed, refuse, secret
from connectors.errors import BadRecord
from connectors.reading import Part
from connectors.signing import hmac_hex, plain_header, require_one
from connectors.sources import gitea_runs, github_ci, github_code, github_work
from connectors.sources.github_notice import Notice, json_of
from events.drafts import EventDraft

# Each names its headers after itself, and after those it descends from.
_FAMILY = ("Forgejo", "Gitea", "Gogs")
# Its payloads have the shape of GitHub's. Others are kept as deliveries and counted as ignored: workflow_job repeats
# workflow_run, and comments, reviews, forks and wikis are talk about work, not work.
_DECODERS: dict[str, Callable[[Notice], Iterable[EventDraft]]] = {
    "push": github_code.push,
    "create": github_code.created,
    "delete": github_code.deleted,
    "pull_request": github_work.pull_request,
    "release": github_work.release,
    "issues": github_work.issue,
    "status": github_ci.commit_status,
    "workflow_run": gitea_runs.workflow_run,
    "action_run_success": gitea_runs.action_run,
    "action_run_failure": gitea_runs.action_run,
    "action_run_recover": gitea_runs.action_run,
}


@dataclass(frozen=True, kw_only=True)
class GiteaConfig(ConnectorConfig):
    """What the owner sets."""

    secret: str = secret("The secret entered with the webhook.")
    service: str = option("The service its events are about; empty: the repository's name.", default="")
    environment: str = option("The environment of its events.", default="")

    def __post_init__(self) -> None:
        refuse({} if self.secret else {"secret": "This may not be empty."})  # anybody can sign with an empty one


class Gitea(Push[GiteaConfig]):
    """Takes pushes, branches, tags, pull requests, releases, issues, builds and commit statuses.

    Enter a webhook of type Gitea, Forgejo or Gogs with this connector's address and secret. Gitea does not say when a
    branch was made or deleted: such an event is as old as the last change of the repository that it knows of.
    """

    kind, label, Config = "gitea", "Gitea or Forgejo", GiteaConfig

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the signature, which is of the JSON also when that is sent in a form.

        Raises:
            Forged: the signature is missing or not of this body and secret.
            Invalid: a header that tells what was delivered is missing or no plain text.
        """
        given = [headers.get(f"x-{name.lower()}-signature", "") for name in _FAMILY]
        require_one(given, hmac_hex(self.config.secret, json_of(body)), header="X-Gitea-Signature")
        name = next((name for name in _FAMILY if f"x-{name.lower()}-event" in headers), "Gitea")
        return Envelope(plain_header(headers, f"X-{name}-Delivery"), plain_header(headers, f"X-{name}-Event"))

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
