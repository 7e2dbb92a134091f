"""Print how often the suspects engine is right, and fail where that falls under what was reached before.

    python -m benchmarks.rca [--incidents ../shared/incidents] [--each 6] [--seed 1]
    python -m benchmarks.rca --write DIR [--kind timeout] [--seed 1]

The given incidents lie beside the repository; without them only made-up ones are scored. The table has a row for
each kind: cases, first (the cause is ranked first; nothing is blamed where nothing is guilty), third (among the first
three), decoys blamed, abstained (no change or service is named at all).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from benchmarks.rca import changes, rollouts, services
from benchmarks.rca.case import Case
from investigations.bundles import petshop, reading
from investigations.suspects import Answer, Scene, rank

# What the engine of version 1 reached, less two cases of a hundred: shares of `first`, by group; `decoys` at the most.
FLOORS = {
    "given bundles": 1.0,
    "given petshop": 0.96,
    "changes": 0.95,
    "services": 0.92,
    "rollouts": 0.95,
    "fault-free": 0.9,
}
MOST_DECOYS = 0.02
BANDS = (0.0, 0.5, 0.7, 0.9, 1.01)


@dataclass
class Row:
    """What was counted of one kind of incidents."""

    cases: int = 0
    first: int = 0
    third: int = 0
    decoys: int = 0
    abstained: int = 0


@dataclass
class Report:
    """What was counted in all."""

    rows: defaultdict[tuple[str, str], Row] = field(default_factory=lambda: defaultdict(Row))
    bands: defaultdict[float, list[bool]] = field(default_factory=lambda: defaultdict(list))
    slowest: float = 0.0

    def count(self, group: str, kind: str, scene: Scene, truth: str, what: str, decoys: list[str]) -> None:
        """Rank one incident and count the outcome. Without a truth nothing must be blamed."""
        began = time.perf_counter()
        answer = rank(scene)
        self.slowest = max(self.slowest, time.perf_counter() - began)
        ranking = [] if what == "change" and answer.no_change_cause else named(answer, what)
        row = self.rows[group, kind]
        row.cases += 1
        row.abstained += not ranking
        row.first += ranking[:1] == [truth] if truth else not ranking
        row.third += truth in ranking[:3] if truth else not ranking
        row.decoys += ranking[0] in decoys if ranking else 0
        if ranking and what == "change":
            score = next(one.score for one in answer.ranking if one.id == ranking[0])
            self.bands[max(band for band in BANDS if band <= score)].append(ranking[0] == truth)

    def share(self, group: str) -> float:
        """Return how often the cause was first in a group."""
        rows = [row for (name, _), row in self.rows.items() if name == group]
        return sum(row.first for row in rows) / max(sum(row.cases for row in rows), 1)

    def show(self) -> list[str]:
        """Print all of it; return what fell short."""
        print(f"{'group':14} {'kind':30} {'cases':>5} {'first':>5} {'third':>5} {'decoys':>6} {'abstained':>9}")
        for (group, kind), row in self.rows.items():
            print(f"{group:14} {kind:30} {row.cases:5} {row.first:5} {row.third:5} {row.decoys:6} {row.abstained:9}")
        print("\nhow sure, and how often right, of changes that were blamed:")
        for low, high in pairwise(BANDS):
            if self.bands[low]:
                right = sum(self.bands[low])
                print(f"  score {low:.1f} to {min(high, 1):.1f}: {right} of {len(self.bands[low])}")
        print(f"slowest: {self.slowest:.1f} s")
        groups = {group for group, _ in self.rows}
        short = [
            f"{name}: {self.share(name):.3f} < {least}"
            for name, least in FLOORS.items()
            if name in groups and self.share(name) < least
        ]
        blamed, cases = sum(row.decoys for row in self.rows.values()), sum(row.cases for row in self.rows.values())
        return short + ([f"decoys blamed: {blamed} of {cases}"] if blamed > MOST_DECOYS * cases else [])


def named(answer: Answer, what: str) -> list[str]:
    """Return what is ranked, of one kind."""
    return [one.id for one in answer.ranking if one.kind == what]


def given(report: Report, incidents: Path) -> None:
    """Score the incidents that lie beside the repository."""
    for path in sorted((incidents / "bundles_truth").glob("*.json")):
        truth = json.loads(path.read_text())
        guilty = "" if truth["root_cause_commit"] == "none" else truth["root_cause_commit"]
        scene = reading.read(incidents / "bundles" / path.stem)
        report.count("given bundles", path.stem, scene, guilty, "change", truth["decoy_deploy_commits"])
    for path in sorted(incidents.glob("petshop/*/t*/issue_*")):
        told = json.loads((path / "target.json").read_text())
        kind = told["target"]["metric"]
        report.count("given petshop", kind, petshop.read(path), told["root_cause"]["node"], "service", [])


def made(each: int, seed: int) -> Iterator[tuple[str, Case]]:
    """Make incidents of each kind, always the same for a seed."""
    for number in range(each):
        for kind in changes.ALL:
            yield "changes", changes.incident(seed * 100_003 + 17 * number, kind)
        for kind in services.KINDS:
            yield "services", services.incident(seed * 100_019 + 100 * number, kind)
        for extra in range(4):
            yield "rollouts", rollouts.incident(seed * 100_043 + 31 * (4 * number + extra))
            yield "fault-free", services.incident(seed * 100_057 + 100 * (4 * number + extra), "none")


def main() -> int:
    """Score everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=Path, default=Path("../shared/incidents"))
    parser.add_argument("--each", type=int, default=6, help="made-up incidents of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="DIR", help="write one made-up incident, and score nothing")
    parser.add_argument("--kind", choices=sorted(changes.ALL), default="timeout", help="of that incident")
    options = parser.parse_args()
    if options.write:
        changes.incident(options.seed, options.kind).write(options.write)
        return 0
    report = Report()
    if options.incidents.is_dir():
        given(report, options.incidents)
    else:
        print(f"{options.incidents} is absent: only made-up incidents are scored.")
    for group, case in made(options.each, options.seed):
        with tempfile.TemporaryDirectory() as folder:
            case.write(Path(folder))
            scene = reading.read(Path(folder))
        what = "change" if group in ("changes", "rollouts") else "service"
        report.count(group, case.kind, scene, case.change if what == "change" else case.service, what, case.decoys)
    short = report.show()
    for line in short:
        print(f"FELL SHORT  {line}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    raise SystemExit(main())
