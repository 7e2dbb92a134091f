"""How soon events come again when a source that was away is back: `python -m benchmarks.recovery [--trials 10]`.

A server of alerts on loopback is away, first refusing connections and then answering 503, and comes back while its
connector is being polled; the seconds from then to its first stored event are measured. Then the same after so long
that its circuit breaker opened: the connector rests for a minute before one call is let through. Polls run in one
process as a worker runs them, and what is due is looked for as often as the product does it.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.ingest import ROOT, stores


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--away", type=float, default=4.0, help="the longest a source is away, in seconds")
    parser.add_argument("--breakers", type=int, default=1, help="trials with an opened breaker, over a minute each")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rca-bench-") as folder, stores(Path(folder)) as environment:
        given = [options.trials, options.away, options.breakers, options.seed]
        command = [sys.executable, "-m", "benchmarks.recovery_polls", *map(str, given)]
        sys.exit(subprocess.run(command, cwd=ROOT, env=environment | {"LOG_LEVEL": "CRITICAL"}, check=False).returncode)


if __name__ == "__main__":
    main()
