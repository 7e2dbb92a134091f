"""Door: judge metric series in files, one sample after the other."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connectors.anomaly.detector import THRESHOLD, Detector


class Command(BaseCommand):
    """Each file is judged by itself; the score of a sample comes of that sample and earlier ones alone."""

    help = (
        "Score every sample of metric series: CSV files with the columns timestamp and value, in a folder or below it. "
        f"An anomaly is a score of {THRESHOLD} or more."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--series", required=True, type=Path, metavar="DIR", help="Where the series are.")
        parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="Where to write the same files to.")

    def handle(self, *args: Any, series: Path, out: Path, **options: Any) -> None:
        """Write timestamp, value and score of each sample."""
        files = sorted(series.rglob("*.csv"))
        if not files:
            raise CommandError(f"There is no CSV file in {series}.")
        alarms = 0
        for place, path in enumerate(files, start=1):
            name = path.relative_to(series)
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                rows = list(_judged(path))
            except (KeyError, ValueError, OSError) as problem:
                raise CommandError(f"{name}: {problem}") from problem
            with target.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["timestamp", "value", "score"])
                writer.writerows(rows)
            found = sum(float(score) >= THRESHOLD for _, _, score in rows)
            alarms += found
            self.stderr.write(f"{place} of {len(files)}: {name}, {len(rows):,} samples, {found} anomalies")
        self.stdout.write(f"{len(files)} series, {alarms} anomalies, in {out}.")


def _judged(path: Path) -> Iterator[tuple[str, str, str]]:
    detector = Detector()
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        missing = {"timestamp", "value"} - set(rows.fieldnames or ())
        if missing:
            raise ValueError(f"the column {min(missing)} is missing.")
        for row in rows:
            reading = detector.update(_seconds(row["timestamp"]), float(row["value"] or "nan"))
            yield row["timestamp"], row["value"], f"{reading.score:.6f}"


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
