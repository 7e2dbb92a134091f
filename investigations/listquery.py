"""Decision: which queries of the list of investigations may be kept, and how one is written. No database here."""

from collections.abc import Iterable
from datetime import date
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from investigations.choices import CauseCategory, ImpactSeverity, Priority, Status
from rcaplatform.kit.errors import Invalid

LONGEST = 4_000  # characters, percent-encoded
MOST_PARTS = 50
_TEXTS = {"q": 200, "service": 200, "component": 200}  # characters
_DAYS = frozenset({"detected_from", "detected_to", "resolved_from", "resolved_to"})
_SEVERAL = "without"  # what may be given more than once
_ORDERS = ("detected", "severity", "priority", "updated")
_CHOICES = {
    "status": frozenset({"active", *Status.values}),
    "severity": frozenset(ImpactSeverity.values),
    "priority": frozenset(Priority.values),
    "cause": frozenset(CauseCategory.values),
    _SEVERAL: frozenset({"service", "component", "cause"}),
    "sort": frozenset(f"{sign}{order}" for sign in ("", "-") for order in _ORDERS),
}
# In the order in which they are written. Which page somebody was on is no part of what they looked for.
NAMES = (
    *("q", "status", "severity", "priority", "service", "assignee", "component", "cause", _SEVERAL),
    *("detected_from", "detected_to", "resolved_from", "resolved_to", "sort"),
)
_PLACE = "page"


def normalised(query: str) -> str:
    """Return a query so that two which find the same in the same order read the same: `status=active&sort=-updated`.

    Raises:
        Invalid: it is empty, too long, or names a filter or a value that the list does not have.
    """
    if len(query) > LONGEST:
        raise _refused(f"This is longer than {LONGEST} characters.")
    try:
        parts = parse_qsl(query.removeprefix("?"), max_num_fields=MOST_PARTS, errors="strict")
    except ValueError as problem:
        raise _refused("This is not a query string such as status=active&priority=p1.") from problem
    values = _checked((name, value.strip()) for name, value in parts if name != _PLACE)
    if not values:
        raise _refused("Filter, search or sort first: without that, this is the list itself.")
    return urlencode([(name, value) for name in NAMES for value in sorted(values.get(name, ()))])


def _checked(parts: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    values: dict[str, set[str]] = {}
    for name, value in parts:
        if name not in NAMES:
            raise _refused(f"There is no filter {name[:50]!r}; there are {', '.join(NAMES)}.")
        if name in values and name != _SEVERAL:
            raise _refused(f"{name}: give this once.")
        if value and not _fits(name, value):
            raise _refused(f"{name}: the list does not know this value.")
        if value:
            values.setdefault(name, set()).add(value)
    return values


def _fits(name: str, value: str) -> bool:
    if name in _TEXTS:
        return len(value) <= _TEXTS[name] and "\x00" not in value
    if name in _DAYS:
        return _is_day(value)
    return _is_person(value) if name == "assignee" else value in _CHOICES[name]


def _is_day(value: str) -> bool:
    try:
        return str(date.fromisoformat(value)) == value
    except ValueError:
        return False


def _is_person(value: str) -> bool:
    """Return whether this can be somebody's id; null is nobody's."""
    try:
        return value == "null" or str(UUID(value)) == value
    except ValueError:
        return False


def _refused(why: str) -> Invalid:
    return Invalid(why, fields={"query": why})
