"""Source: any git repository, local or remote. Its commits, merges and tags, and what is done to its history."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import orjson

from connectors.base import ConnectorConfig, Cursor, Page, Pull, Record, option, secret
from connectors.errors import Misconfigured, SourceUnavailable
from connectors.sources.gitaddress import Address
from connectors.sources.gitcli import Git as GitCommand
from connectors.sources.gitevents import Repository
from connectors.sources.gitmirror import Damaged, Mirror
from connectors.sources.gitreach import UnknownHost
from connectors.sources.gitwalk import Walk
from events.drafts import LIMITS, EventDraft

DAY = 86_400
NEVER = 2**63  # a second that no commit reaches
_TEXTS = ("service", "environment")


@dataclass(frozen=True, kw_only=True)
class GitConfig(ConnectorConfig):
    """Where the repository is, and whose events its commits are."""

    url: str = option("Absolute path or clone address (https, ssh, git) of the repository")
    token: str = secret("Password or access token for https, where it is needed", default="")
    service: str = option("The service its commits belong to; empty: the name of the repository", default="")
    service_roots: list[str] = option("Directories whose sub-directories are services, such as services", default=[])
    environment: str = option("The environment of its events; usually none", default="")
    since_days: int = option("How many days of history the first poll reads; 0: all", default=0)
    diff_days: int = option(
        "For how many days back commits bring their diff, by which suspects are ranked; 0: never", default=7
    )

    def __post_init__(self) -> None:
        """Refuse what could never be read.

        Raises:
            Misconfigured: ``fields`` names the setting.
        """
        Address.parse(self.url)
        wrong = {
            name: f"At most {LIMITS[name]} characters." for name in _TEXTS if len(getattr(self, name)) > LIMITS[name]
        }
        if not all(isinstance(root, str) and root.strip("/") for root in self.service_roots):
            wrong["service_roots"] = "Name directories."
        for name in ("since_days", "diff_days"):
            if getattr(self, name) < 0:
                wrong[name] = "Give 0 or more."
        if wrong:
            raise Misconfigured("; ".join(f"{name}: {message}" for name, message in wrong.items()), fields=wrong)


class Git(Pull[GitConfig]):
    """Commits come from a copy of the repository that each poll brings up to date.

    The cursor is ``{"refs": {name: id}, "boundary": [id]}``: the branches and tags as of the last poll, and where a
    shallow history was cut off. In the middle of a listing it holds the `Walk` as well.
    """

    kind, label, Config = "git", "Git", GitConfig
    argument = "url"

    def check(self) -> None:
        """Ask the repository for its HEAD."""
        try:
            self._mirror().default_branch()
        except UnknownHost as problem:
            raise Misconfigured(problem.message, fields={"url": "There is no such host."}) from problem

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield the commits that are new since ``cursor``, then what became of branches and tags.

        A copy that is damaged is made anew, once.
        """
        mirror, damage = self._mirror(), None
        for _ in range(2):
            try:
                for page in self._news(mirror, cursor):
                    cursor = page.cursor
                    yield page
            except Damaged as problem:
                damage = problem
                mirror.discard()
            else:
                return
        raise SourceUnavailable(f"{damage} It is so in a new copy as well.")

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the one event that a commit or a change of a reference is."""
        return [self._repository.draft(orjson.loads(record.raw))]

    @cached_property
    def _repository(self) -> Repository:
        address = Address.parse(self.config.url)
        name = address.repository
        return Repository(
            address=address,
            name=name,
            service=self.config.service or name[: LIMITS["service"]],
            roots=[root.strip("/") for root in self.config.service_roots],
            environment=self.config.environment,
        )

    def _mirror(self) -> Mirror:
        address, directory = Address.parse(self.config.url), self.workspace / "mirror.git"
        return Mirror(GitCommand(address, token=self.config.token, workspace=self.workspace, directory=directory))

    def _news(self, mirror: Mirror, cursor: Cursor) -> Iterator[Page]:
        """Finish the walk that was left, then go the way to what is new. Empty pages say that git is still at it."""
        for _ in mirror.fetch():
            yield Page([], cursor)
        old = {"refs": cursor.get("refs", {}), "boundary": cursor.get("boundary", [])}
        left = cursor.get("walk")
        if left and mirror.holds(left["refs"].values()) >= set(left["refs"].values()):
            yield from self._walk(mirror, old, left)
            old = {"refs": left["refs"], "boundary": left["boundary"]}
        now = {"refs": mirror.references(), "boundary": sorted(mirror.boundary())}
        if now != old:
            seen = int(self.now.timestamp())
            since = seen - self.config.since_days * DAY if self.config.since_days and not old["refs"] else 0
            state = Walk.begin(now, first=mirror.default_branch(), since=since, seen=seen)
            yield from self._walk(mirror, old, state)
            for _ in mirror.tidy():
                yield Page([], now)

    def _walk(self, mirror: Mirror, old: Cursor, state: Cursor) -> Iterator[Page]:
        days = self.config.diff_days
        since = int(self.now.timestamp()) - days * DAY if days else NEVER
        return Walk(mirror, old=old, state=state, file=self.workspace / "listing", diffs_since=since).pages()
