"""How fast each kind of source is understood and stored: `python -m benchmarks.connectors [--payloads FOLDER]`.

FOLDER holds recorded payloads by vendor, which are read in place; where there are none, samples made after the protocol
stand in, and a kind with neither is named. Starts a durable PostgreSQL and a Redis of its own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.ingest import ROOT, stores


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--payloads", type=Path, help="a folder called payloads")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rca-bench-") as folder, stores(Path(folder)) as environment:
        command = [sys.executable, "-m", "benchmarks.connectors_store", str(options.rounds)]
        if options.payloads:
            payloads = options.payloads.resolve(strict=True)
            command.append(str(payloads))
            environment |= {"RCA_SHARED": str(payloads.parent)}
        environment |= {"LOG_LEVEL": "ERROR"}
        ended = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    print(f"load average {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    sys.exit(ended)


if __name__ == "__main__":
    main()
