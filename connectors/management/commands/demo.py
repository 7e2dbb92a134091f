"""Door: load the demo incident again, or an investigation with very many events, to see how the pages bear it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from connectors.demo import stress

LEAST, MOST = 100, 1_000_000


class Command(BaseCommand):
    """Adds to what is stored; takes nothing away."""

    help = (
        "With --stress: open an investigation with 100,000 made-up events, to see how the timeline bears it. There is "
        "no way to take the events out again but a new database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--stress", action="store_true", required=True, help="Open the investigation.")
        parser.add_argument("--events", type=int, default=stress.EVENTS, help="How many events. Default 100000.")
        parser.add_argument("--seed", type=int, default=1, help="Another number tells another story. Default 1.")

    def handle(self, *args: Any, events: int, seed: int, **options: Any) -> None:
        """Make it, and print where it is."""
        if not LEAST <= events <= MOST:
            raise CommandError(f"--events: give a number from {LEAST:,} to {MOST:,}.")
        opener = User.objects.filter(is_active=True).order_by("username").first()
        if opener is None:
            raise CommandError("Nobody is here who could investigate: run `manage.py bootstrap` first.")
        try:
            opened = stress.load(events=events, seed=seed, opener=opener, now=timezone.now())
        except IntegrityError as problem:
            raise CommandError(f"The events of seed {seed} are stored already: give another --seed.") from problem
        self.stdout.write(f"{events:,} events are linked to /investigations/{opened.pk}/")
