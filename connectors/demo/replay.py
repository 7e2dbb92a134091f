"""Deed: tell of an incident of the demo as if it happened right now, at a speed, so that it can be watched."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from accounts.models import User
from connectors.demo import playing
from connectors.demo.plot import Plot, Told
from investigations import linking
from investigations.models import Investigation

# What happened longer before the detection is left out: nobody would wait for the rest.
PRELUDE = timedelta(minutes=30)


def hastened(plot: Plot, speed: float) -> Plot:
    """Return a plot that begins when it is detected, and goes on so many times as fast."""
    told = [one for one in plot.told if one.at >= -PRELUDE]
    first = told[0].at
    return replace(
        plot,
        onset=timedelta(0),
        values={**plot.values, "title": f"{plot.values['title']} (replay)"},
        told=tuple(replace(one, at=(one.at - first) / speed) for one in told),
    )


def begin(*, plot: Plot, engineer: User, now: datetime) -> Investigation:
    """Open the investigation that what is told from now on will be linked to."""
    return playing.open_case(plot=plot, detected=now, engineer=engineer)


def stream(
    *, plot: Plot, start: datetime, clock: Callable[[], datetime], sleep: Callable[[float], None]
) -> Iterator[Told]:
    """Tell, store and link one thing after another, each when its time has come; yield it once that is done.

    Each is told by itself, so whoever stops in between leaves nothing half done.

    Args:
        plot: what happens, by the time since its ``start``.
        start: when it begins.
        clock: says what time it is.
        sleep: waits for so many seconds.
    """
    run = f"replay-{start:%Y%m%dT%H%M%S%f}"
    for one in plot.told:
        if (wait := (start + one.at - clock()).total_seconds()) > 0:
            sleep(wait)
        playing.tell(plot=plot, told=[one], detected=start, run=run, now=clock())
        while linking.link_pending(now=clock()):
            pass
        yield one
