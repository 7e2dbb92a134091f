"""Whether a git that says nothing is at work: what its processes move and compute, by /proc. No database here."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
SESSION, TIMES = 3, slice(11, 13)  # fields of /proc/N/stat after the name: its session, its seconds of computing

Sign = tuple[str, ...]


class Watch:
    """Counts the seconds in which no git of a session gave a sign of life."""

    def __init__(self, session: int) -> None:
        self.session = session
        self.idle = 0.0
        self._seen: frozenset[Sign] = frozenset()

    def idle_after(self, silence: float) -> float:
        """Return how long none has moved a byte or computed, ``silence`` seconds after the last such question.

        It is 0 where that cannot be told: without /proc, or where it hides what a process reads.
        """
        signs = frozenset(_signs(self.session))
        self.idle = self.idle + silence if signs and signs == self._seen else 0.0
        self._seen = signs
        return self.idle


def _signs(session: int) -> Iterator[Sign]:
    """Yield what each git has done. Its ssh is left out: that is busy with keeping the line to a silent host open."""
    for process in PROC.iterdir() if PROC.is_dir() else ():
        if process.name.isdigit():
            with suppress(OSError):  # it ended meanwhile, or is another user's
                name, _, rest = (process / "stat").read_text().rpartition(")")
                fields = rest.split()
                if int(fields[SESSION]) == session and name.partition("(")[2].startswith("git"):
                    moved = (process / "io").read_text().splitlines()[:2]  # bytes read and written, pipes included
                    yield (process.name, *fields[TIMES], *moved)
