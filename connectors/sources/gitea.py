"""Source: Gitea, and Forgejo and Gogs that speak as it does, by their webhooks, by their API, or both."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.base import Envelope, option, secret
from connectors.errors import Forged
from connectors.http import Endpoint
from connectors.signing import hmac_hex, plain_header, require_one
from connectors.sources import gitea_polling, gitea_runs, github_ci, github_code, github_work
from connectors.sources.forge import Decoder, Forge
from connectors.sources.forge_config import ForgeConfig
from connectors.sources.github_notice import json_of

# Each names its headers after itself, and after those it descends from.
_FAMILY = ("Forgejo", "Gitea", "Gogs")
# Its payloads have the shape of GitHub's. Others are kept as deliveries and counted as ignored: workflow_job repeats
# workflow_run, and comments, reviews, forks and wikis are talk about work, not work.
_DECODERS: dict[str, Decoder] = {
    "push": github_code.push,
    "commit": github_code.commit,  # what a list tells, and no webhook
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
class GiteaConfig(ForgeConfig):
    """What the owner sets."""

    url: str = option("Address to poll, such as https://gitea.example. Empty: it is not polled.", default="")
    token: str = secret("Token that may read repositories, to poll with. Empty: nothing is polled.", default="")


class Gitea(Forge[GiteaConfig]):
    """Takes pushes, branches, tags, pull requests, releases, issues, builds and commit statuses.

    Enter a webhook of type Gitea, Forgejo or Gogs with this connector's address and secret. Gitea does not say when a
    branch was made or deleted: such an event is as old as the last change of the repository that it knows of.

    With a token the pull requests and releases of some repositories and the commits of their default branches are
    polled too, and what a webhook told already is the same event.
    """

    kind, label, Config = "gitea", "Gitea or Forgejo", GiteaConfig
    listing, decoders = gitea_polling.Repository, _DECODERS

    def endpoint(self) -> Endpoint:
        """Return where the API is."""
        config = self.config
        headers = {"Authorization": f"token {config.token}"}
        return Endpoint(url=config.url, headers=headers, requests_per_second=config.requests_per_second)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the signature, which is of the JSON also when that is sent in a form.

        Raises:
            Forged: the signature is missing or not of this body and secret.
            Invalid: a header that tells what was delivered is missing or no plain text.
        """
        if not self.config.secret:  # anybody can sign with an empty one
            raise Forged("This connector has no secret, so it takes no deliveries.")
        given = [headers.get(f"x-{name.lower()}-signature", "") for name in _FAMILY]
        require_one(given, hmac_hex(self.config.secret, json_of(body)), header="X-Gitea-Signature")
        name = next((name for name in _FAMILY if f"x-{name.lower()}-event" in headers), "Gitea")
        return Envelope(plain_header(headers, f"X-{name}-Delivery"), plain_header(headers, f"X-{name}-Event"))
