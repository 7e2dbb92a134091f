"""Door: rank the probable root causes of an incident that lies in a folder. Needs no database and no network."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from investigations.bundles import folders
from investigations.bundles.fields import BadBundle
from investigations.suspects import rank


class Command(BaseCommand):
    """The answer is the same for the same files, and is printed as JSON."""

    help = (
        "Rank the probable root causes of an incident. The folder holds alert.json and, where they exist, metrics.csv, "
        "logs.ndjson, traces.json, graph.csv, commits.json, deploys.json and flags.json, directly or in data/ and "
        "context/ (docs/suspects.md)."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--bundle", required=True, type=Path, metavar="DIR", help="The folder of the incident.")
        parser.add_argument(
            "--out", type=Path, metavar="FILE", help="Where to write the answer to, instead of printing."
        )

    def handle(self, *args: Any, bundle: Path, out: Path | None, **options: Any) -> None:
        """Print or write the answer."""
        if not bundle.is_dir():
            raise CommandError(f"--bundle: {bundle} is no folder.")
        try:
            scene = folders.read(bundle)
        except (BadBundle, OSError) as problem:
            raise CommandError(str(problem)) from problem
        text = json.dumps(rank(scene).as_json(), indent=1, ensure_ascii=False)
        if out is None:
            self.stdout.write(text)
        else:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(text + "\n", encoding="utf-8")
