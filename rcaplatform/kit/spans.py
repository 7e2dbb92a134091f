"""Decision: how a length of time is said, and how far from detection something lies. No database here."""

from datetime import timedelta


def offset(distance: timedelta) -> str:
    """Return a distance from detection in short: "t-12m03s", "t+1h02m", "t+3d04h"."""
    sign = "-" if distance < timedelta(0) else "+"
    minutes, seconds = divmod(int(abs(distance).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"t{sign}{days}d{hours:02}h"
    if hours:
        return f"t{sign}{hours}h{minutes:02}m"
    return f"t{sign}{minutes}m{seconds:02}s"


def duration(length: timedelta) -> str:
    """Return a length of time in its two largest units: "40 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    left = max(int(length.total_seconds()), 0)
    for position, (name, size) in enumerate(units):
        if left >= size:
            count, rest = divmod(left, size)
            smaller = rest // units[position + 1][1] if name in ("d", "h") else 0
            return f"{count} {name} {smaller} {units[position + 1][0]}" if smaller else f"{count} {name}"
    return "0 s"
