"""Door: make an investigation from a document that an export wrote."""

import gzip
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from investigations.imports import bringing
from investigations.imports.reading import MOST_BYTES, read
from rcaplatform.kit.errors import DomainError, Invalid


class Command(BaseCommand):
    """The operator speaks for everybody: authors that have an account here are these."""

    help = (
        "Make an investigation from a JSON document (rca-investigation/3), plain or compressed with gzip. Done again "
        "with the same document, it changes nothing (docs/exports.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the argument."""
        parser.add_argument("file", type=Path, metavar="FILE", help="What an export as JSON wrote.")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Make it and say what became of it."""
        try:
            document = read(_content(file))
            outcome = bringing.bring(document=document, actor=None, now=timezone.now())
        except Invalid as problem:
            wrong = [f"{path}: {said}" for path, said in problem.fields.items()] or [problem.message]
            raise CommandError("\n".join((f"{file} was not imported.", *wrong))) from problem
        except (DomainError, OSError) as problem:
            raise CommandError(f"{file} was not imported. {problem}") from problem
        if not outcome.created:
            self.stdout.write(f"Imported before: investigation {outcome.investigation.pk}.")
            return
        self.stdout.write(
            f"Investigation {outcome.investigation.pk}: {outcome.stored:,} new events, {outcome.known:,} known before."
        )
        if outcome.standins:
            self.stdout.write(f"Kept as names alone: {', '.join(outcome.standins)}.")
        if outcome.unrelated:
            self.stdout.write(f"Related, but not here: {', '.join(map(str, outcome.unrelated))}.")


def _content(file: Path) -> bytes:
    """Return what the file holds, decompressed no further than a document may be long."""
    with file.open("rb") as opened:
        start = opened.read(2)
        opened.seek(0)
        if start != b"\x1f\x8b":
            return opened.read(MOST_BYTES + 1)
        try:
            with gzip.open(opened) as inside:
                return inside.read(MOST_BYTES + 1)
        except (EOFError, gzip.BadGzipFile) as problem:
            raise CommandError(f"{file} is damaged: {problem}.") from problem
