"""Door: save the installation to one file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from rcaplatform import backups


class Command(BaseCommand):
    """Works while the product runs: what is saved is the database as it is at one moment."""

    help = "Save the database and the keys to FILE, readable by this user alone. It holds secrets: encrypt what leaves."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file."""
        parser.add_argument("file", metavar="FILE", type=Path, help="Where to; nothing may be there yet.")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Save, and say what."""
        try:
            manifest = backups.save(file, database=connection.get_connection_params(), now=timezone.now())
        except backups.NoBackup as problem:
            raise CommandError(problem.message) from problem
        self.stdout.write(f"{file}: {file.stat().st_size / 2**20:.1f} MiB, version {manifest['version']}.")
