"""How long processes were on a processor, which neighbours lengthen less than the time on the clock."""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def spent(pid: int) -> float:
    """Return the seconds of one process, with those of its children that have ended; 0 when it has ended itself."""
    with contextlib.suppress(OSError):
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        return sum(map(int, times)) / TICKS
    return 0.0


def children(pid: int) -> list[int]:
    """Return the processes that a process started itself."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def matching(belongs: Callable[[Path], bool]) -> Iterable[int]:
    """Yield each process that is recognised by its directory in /proc."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and belongs(entry):
                yield int(entry.name)
