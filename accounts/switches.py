"""Question: did an operator switch this off? Asked before work that can wait, and at doors that can refuse.

Each process looks at the table every two seconds and trusts what it saw meanwhile, so asking costs nothing. While the
database does not answer, what was seen last holds; a process that never saw it takes everything to be on.
"""

import time
from dataclasses import dataclass

import structlog
from django.db import Error

from accounts.models import Feature, Switch
from rcaplatform.kit.errors import Unavailable

log = structlog.get_logger(__name__)
LOOK_EVERY = 2.0  # seconds
RETRY_AFTER = 60  # seconds that a client is asked to wait


class SwitchedOff(Unavailable):
    """An operator switched this off for now: try again later."""

    code = "switched_off"

    def __init__(self, feature: Feature) -> None:
        super().__init__(f"Switched off for now by an operator: {feature.label}.")
        self.headers = {"Retry-After": str(RETRY_AFTER)}


@dataclass(slots=True)
class Watch:
    """What this process last saw of the table."""

    looked: float = float("-inf")
    off: frozenset[str] = frozenset()

    def look(self) -> frozenset[str]:
        """Return the features that are off."""
        if time.monotonic() - self.looked >= LOOK_EVERY:
            self.looked = time.monotonic()
            try:
                self.off = frozenset(Switch.objects.order_by().values_list("feature", flat=True))
            except Error as problem:
                log.warning("switches.unseen", error=type(problem).__name__)
        return self.off

    def forget(self) -> None:
        """Look anew when asked next."""
        self.looked = float("-inf")


watch = Watch()


def is_on(feature: Feature) -> bool:
    """Tell whether a feature is on, as of two seconds ago at most."""
    return feature not in watch.look()


def require(feature: Feature) -> None:
    """Go on only when a feature is on.

    Raises:
        SwitchedOff: it is not; says when to try again.
    """
    if not is_on(feature):
        raise SwitchedOff(feature)
