"""What the API of Gitea and Forgejo lists, told as their webhooks tell it. It asks; it decides nothing."""

from collections.abc import Iterator
from typing import Any

from connectors.errors import Refused
from connectors.sources.github_polling import Listing, items

_EMPTY = 409  # what is answered for the commits of a repository without any
_NOT_NEEDED = dict.fromkeys(("stat", "verification", "files"), "false")


class Repository(Listing):
    """A repository at Gitea. Pull requests, releases and commits; servers before 1.24 list commits of any time."""

    server, root = "Gitea", "api/v1/"
    page = {"limit": 50}
    by_update = {"sort": "recentupdate"}

    def _commits(self) -> Iterator[tuple[str, dict[str, Any]]]:
        times = {"since": self.start.isoformat(), "until": self.end.isoformat()}
        try:
            for answer in self._pages("commits", **times, **_NOT_NEEDED):
                listed = items(answer)
                made = [commit["commit"]["committer"].time_or_none("date") for commit in listed]
                for commit, at in zip(listed, made, strict=True):
                    if at is None or self.start <= at < self.end:
                        yield "commit", {"commit": commit.value}
                if made and all(at and at < self.start for at in made):
                    return
        except Refused as problem:
            if problem.answered != _EMPTY:
                raise
