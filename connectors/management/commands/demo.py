"""Door: play an incident live, or open an investigation with very many events, to see how the pages bear it."""

import re
from argparse import ArgumentTypeError
from time import sleep
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from connectors.demo import database, flag, replay, stress
from rcaplatform.kit.errors import DomainError

LEAST, MOST = 100, 1_000_000
SLOWEST, FASTEST = 0.1, 1_000
STORIES = {"database": database.PLOT, "flag": flag.PLOT}


class Command(BaseCommand):
    """Adds to what is stored; takes nothing away."""

    help = (
        "With --replay: tell of an incident as if it happened now, for a canvas that is open to show. With --stress: "
        "open an investigation with 100,000 made-up events, to see how the timeline bears it; there is no way to take "
        "the events out again but a new database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--stress", action="store_true", help="Open an investigation with very many events.")
        what.add_argument("--replay", type=speed_of, metavar="SPEED", help="Tell of an incident live: 1x, 10x, 60x.")
        parser.add_argument("--story", choices=sorted(STORIES), default="database", help="Which. Default database.")
        parser.add_argument("--events", type=int, default=stress.EVENTS, help="How many events. Default 100000.")
        parser.add_argument("--seed", type=int, default=1, help="Another number tells another story. Default 1.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and print where it is to be seen."""
        opener = User.objects.filter(is_active=True).order_by("username").first()
        if opener is None:
            raise CommandError("Nobody is here who could investigate: run `manage.py bootstrap` first.")
        if options["replay"]:
            self._replay(opener, options["replay"], options["story"])
        else:
            self._stress(opener, options["events"], options["seed"])

    def _replay(self, opener: User, speed: float, story: str) -> None:
        if not settings.DEMO:  # whoever knows the demo's secret could tell its connectors anything
            raise CommandError("--replay makes connectors whose secret everybody knows: only where DEMO is true.")
        plot, start, told = replay.hastened(STORIES[story], speed), timezone.now(), 0
        opened = replay.begin(plot=plot, engineer=opener, now=start)
        minutes = plot.told[-1].at.total_seconds() / 60
        self.stdout.write(f"Watch /investigations/{opened.pk}/ for {minutes:.1f} min; Ctrl-C stops.")
        try:
            for one in replay.stream(plot=plot, start=start, clock=timezone.now, sleep=sleep):
                told += 1
                self.stdout.write(f"{one.service:<10} {one.title}")
        except DomainError as problem:
            raise CommandError(problem.message) from problem
        except KeyboardInterrupt:
            self.stdout.write(f"Stopped after {told} of {len(plot.told)} events; what was told stays.")

    def _stress(self, opener: User, events: int, seed: int) -> None:
        if not LEAST <= events <= MOST:
            raise CommandError(f"--events: give a number from {LEAST:,} to {MOST:,}.")
        try:
            opened = stress.load(events=events, seed=seed, opener=opener, now=timezone.now())
        except IntegrityError as problem:
            raise CommandError(f"The events of seed {seed} are stored already: give another --seed.") from problem
        self.stdout.write(f"{events:,} events are linked to /investigations/{opened.pk}/")


def speed_of(text: str) -> float:
    """Return how many times as fast: 10 of ``10x``.

    Raises:
        ArgumentTypeError: it is no such number, or none that makes sense.
    """
    read = re.fullmatch(r"(\d{1,4}(?:\.\d{1,3})?)x?", text, re.ASCII)
    if read is None or not SLOWEST <= float(read[1]) <= FASTEST:
        raise ArgumentTypeError(f"give a speed from {SLOWEST}x to {FASTEST}x, such as 10x.")
    return float(read[1])
