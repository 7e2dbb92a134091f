"""What the owner of any CI source sets. No database here."""

from dataclasses import dataclass

import regex

from connectors.base import option, secret
from connectors.credentials import HookConfig
from connectors.errors import BadRecord

PATTERN_SECONDS = 0.25  # the time that an owner's expression may take over one name
# A word that deploys, unless the name says that it builds or tests as well.
_DEPLOYS = r"^(?!.*(?<![a-z])(build|test)).*(?<![a-z])(deploy|rollout)"


@dataclass(frozen=True, kw_only=True)
class CIConfig(HookConfig):
    """Settings of a CI source that is polled with a token, calls us with a secret, or both."""

    token: str = secret("Token to read the API with; empty: it is not polled.", default="")
    deployments: str = option(
        "Regular expression, whatever the case: a job or pipeline whose name it finds is a deployment. Empty: none is.",
        default=_DEPLOYS,
    )

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found: dict[str, str] = {}
        if not self.token and not self.secret:
            found |= {"token": "Give a token to poll with, a secret for its deliveries, or both."}
        if (self.token or self.url) and not self.url.startswith(("https://", "http://")):
            found["url"] = "Give an http or https address."
        try:
            regex.compile(self.deployments)
        except regex.error as problem:
            found["deployments"] = f"This is no regular expression: {problem}."
        return found

    def kind_of(self, name: str, otherwise: str) -> str:
        """Return whether a run called ``name`` is a deployment, or what it is ``otherwise``.

        Raises:
            BadRecord: the owner's expression takes too long to say.
        """
        try:
            deploys = self.deployments and regex.search(
                self.deployments, name[:500], regex.IGNORECASE, timeout=PATTERN_SECONDS
            )
        except TimeoutError as problem:
            raise BadRecord("deployments takes too long on the name of this run: simplify it.") from problem
        return "deployment" if deploys else otherwise
