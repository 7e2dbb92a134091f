"""Everything `make bench` measures, in one go: `python -m benchmarks [--events 1000000] [--keep FOLDER] ...`.

First the programs that measure one way in or one worker each, on servers of their own; then how fast it all is read
(`benchmarks.reads`, which takes the options). The table of the reads comes last.
"""

import subprocess
import sys
from importlib.util import find_spec

from benchmarks.reads import run
from benchmarks.report import table

PROGRAMS = ("ingest", "otlp", "linking", "tokens", "mixed")
LONGEST = 300  # seconds a program may take


def main() -> None:
    """Run one after another; what fails says so, and the rest goes on."""
    for name in PROGRAMS:
        if find_spec(f"benchmarks.{name}"):
            print(f"\n== {name}", flush=True)
            command = [sys.executable, "-m", f"benchmarks.{name}"]
            try:
                subprocess.run(command, check=True, timeout=LONGEST)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
                print(f"{name} was not measured: {problem}", flush=True)
    print("\n== reads", flush=True)
    print(table(run()))


if __name__ == "__main__":
    main()
