"""Door: ask a running installation whether it works, as after a deployment."""

import sys
from pathlib import Path
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rcaplatform import smoke


class Command(BaseCommand):
    """Needs no database of its own: it asks as anybody would. Exit code 1 when an answer is wrong."""

    help = "Ask the installation at URL whether it works: health, API, pages; with a token, an event's way in and out."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare where and as whom."""
        parser.add_argument("url", metavar="URL", help="Such as https://rca.example.org.")
        parser.add_argument(
            "--token-file", default="", metavar="FILE",
            help="Holds an API key (scope full) or a token of somebody who may delete events; - for standard input.",
        )  # fmt: skip

    def handle(self, *args: Any, url: str, token_file: str, **options: Any) -> None:
        """Say how each step went."""
        if not url.startswith(("http://", "https://")):
            raise CommandError(f"URL must be an address such as https://rca.example.org, not {url!r}.")
        wrong = 0
        try:
            for step in smoke.steps(url, token=_token(token_file)):
                wrong += not step.good
                self.stdout.write(f"{'ok' if step.good else 'FAIL':<5}{step.what:<30} {step.said}")
        except httpx.InvalidURL as problem:
            raise CommandError(f"URL must be an address such as https://rca.example.org: {problem}.") from problem
        if wrong:
            raise CommandError(f"{wrong} steps went wrong.")


def _token(file: str) -> str:
    """Return the token; it is not an argument, as every process can read those of others."""
    if not file:
        return ""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as problem:
        raise CommandError(f"--token-file: {file} cannot be read: {problem}") from problem
    if not text.strip().isascii() or not text.strip():
        raise CommandError("--token-file: there is no token in it.")
    return text.strip()
