"""Question: is there room for more events? A door whose client can wait asks before it takes any."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from events.models import Event
from rcaplatform.kit.errors import Busy

LOOK_EVERY = 1.0  # seconds; so long a process trusts what it saw
LONGEST = 60  # seconds to ask a client to wait at most


@dataclass(slots=True)
class Watch:
    """What a process last saw of the linking queue."""

    looked: float = float("-inf")
    seconds: int = 0

    def look(self, limit: int) -> int:
        """Return the seconds after which to try again, 0 when there is room. Asks the database once a second."""
        if time.monotonic() - self.looked >= LOOK_EVERY:
            self.seconds = wait_for_room(limit)
            self.looked = time.monotonic()
        return self.seconds


watch = Watch()


def require_room() -> None:
    """Refuse more events while too many wait to be linked. What is stored already is never dropped.

    A call that is let in is stored whole, so the queue can pass its limit by what arrives within a second.

    Raises:
        Busy: the queue passes ``EVENT_QUEUE_LIMIT``; says when to try again.
    """
    limit = settings.EVENT_QUEUE_LIMIT
    if limit and (seconds := watch.look(limit)):
        raise Busy(f"Over {limit:,} events wait to be linked: send this again in {seconds} s.", seconds=seconds)


def wait_for_room(limit: int) -> int:
    """Return in how many seconds half of the queue will have been worked off, 0 when it is within ``limit``.

    Whatever waits at its head has seen all before it go, so the age of that is the time of one passage.
    """
    queue = Event.objects.unlinked()
    if not queue.values_list("pk")[limit : limit + 1]:
        return 0
    oldest = queue.values_list("received_at", flat=True).first()
    age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    return max(1, min(LONGEST, round(age / 2)))
