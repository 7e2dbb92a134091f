"""One made-up incident with its truth, and how it is written to a folder."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def iso(at: float) -> str:
    """Return a moment as the files tell it."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


@dataclass
class Case:
    """An incident. ``change`` is the guilty commit and ``service`` the guilty service, empty where there is none."""

    kind: str
    alert: dict[str, Any]
    service: str = ""
    change: str = ""
    decoys: list[str] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    spans: list[dict[str, Any]] = field(default_factory=list)
    commits: list[dict[str, Any]] = field(default_factory=list)
    deploys: list[dict[str, Any]] = field(default_factory=list)
    flags: list[dict[str, Any]] = field(default_factory=list)
    graph: list[tuple[str, str]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write it in the format of the incidents."""
        (folder / "context").mkdir(parents=True, exist_ok=True)
        (folder / "alert.json").write_text(json.dumps(self.alert))
        for name, body in (("commits", self.commits), ("deploys", self.deploys), ("flags", self.flags)):
            if body:
                (folder / "context" / f"{name}.json").write_text(json.dumps(body))
        if self.spans:
            (folder / "traces.json").write_text(json.dumps(self.spans))
        if self.logs:
            (folder / "logs.ndjson").write_text("".join(json.dumps(one) + "\n" for one in self.logs))
        if self.metrics:
            with (folder / "metrics.csv").open("w", newline="") as file:
                columns = list(dict.fromkeys(name for row in self.metrics for name in row))
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(self.metrics)
        if self.graph:
            with (folder / "graph.csv").open("w", newline="") as file:
                csv.writer(file).writerows([("caller", "callee"), *self.graph])
