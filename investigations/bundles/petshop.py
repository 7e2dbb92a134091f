"""Door: an incident in the layout of the PetShop data set (metrics and a call graph only) becomes a `Scene`.

``DIR/metrics.csv`` has three header rows (node, metric, statistic); ``DIR/target.json`` names the alert under
``target``, which alone is read of it; graph.csv (an adjacency matrix) and noissue/metrics.csv (normal operation) lie
in DIR or up to two folders above.
"""

import csv
import io
from collections import defaultdict
from math import isfinite
from pathlib import Path

import numpy as np

from investigations.bundles.fields import BadBundle, Record, moment, read_json, read_text
from investigations.suspects.scene import Alert, Scene, Series, Window

_ABOVE = 2
_FIRST = 3  # rows of the header
Samples = dict[tuple[str, str], list[tuple[float, float]]]


def fits(folder: Path) -> bool:
    """Tell whether a folder is laid out like this."""
    return (folder / "target.json").is_file() and (folder / "metrics.csv").is_file()


def read(folder: Path) -> Scene:
    """Return the incident in ``folder``.

    Raises:
        BadBundle: a file is malformed or missing.
    """
    target = Record("target.json", 1, read_json(folder / "target.json"))
    alert = Record("target.json, target", 1, target.body.get("target"))
    normal, now = _samples(_above(folder, "noissue/metrics.csv")), _samples(folder / "metrics.csv")
    times = [at for samples in normal.values() for at, _ in samples]
    if not times:
        raise BadBundle("noissue/metrics.csv: there are no samples.")
    return Scene(
        alert=Alert(
            fired_at=alert.time("timestamp"),
            service=alert.text("node"),
            metric=" ".join(filter(None, (alert.text("metric"), alert.text("agg")))),
        ),
        series=tuple(_series(key, normal.get(key, []) + now.get(key, [])) for key in sorted({*normal, *now})),
        calls=_calls(_above(folder, "graph.csv")),
        baseline=Window(min(times), max(times)),
    )


def _above(folder: Path, name: str) -> Path:
    home = folder.resolve()
    for place in (home, *list(home.parents)[:_ABOVE]):
        if (place / name).is_file():
            return place / name
    raise BadBundle(f"{name}: not found in {folder} or {_ABOVE} folders above.")


def _series(key: tuple[str, str], samples: list[tuple[float, float]]) -> Series:
    ordered = np.array(sorted(samples), dtype=np.float64).reshape(-1, 2)
    return Series(service=key[0], metric=key[1], times=ordered[:, 0], values=ordered[:, 1])


def _samples(path: Path) -> Samples:
    rows = list(csv.reader(io.StringIO(read_text(path))))
    if len(rows) < _FIRST or not len(rows[0]) == len(rows[1]) == len(rows[2]):
        raise BadBundle(f"{path.name}: three header rows of one length are expected.")
    keys = list(zip(rows[0], (f"{metric} {kind}" for metric, kind in zip(rows[1], rows[2], strict=True)), strict=True))
    found: Samples = defaultdict(list)
    for place, row in enumerate(rows[_FIRST:], start=_FIRST + 1):
        if not row or not row[0] or not any(row[1:]):
            continue
        for key, value in list(zip(keys, row, strict=False))[1:]:
            try:
                at, number = moment(row[0]), float(value or "nan")
            except ValueError as problem:
                raise BadBundle(f"{path.name}, line {place}: {' '.join(key)}: {problem}.") from problem
            if isfinite(number):
                found[key].append((at, number))
    return found


def _calls(path: Path) -> frozenset[tuple[str, str]]:
    rows = list(csv.reader(io.StringIO(read_text(path))))
    if not rows:
        raise BadBundle("graph.csv: empty.")
    found = set()
    for row in rows[1:]:
        for callee, mark in list(zip(rows[0], row, strict=False))[1:]:
            if mark.strip() not in ("", "0", "0.0"):
                found.add((row[0], callee))
    return frozenset(found)
