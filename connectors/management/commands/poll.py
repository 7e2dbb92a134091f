"""Door: poll connectors now, in the foreground."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connectors.management.foreground import plain_errors, poll_aloud
from connectors.models import Connector
from connectors.registry import SOURCES, is_pulled
from rcaplatform.kit.errors import DomainError


class Command(BaseCommand):
    """One connector, or all that are on; what fails is reported after the rest was read."""

    help = "Read what is new from one connector, or from all that are switched on, without waiting for their interval."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("name", nargs="?", metavar="NAME", help="Which connector; without it all that are on.")

    def handle(self, *args: Any, name: str | None, **options: Any) -> None:
        """Poll, and end with exit code 1 when anything could not be read."""
        failed = []
        with plain_errors():
            for connector in _named(name) if name else _all():
                try:
                    poll_aloud(connector, out=self.stdout, progress=self.stderr)
                except DomainError as problem:
                    failed.append(f"{connector.name}: {problem.message}")
        if failed:
            raise CommandError("; ".join(failed))


def _all() -> list[Connector]:
    polled = [kind for kind in SOURCES if is_pulled(kind)]
    return list(Connector.objects.select_related("origin").filter(enabled=True, kind__in=polled))


def _named(name: str) -> list[Connector]:
    connector = Connector.objects.select_related("origin").filter(name=name).first()
    if connector is None:
        names = ", ".join(Connector.objects.values_list("name", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no connector called {name}. There are: {names}.")
    if not is_pulled(connector.kind):
        raise CommandError(f"{name} is not polled: its source calls /hooks/{name}.")
    if not connector.enabled:
        raise CommandError(f"{name} is switched off.")
    return [connector]
