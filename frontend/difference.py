"""Questions: what is different about an incident, as the canvas shows it when it is asked to. They never write."""

from datetime import timedelta
from typing import Any

from investigations import comparing
from investigations.models import Investigation

MINUTES = (10, 30, 120)
SHOWN = 8  # each way; the API tells more


def panel(investigation: Investigation, minutes: str) -> dict[str, Any]:
    """Return what the panel needs: the lengths to choose from, and the comparison where one is chosen."""
    chosen = next((length for length in MINUTES if str(length) == minutes), 0)
    context: dict[str, Any] = {"difference_lengths": [(length, length == chosen) for length in MINUTES]}
    if not chosen:
        return context
    window, baseline = comparing.usual_spans(comparing.onset_of(investigation), timedelta(minutes=chosen))
    found = comparing.compared(investigation, window, baseline)
    told = found.differences
    few = [one for one in told.populations if not one.compared]
    ways = [("More than before", told.more[:SHOWN]), ("Less than before", told.less[:SHOWN])]
    return context | {"difference": found, "difference_ways": [way for way in ways if way[1]], "difference_few": few}
