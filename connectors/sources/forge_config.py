"""What the owner of a forge sets: its webhooks, and which of its repositories are polled. No database here."""

import re
from dataclasses import dataclass

from connectors.base import option, secret
from connectors.credentials import HookConfig
from connectors.http import HTTPConfig

_REPOSITORY = re.compile(r"[\w-]{1,100}/(?!\.{1,2}$)[\w.-]{1,100}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ForgeConfig(HookConfig):
    """Settings of a forge that calls us, is polled with a token, or both."""

    token: str = secret("Token to poll with. Empty: nothing is polled.", default="")
    secret: str = secret("The secret entered with the webhook. Empty: it takes no deliveries.", default="")
    repositories: list[str] = option("Repositories to poll: owner/name.", default=[])
    service: str = option("The service its events are about; empty: the repository's name.", default="")

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found = HTTPConfig.wrong(self) if self.token else {}  # a webhook alone needs no address
        if not self.secret and not self.token:
            found |= {"secret": "Give the secret of a webhook, a token to poll with, or both."}
        if self.token and not self.repositories:
            found |= {"repositories": "Name the repositories to poll."}
        if self.repositories and not self.token:
            found |= {"token": "Polling takes one."}
        if not all(_REPOSITORY.fullmatch(name) for name in self.repositories):
            found["repositories"] = "Name each as owner/name."
        return found
