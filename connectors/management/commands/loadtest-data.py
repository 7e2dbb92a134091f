"""Door: fill the store with a large installation's past, to measure the product by."""
# ruff: noqa: N999 - the file's name is what one types

import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from connectors.demo import bulk, crowd
from events.models import Event
from investigations.models import Investigation
from rcaplatform.kit.paging import capped_count

# What the demo has, and what somebody who tries it out adds.
DEMO_EVENTS, DEMO_INVESTIGATIONS = 2_000, 5
MOST_EVENTS, MOST_INVESTIGATIONS, MOST_DAYS = 100_000_000, 1_000_000, 3_650


class Command(BaseCommand):
    """Deterministic but for ids: the same seed tells the same story, ending now."""

    help = (
        "Fill the store with made-up events, and investigations linked to them, to measure the product by. It is not "
        "meant for a store that people work with: there is no way to take the events out again but a new database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--events", type=int, required=True, help="How many events to store.")
        parser.add_argument("--investigations", type=int, default=10_000, help="Default 10000; one of 20 is active.")
        parser.add_argument("--days", type=int, default=90, help="How far back they reach. Default 90.")
        parser.add_argument("--seed", type=int, default=1, help="Another number tells another story. Default 1.")
        parser.add_argument("--force", action="store_true", help="Even if more than the demo is stored.")

    def handle(self, *args: Any, events: int, investigations: int, days: int, seed: int, **options: Any) -> None:
        """Store everything, and name the terms that whoever measures searching looks for."""
        _require("--events", events, 1, MOST_EVENTS)
        _require("--investigations", investigations, 0, MOST_INVESTIGATIONS)
        _require("--days", days, 1, MOST_DAYS)
        people = list(User.objects.filter(is_active=True).order_by("username")[:50])
        if investigations and not people:
            raise CommandError("Nobody is here who could investigate: run `manage.py bootstrap` first.")
        if not options["force"] and _in_use():
            raise CommandError("More than the demo is stored here. If that may be mixed with made-up events: --force")
        story: dict[str, Any] = {"seed": seed, "start": timezone.now() - timedelta(days=days), "days": days}
        began = time.monotonic()
        try:
            bulk.copy_events(**story, events=events, progress=self._meter("events", events))
            told = self._meter("investigations", investigations)
            bulk.copy_investigations(**story, investigations=investigations, people=people, progress=told)
        except KeyboardInterrupt:
            raise CommandError("Interrupted. What was stored so far stays; another --seed adds to it.") from None
        except IntegrityError as problem:
            raise CommandError(f"The events of seed {seed} are stored already: give another --seed.") from problem
        bulk.tidy()
        self.stdout.write(f"Stored in {time.monotonic() - began:.0f} s. Terms to search for:")
        for kind, term in crowd.TERMS.items():
            self.stdout.write(f"  {kind:<12} {term}")

    def _meter(self, what: str, total: int) -> bulk.Progress:
        began, terminal = time.monotonic(), self.stderr.isatty()

        def tell(stored: int) -> None:
            rate = stored / max(time.monotonic() - began, 0.001)
            line = f"{stored:,} of {total:,} {what}, {rate:,.0f}/s"
            done = stored == total
            self.stderr.write(f"\r{line}\033[K" if terminal else line, ending="" if terminal and not done else "\n")
            self.stderr.flush()

        return tell


def _require(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise CommandError(f"{option}: give a number from {least:,} to {most:,}.")


def _in_use() -> bool:
    events = capped_count(Event.objects.all(), DEMO_EVENTS + 1)
    investigations = capped_count(Investigation.objects.all(), DEMO_INVESTIGATIONS + 1)
    return events > DEMO_EVENTS or investigations > DEMO_INVESTIGATIONS
