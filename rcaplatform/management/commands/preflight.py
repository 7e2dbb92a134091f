"""Door: is everything there that the product needs? For before a start, and for when it does not start."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from rcaplatform import preflight


class Command(BaseCommand):
    """Changes nothing. Exit code 1 when something does not work."""

    help = "Look at settings, keys, PostgreSQL, migrations, Redis, disk and clock; exit with 1 when something is bad."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--strict", action="store_true", help="Exit with 1 at warnings too.")

    def handle(self, *args: Any, strict: bool, **options: Any) -> None:
        """Say what was found, a line each."""
        counts = dict.fromkeys((preflight.OK, preflight.WARN, preflight.BAD), 0)
        for found in preflight.findings(timezone.now()):
            counts[found.level] += 1
            self.stdout.write(f"{found.level:<5}{found.about:<12} {found.said}")
        if counts[preflight.BAD] or (strict and counts[preflight.WARN]):
            raise CommandError(f"{counts[preflight.BAD]} bad, {counts[preflight.WARN]} to be mended.")
