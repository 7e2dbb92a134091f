"""Door: connectors on the command line: which there are, whether they answer, read them now, try again what died."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from connectors import deadletters, health, reference
from connectors.base import Pull
from connectors.choices import DeadLetterState
from connectors.management.foreground import plain_errors, poll_aloud
from connectors.models import Connector, DeadLetter
from connectors.pipeline import open_source
from connectors.registry import SOURCES
from connectors.services import is_polled
from rcaplatform.kit.errors import DomainError


class Command(BaseCommand):
    """One sub-command for each thing an operator does."""

    help = "Look after connectors. `connect` makes one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the sub-commands."""
        deeds = parser.add_subparsers(dest="deed", required=True, metavar="list | kinds | check | poll | replay | docs")
        deeds.add_parser("list", help="Every connector and how it fares.")
        deeds.add_parser("kinds", help="What can be connected.")
        for deed, said in (
            ("check", "Whether sources can be reached and read; nothing is stored."),
            ("poll", "Read what is new now, without waiting for the interval."),
        ):
            added = deeds.add_parser(deed, help=said)
            added.add_argument("name", nargs="?", metavar="NAME", help="Which connector; without it all that are on.")
        replay = deeds.add_parser("replay", help="Try open dead letters again, as after a mended decoder.")
        replay.add_argument("name", metavar="NAME", help="Whose.")
        replay.add_argument("--limit", type=int, default=0, metavar="N", help="The oldest N of them (all).")
        docs = deeds.add_parser("docs", help="Write the reference of every kind.")
        docs.add_argument("folder", metavar="DIR", type=Path, help="Where to, such as docs/connectors.")

    def handle(self, *args: Any, deed: str, **options: Any) -> None:
        """Do it; end with exit code 1 when anything failed."""
        with plain_errors():
            getattr(self, f"_{deed}")(**options)

    def _list(self, **_: Any) -> None:
        rows: list[tuple[str, ...]] = [("NAME", "KIND", "STATE", "LAST SUCCESS", "DEAD", "WAITING", "LAST ERROR")]
        for one in health.report(timezone.now()):
            heard = one.connector.last_success_at
            when = f"{heard:%Y-%m-%d %H:%M:%S}" if heard else "never"
            counts = (str(one.dead_letters), str(one.pending))
            rows.append((one.connector.name, one.connector.kind, one.state, when, *counts, one.connector.last_error))
        self._table(rows)

    def _kinds(self, **_: Any) -> None:
        self._table([(kind, reference.how(source), source.label) for kind, source in sorted(SOURCES.items())])

    def _check(self, *, name: str | None, **_: Any) -> None:
        self._each(name, self._check_one)

    def _check_one(self, connector: Connector) -> None:
        source = open_source(connector, timezone.now())
        if isinstance(source, Pull):
            source.check()
        self.stdout.write(f"{connector.name}: can be read.")

    def _poll(self, *, name: str | None, **_: Any) -> None:
        self._each(name, lambda connector: poll_aloud(connector, out=self.stdout, progress=self.stderr))

    def _each(self, name: str | None, deed: Any) -> None:
        """Do it to one connector or to all that are on; what fails is reported after the rest was done."""
        failed = []
        for connector in [_polled(name)] if name else _all():
            try:
                deed(connector)
            except DomainError as problem:
                failed.append(f"{connector.name}: {problem.message}")
        if failed:
            raise CommandError("; ".join(failed))

    def _replay(self, *, name: str, limit: int, **_: Any) -> None:
        opened = DeadLetter.objects.filter(connector=_named(name), state=DeadLetterState.OPEN).order_by("id")
        chosen = list(opened.values_list("pk", flat=True)[: limit or None])
        replayed = failed = 0
        for first in range(0, len(chosen), deadletters.BATCH):
            batch = chosen[first : first + deadletters.BATCH]
            replay = deadletters.retry_many(letters=batch, actor=None, now=timezone.now())
            replayed, failed = replayed + replay.replayed, failed + replay.failed
            self.stderr.write(f"{name}: {first + len(batch):,} of {len(chosen):,}")
        self.stdout.write(f"{name}: {replayed:,} replayed, {failed:,} failed again.")
        if failed:
            raise CommandError("What failed again keeps its place; the admin shows why.")

    def _docs(self, *, folder: Path, **_: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        written = reference.pages()
        for page in folder.glob("*.md"):
            if page.name not in written:
                page.unlink()
        for name, text in written.items():
            (folder / name).write_text(text)
        self.stdout.write(f"{len(written)} pages in {folder}.")

    def _table(self, rows: list[tuple[str, ...]]) -> None:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.stdout.write("  ".join(map(str.ljust, row, widths)).rstrip())


def _all() -> list[Connector]:
    on, now = Connector.objects.select_related("origin").filter(enabled=True), timezone.now()
    return [connector for connector in on if connector.kind in SOURCES and is_polled(connector, now)]


def _named(name: str) -> Connector:
    connector: Connector | None = Connector.objects.select_related("origin").filter(name=name).first()
    if connector is None:
        names = ", ".join(Connector.objects.values_list("name", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no connector called {name}. There are: {names}.")
    return connector


def _polled(name: str) -> Connector:
    connector = _named(name)
    if not is_polled(connector, timezone.now()):
        raise CommandError(f"{name} is not polled: its source calls /hooks/{name}.")
    if not connector.enabled:
        raise CommandError(f"{name} is switched off.")
    return connector
