"""The detector of metric anomalies: what it scores on public series, what a sample costs, what it remembers.

    python -m benchmarks.anomaly [--incidents ../shared/incidents]

The scorer and the series lie beside the repository. Without them, only the costs are measured, on made-up series.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from connectors.anomaly.detector import THRESHOLD, Detector


def costs() -> None:
    """Print what a sample costs and what a detector remembers, when it has seen 10,000 samples."""
    rng = np.random.default_rng(7)
    values = 100 + 20 * np.sin(np.arange(10_000) / 46) + rng.normal(0, 3, 10_000)
    detector = Detector()
    began = time.perf_counter()
    for place, value in enumerate(values):
        detector.update(1.9e9 + 300 * place, float(value))
    each = (time.perf_counter() - began) / len(values)
    print(f"{each * 1e6:.0f} µs a sample, {detector.state().nbytes / 1024:.0f} KiB a series")


def score(incidents: Path) -> None:
    """Print the scorer's report with the frozen threshold, and with the best one."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        data = incidents / "series" / "data"
        subprocess.run(
            [sys.executable, "manage.py", "detect_anomalies", "--series", data, "--out", out],
            check=True,
            capture_output=True,
        )
        for given in (["--threshold", str(THRESHOLD)], []):
            command = [sys.executable, incidents / "score_series.py", "--answers", out, "--data", data]
            command += ["--truth", incidents / "series_truth", *given]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print("threshold frozen:" if given else "threshold optimised:", json.dumps(_parsed(said)))


def _parsed(said: str) -> object:
    try:
        return json.loads(said)
    except json.JSONDecodeError:
        return said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=Path, default=Path("../shared/incidents"))
    given = parser.parse_args().incidents
    costs()
    if given.is_dir():
        score(given)
    else:
        print(f"{given} is absent: nothing is scored.")
