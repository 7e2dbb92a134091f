"""Door: connect a source from the command line, and read it at once."""

import os
import secrets
import tempfile
from argparse import ArgumentParser
from itertools import chain, count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.text import slugify

from connectors import services
from connectors.base import Pull
from connectors.management.foreground import plain_errors, poll_aloud
from connectors.models import Connector
from connectors.registry import source_kind
from connectors.sources.gitaddress import Address, without_password
from events.choices import Severity
from rcaplatform.kit.errors import DomainError

NAME_LENGTH = 60


class Command(BaseCommand):
    """A git repository, a log file, or the webhooks of GitHub."""

    help = "Connect a source of events. It is checked, read at once, and from then on polled by the workers."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare one sub-command for each kind of source."""
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="git | logs | github")
        git = kinds.add_parser("git", help="Any git repository: commits, merges, tags.", description=_GIT)
        git.add_argument("url", metavar="PATH_OR_URL", help="A path, or a clone address (https, ssh, git).")
        git.add_argument("--service", default="", help="The service its commits belong to (the repository's name).")
        git.add_argument("--service-roots", default="", metavar="DIR,…", help="Their sub-directories are services.")
        git.add_argument("--since-days", type=int, default=0, metavar="N", help="Read only the last N days at first.")
        logs = kinds.add_parser(
            "logs", help="A file of JSON log lines.", description="Follow a file of JSON log lines."
        )
        logs.add_argument("path", metavar="FILE", help="The file; it may be rotated and truncated.")
        logs.add_argument("--service", default="", help="The service of lines that name none.")
        logs.add_argument("--min-severity", default=Severity.MEDIUM.value, choices=Severity.values, help="Ignore less.")
        github = kinds.add_parser("github", help="Webhooks of GitHub.", description=_GITHUB)
        github.add_argument("name", metavar="NAME", help="What it is called; part of the webhook's address.")
        github.add_argument("--secret", default="", help="The webhook's secret; made and printed once when not given.")
        for polled in (git, logs):
            _add_polling(polled)

    def handle(self, *args: Any, kind: str, **options: Any) -> None:
        """Connect."""
        with plain_errors():
            if kind == "github":
                self._connect_github(options["name"], options["secret"])
            elif kind == "git":
                self._connect_polled("git", _git_values(options), options)
            else:
                self._connect_polled("jsonlines", _log_values(options), options)

    def _connect_github(self, name: str, secret: str) -> None:
        chosen = secret or secrets.token_urlsafe(32)
        services.connect(name=name, kind="github", values={"secret": chosen}, actor=None, now=timezone.now())
        self.stdout.write(f"Connected {name}. In the repository's settings, add a webhook:")
        self.stdout.write(f"  Payload URL   {settings.SITE_URL}/hooks/{name}")
        self.stdout.write("  Content type  application/json")
        self.stdout.write(f"  Secret        {'as given' if secret else f'{chosen}   (shown this once)'}")

    def _connect_polled(self, kind: str, values: dict[str, Any], options: dict[str, Any]) -> None:
        _check(kind, values)
        connector = services.connect(
            name=options["name"] or _free_name(kind, values),
            kind=kind,
            values=values,
            actor=None,
            now=timezone.now(),
            interval=options["interval"],
        )
        self.stdout.write(f"Connected {connector.name}; the workers poll it every {connector.interval} seconds.")
        if options["no_poll"]:
            return
        try:
            poll_aloud(connector, out=self.stdout, progress=self.stderr)
        except DomainError as problem:
            raise CommandError(f"{connector.name} is connected, but cannot be read: {problem.message}") from problem


_GIT = (
    "Connect a git repository. Its commits, merges and tags become events. A password or token in an https address is "
    "taken out of it and sealed."
)
_GITHUB = "Take the webhooks of GitHub: pushes, pull requests, workflow runs, deployments, releases, checks, issues."


def _add_polling(parser: ArgumentParser) -> None:
    parser.add_argument("--name", default="", help="What it is called (after the repository or file when not given).")
    parser.add_argument("--environment", default="", help="The environment of its events, such as production.")
    parser.add_argument("--interval", type=int, default=60, metavar="SECONDS", help="Seconds between polls (60).")
    parser.add_argument("--no-poll", action="store_true", help="Leave the first reading to the workers.")


def _git_values(options: dict[str, Any]) -> dict[str, Any]:
    url, token = without_password(options["url"])
    if ":" not in url or Path(url).exists():
        url = _absolute(url)
    roots = [root.strip() for root in options["service_roots"].split(",") if root.strip()]
    names = ("service", "environment", "since_days")
    return {"url": url, "token": token, "service_roots": roots, **{name: options[name] for name in names}}


def _log_values(options: dict[str, Any]) -> dict[str, Any]:
    names = ("service", "environment", "min_severity")
    return {"path": _absolute(options["path"]), **{name: options[name] for name in names}}


def _absolute(path: str) -> str:
    """Return a path that means the same to the workers; a link stays one, for it may be pointed elsewhere."""
    return os.path.abspath(path)  # noqa: PTH100


def _check(kind: str, values: dict[str, Any]) -> None:
    """Try the source before anything is stored."""
    found = source_kind(kind)
    config = found.Config.read(values)
    with tempfile.TemporaryDirectory() as workspace:
        source = found(config, workspace=Path(workspace), now=timezone.now())
        if isinstance(source, Pull):
            source.check()


def _free_name(kind: str, values: dict[str, Any]) -> str:
    """Return a name that no connector has, after the repository or the file."""
    called = Address.parse(values["url"]).repository if kind == "git" else Path(values["path"]).stem
    stem = slugify(called)[: NAME_LENGTH - 5] or kind
    taken = set(Connector.objects.filter(name__startswith=stem).values_list("name", flat=True))
    return next(name for name in chain([stem], (f"{stem}-{n}" for n in count(2))) if name not in taken)
