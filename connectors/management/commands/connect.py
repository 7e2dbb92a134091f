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
from connectors.base import Pull, Push, Source
from connectors.errors import Misconfigured
from connectors.management.foreground import plain_errors, poll_aloud
from connectors.management.settings_arguments import add_settings, given_settings
from connectors.models import Connector
from connectors.registry import SOURCES, source_kind
from connectors.sources.gitaddress import Address, without_password
from rcaplatform.kit.errors import DomainError

NAME_LENGTH = 60
_ALIASES = {"jsonlines": ["logs"]}


class Command(BaseCommand):
    """One sub-command for each kind of source, made of its settings."""

    help = "Connect a source of events. It is checked, read at once, and from then on polled by the workers."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare one sub-command for each kind of source."""
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
        for kind, source in sorted(SOURCES.items()):
            about = (source.__doc__ or source.label).strip()
            added = kinds.add_parser(kind, help=source.label, description=about, aliases=_ALIASES.get(kind, []))
            added.set_defaults(kind=kind)
            place = source.argument or "name"
            added.add_argument(place, metavar=place.upper(), help=_PLACE_HELP[place])
            if place != "name":
                added.add_argument("--name", default="", help="What it is called (after the repository or file).")
            add_settings(added, source.Config, but=(place,))
            if issubclass(source, Pull):
                _add_polling(added)

    def handle(self, *args: Any, kind: str, **options: Any) -> None:
        """Connect."""
        with plain_errors():
            source = source_kind(kind)
            values = _values(source, options)
            made = _own_secret(source, values)
            opened = _checked(source, values)
            connector = services.connect(
                name=options["name"] or _free_name(kind, values),
                kind=kind,
                values=values,
                actor=None,
                now=timezone.now(),
                interval=options.get("interval") or 60,
            )
            if isinstance(opened, Push) and opened.is_pushed():
                self._tell_webhook(connector, made)
            if isinstance(opened, Pull) and opened.is_polled():
                self._read(connector, wanted=not options["no_poll"])

    def _tell_webhook(self, connector: Connector, made: str) -> None:
        self.stdout.write(f"Connected {connector.name}. At the source, add a webhook:")
        self.stdout.write(f"  Payload URL   {settings.SITE_URL}/hooks/{connector.name}")
        self.stdout.write("  Content type  application/json")
        self.stdout.write(f"  Secret        {f'{made}   (shown this once)' if made else 'as given'}")

    def _read(self, connector: Connector, *, wanted: bool) -> None:
        self.stdout.write(f"Connected {connector.name}; the workers poll it every {connector.interval} seconds.")
        if not wanted:
            return
        try:
            poll_aloud(connector, out=self.stdout, progress=self.stderr)
        except DomainError as problem:
            raise CommandError(f"{connector.name} is connected, but cannot be read: {problem.message}") from problem


_PLACE_HELP = {
    "name": "What it is called; part of a webhook's address.",
    "url": "A path, or a clone address (https, ssh, git). A password or token in it is taken out and sealed.",
    "path": "The file; it may be rotated and truncated.",
}


def _add_polling(parser: ArgumentParser) -> None:
    parser.add_argument("--interval", type=int, default=60, metavar="SECONDS", help="Seconds between polls (60).")
    parser.add_argument("--no-poll", action="store_true", help="Leave the first reading to the workers.")


def _values(source: type[Source[Any]], options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as given, with paths that mean the same to the workers."""
    values = given_settings(source.Config, options)
    if source.kind == "git":
        url, token = without_password(options["url"])
        values["url"] = _absolute(url) if ":" not in url or Path(url).exists() else url
        values |= {"token": token} if token else {}
    elif source.kind == "jsonlines":
        values["path"] = _absolute(options["path"])
    return values


def _absolute(path: str) -> str:
    """Return a path that means the same to the workers; a link stays one, for it may be pointed elsewhere."""
    return os.path.abspath(path)  # noqa: PTH100


def _own_secret(source: type[Source[Any]], values: dict[str, Any]) -> str:
    """Make the secret that a webhook needs and that nobody gave, when nothing else lacks; return it to be shown."""
    if not issubclass(source, Push) or values.get("secret") or not _lacking(source, values):
        return ""
    made = secrets.token_urlsafe(32)
    if _lacking(source, {**values, "secret": made}):
        return ""
    values["secret"] = made
    return made


def _lacking(source: type[Source[Any]], values: dict[str, Any]) -> set[str]:
    """Return the names of the settings that nothing can be connected without."""
    try:
        source.Config.read(values)
    except Misconfigured as problem:
        return set(problem.fields)
    return set()


def _checked(kind: type[Source[Any]], values: dict[str, Any]) -> Source[Any]:
    """Try the source before anything is stored, and return it."""
    config = kind.Config.read(values)
    with tempfile.TemporaryDirectory() as workspace:
        source = kind(config, workspace=Path(workspace), now=timezone.now())
        if isinstance(source, Pull) and source.is_polled():
            source.check()
    return source


def _free_name(kind: str, values: dict[str, Any]) -> str:
    """Return a name that no connector has, after the repository or the file."""
    called = Address.parse(values["url"]).repository if kind == "git" else Path(values["path"]).stem
    stem = slugify(called)[: NAME_LENGTH - 5] or kind
    taken = set(Connector.objects.filter(name__startswith=stem).values_list("name", flat=True))
    return next(name for name in chain([stem], (f"{stem}-{n}" for n in count(2))) if name not in taken)
