"""Door: an incident that lies in a folder becomes an investigation with everything linked and its suspects ranked."""

from pathlib import Path
from time import sleep
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import User
from accounts.permissions import may
from investigations import intake, suspicion
from investigations.bundles import folders
from investigations.bundles.fields import BadBundle
from investigations.models import Investigation, Link, SuspectReport
from rcaplatform.kit.errors import DomainError

PATIENCE, PAUSE = 60.0, 0.5  # seconds


class Command(BaseCommand):
    """Doing it again adds what is new in the folder, and nothing else."""

    help = (
        "Open an investigation of an incident that lies in a folder: its events are stored and linked, its suspects "
        "ranked. The folder holds alert.json and, where they exist, metrics.csv, logs.ndjson, traces.json, graph.csv, "
        "commits.json, deploys.json and flags.json, directly or in data/ and context/ (docs/suspects.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", type=Path, metavar="DIR", help="The folder of the incident.")
        parser.add_argument(
            "--as", dest="opener", default="", metavar="USERNAME", help="Who opens it. Default: the first who may."
        )

    def handle(self, *args: Any, folder: Path, opener: str, **options: Any) -> None:
        """Import, and print where to look."""
        actor = _opener(opener)
        try:
            scene = folders.read(folder)
            title = folders.headline(folder, scene)
            done = intake.take_in(scene=scene, title=title, actor=actor, now=timezone.now(), say=self._say)
        except (BadBundle, OSError) as problem:
            raise CommandError(str(problem)) from problem
        except DomainError as problem:
            raise CommandError(problem.message) from problem
        self._report(done)

    def _say(self, text: str) -> None:
        self.stdout.write(f"  {text}")
        self.stdout.flush()

    def _report(self, done: intake.Imported) -> None:
        for what, number in done.left_out.items():
            self.stdout.write(f"{number:,} {what} were too many: those farthest from the alert were left out.")
        state = "opened" if done.opened else "known already"
        self.stdout.write(f"{done.events:,} events, {done.fresh:,} of them new. The investigation is {state}:")
        self.stdout.write(f"{settings.SITE_URL}/investigations/{done.investigation.pk}/")
        report = _awaited(done.investigation)
        for suspect in report.suspects.all() if report else ():
            if suspect.place == 1:
                self.stdout.write(f"  {suspect.get_kind_display()} {suspect.name} ({suspect.score:.2f})")
        if report and report.no_change_cause:
            self.stdout.write("  No change explains it.")


def _opener(username: str) -> User:
    named = {"username": username} if username else {}
    people = User.objects.filter(is_active=True, **named).order_by("date_joined", "pk")
    if found := next((person for person in people if may(person, "create", Link)), None):
        return found
    if username:
        raise CommandError(f"--as: nobody who may link events is called {username}.")
    raise CommandError("Nobody is here who may link events: run `manage.py bootstrap` first.")


def _awaited(investigation: Investigation) -> SuspectReport | None:
    """Return the newest report; the first one may be in the hands of a worker."""
    for _ in range(int(PATIENCE / PAUSE)):
        if report := suspicion.newest(investigation.pk):
            return report
        sleep(PAUSE)
    return None
