"""Decision: what an anomaly looks like and how bad it is. No database here."""

from collections.abc import Sequence

from connectors.anomaly.detector import Reading
from connectors.anomaly.kinds import DOWN, UP, Kind
from events.choices import Severity

_WORSE = [Severity.LOW, Severity.MEDIUM, Severity.HIGH]
# Times the usual range between its 5th and 95th percentile, beyond its border.
_FAR, _VERY_FAR = 1.0, 4.0
LASTING = 15 * 60
FLAT = 20
SHIFTED = 6


def shape_of(recent: Sequence[float], reading: Reading) -> str:
    """Say what the newest sample looks like beside those before it."""
    value = recent[-1]
    if value == 0 and reading.low > 0:
        return "drop to zero"
    if len(recent) > FLAT and len(set(recent[-FLAT:])) == 1 and reading.high > reading.low:
        return "flatline"
    last = recent[-SHIFTED:]
    if len(last) == SHIFTED and (min(last) > reading.high or max(last) < reading.low):
        return "shift up" if value > reading.high else "shift down"
    if value > reading.high:
        return "spike"
    return "dip" if value < reading.low else "unusual pattern"


def distance(value: float, reading: Reading) -> float:
    """Return how far beyond the usual a value is, in widths of the usual range; 0 within it."""
    beyond = max(value - reading.high, reading.low - value, 0.0)
    width = reading.high - reading.low or abs(reading.expected) or 1.0
    return beyond / width


def severity_of(kind: Kind, value: float, reading: Reading, *, lasted: float = 0.0) -> Severity:
    """Return how bad it is: by how far it is from the usual and how long it has been so, for the kind of its metric.

    Args:
        lasted: seconds since it began. From a quarter of an hour on it is one degree worse.
    """
    good = (kind.worse == UP and value < reading.expected) or (kind.worse == DOWN and value > reading.expected)
    if good:
        return Severity.INFO
    far = distance(value, reading)
    degree = (far >= _FAR) + (far >= _VERY_FAR) + (lasted >= LASTING and far > 0)
    return _WORSE[min(degree, len(_WORSE) - 1)]


def in_words(value: float, reading: Reading) -> str:
    """Say what is unlike before."""
    usual = f"usually {short(reading.low)} to {short(reading.high)}"
    odd = [view for view, surprise in reading.views.items() if surprise > 2]
    why = {
        "level": "its level is not what it was",
        "novelty": "no such value was seen before",
        "drift": "its mean is one that was not seen before",
        "hour": "it is unlike this hour on other days",
        "shape": "no stretch of the past looks like this one",
    }
    return f"{short(value)}, {usual}; " + (
        ", ".join(why[view] for view in odd) or "several views are surprised a little"
    )


def short(value: float) -> str:
    """Return a number with three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
