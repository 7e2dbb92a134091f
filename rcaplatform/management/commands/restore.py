"""Door: bring an installation back from one file."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from rcaplatform import backups


class Command(BaseCommand):
    """Never writes over anything but the keys of an installation whose database is empty."""

    help = "Fill an empty database from FILE, which `backup` made, and put its keys in place."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file."""
        parser.add_argument("file", metavar="FILE", type=Path, help="A file that `backup` made.")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Restore, and say what comes next."""
        try:
            into: dict[str, Any] = {"database": connection.get_connection_params(), "data_dir": settings.DATA_DIR}
            manifest = backups.restore(file, **into)
        except backups.NoBackup as problem:
            raise CommandError(problem.message) from problem
        self.stdout.write(f"Restored what version {manifest['version']} saved at {manifest['made_at']}.")
        self.stdout.write("All sessions and tokens have ended.")
        self.stdout.write("Now start the product anew: it migrates the database and reads the restored keys.")
