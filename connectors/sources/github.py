"""Source: GitHub, by the webhooks of a repository or an organisation, by its API, or both."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.base import Envelope, option, secret
from connectors.errors import Forged
from connectors.http import Endpoint, Limit
from connectors.logins import bearer
from connectors.signing import hmac_hex, plain_header, require_one
from connectors.sources import github_ci, github_code, github_deployments, github_polling, github_work
from connectors.sources.forge import Decoder, Forge
from connectors.sources.forge_config import ForgeConfig

# Other events are kept as deliveries and counted as ignored: they repeat these (workflow_job and check_suite say what
# check_run and workflow_run say) or are talk about work, not work (comments, reviews, stars).
_DECODERS: dict[str, Decoder] = {
    "push": github_code.push,
    "commit": github_code.commit,  # what a list tells, and no webhook
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
class GitHubConfig(ForgeConfig):
    """What the owner sets."""

    url: str = option(
        "Address of the API to poll; of an Enterprise Server https://HOST/api/v3.", default="https://api.github.com"
    )
    token: str = secret(
        "Token that may read actions, contents, deployments and pull requests. Empty: nothing is polled.", default=""
    )


class GitHub(Forge[GitHubConfig]):
    """Takes pushes, pull requests, releases, issues, builds, checks and deployments.

    GitHub sends a delivery that failed never again. With a token the builds, deployments, pull requests and releases
    of some repositories and the commits of their default branches are polled too, and what a webhook told already is
    the same event. What polling alone cannot find: builds that take over six hours, deployments that change later
    than that, and commits pushed that long after they were made.
    """

    kind, label, Config = "github", "GitHub", GitHubConfig
    listing, decoders = github_polling.Repository, _DECODERS

    def endpoint(self) -> Endpoint:
        """Return where the API is."""
        return Endpoint(
            url=self.config.url,
            headers={
                **bearer(self.config.token),
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            requests_per_second=self.config.requests_per_second,
            limit=Limit(
                remaining="X-RateLimit-Remaining", reset="X-RateLimit-Reset", unit="epoch", phrase="rate limit"
            ),
        )

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the signature; GitHub sends a delivery again under the same ``X-GitHub-Delivery``.

        Raises:
            Forged: the signature is missing or not of this body and secret.
            Invalid: a header that tells what was delivered is missing or no plain text.
        """
        if not self.config.secret:  # anybody can sign with an empty one
            raise Forged("This connector has no secret, so it takes no deliveries.")
        expected = "sha256=" + hmac_hex(self.config.secret, body)
        require_one([headers.get("x-hub-signature-256", "")], expected, header="X-Hub-Signature-256")
        return Envelope(plain_header(headers, "X-GitHub-Delivery"), plain_header(headers, "X-GitHub-Event"))
