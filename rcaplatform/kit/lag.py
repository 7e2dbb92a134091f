"""Decision: how far a standby may be behind its primary, from what both said over time. No clock, no database here.

Positions are bytes of the write-ahead log, times are seconds of one clock. PostgreSQL tells when the last transaction
was that a standby replayed, but not whether there was another since: on a quiet primary that would look like a lag, and
a standby whose line is cut would look up to date. So the primary is asked where it is, and that is held against the
standby: a standby that has passed a position knows everything that was committed when the primary was there.
"""

from collections import deque

MOST = 1_000  # positions that wait to be passed
PAGE, HEADER = 8_192, 40  # bytes of a page of the log, and of the longest header one may begin with


def end_of_log(position: int) -> int:
    """Return where the last record ends, given where the next one will begin.

    On a fresh page those differ by its header, and a standby on a quiet primary would seem not to get there.
    """
    into = position % PAGE
    return position - into if into <= HEADER else position


class Lag:
    """What is known of one standby.

    Attributes:
        position: how far it has replayed the log.
    """

    def __init__(self) -> None:
        self.position = -1
        self._since = float("-inf")
        self._ahead: deque[tuple[float, int]] = deque()

    def note(self, at: float, primary: int, standby: int) -> None:
        """Note that the primary was at a position ``at`` some time, and the standby, asked after that, at another."""
        self._ahead.append((at, primary))
        if len(self._ahead) > MOST:  # far behind: every second one will do, the oldest among them
            self._ahead = deque(list(self._ahead)[::2])
        self.replayed(standby)

    def replayed(self, standby: int) -> None:
        """Note how far the standby is."""
        self.position = max(self.position, standby)
        while self._ahead and self._ahead[0][1] <= self.position:
            self._since, _ = self._ahead.popleft()

    def seconds(self, now: float) -> float:
        """Return for how long, at most, the standby has missed what was committed; infinite while nothing is known."""
        return now - self._since
