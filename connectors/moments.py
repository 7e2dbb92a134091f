"""Decision: when something happened, by a time in any format and unit that monitoring tools write. No clock here."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# Up to which magnitude a Unix time is in seconds, milliseconds, microseconds; above, in nanoseconds.
_UNITS = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))
_NUMBER = re.compile(r"\d{9,19}(\.\d{1,9})?")
_ISO = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)[T ]+(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"(?:\s*(Z|UTC|GMT|[+-]\d\d[:.]?\d\d)(?: [A-Z]{3,5})?)?"
)
# Sat Oct 26 23:20:39 UTC 2024, as `date` prints it.
_UNIX_DATE = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)(?: (?:UTC|GMT|Z))? (\d{4})")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def moment(value: Any) -> datetime | None:
    """Return the time that ``value`` says, in UTC, or nothing when it says none from 1990 to 2199.

    A Unix time is in the unit its magnitude tells. A time without an offset is taken as UTC. A date alone is no time.
    """
    try:
        found = _read(value)
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None
    return found if found and EARLIEST <= found < LATEST else None


def _read(value: Any) -> datetime | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _unix(value)
    if not isinstance(value, str) or not 9 <= len(text := value.strip()) <= 60:
        return None
    if _NUMBER.fullmatch(text):
        return _unix(float(text) if "." in text else int(text))
    if iso := _ISO.fullmatch(text):
        return _iso(*iso.groups())
    if unix := _UNIX_DATE.fullmatch(text):
        text = "{1} {0} {5} {2}:{3}:{4}".format(*unix.groups())
    told = parsedate_to_datetime(text)  # RFC 2822: Thu, 29 Feb 2024 11:48:32 GMT
    return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)


def _unix(number: float) -> datetime | None:
    for limit, per_second in _UNITS:
        if abs(number) < limit:
            whole, rest = divmod(number, per_second)
            fraction = rest * 10**6 / per_second
            micro = int(fraction) if isinstance(number, int) else round(fraction)  # a float ends in too many digits
            return datetime.fromtimestamp(int(whole), UTC) + timedelta(microseconds=micro)
    return None


def _iso(*parts: str | None) -> datetime:
    year, month, day, hour, minute, second = (int(part or 0) for part in parts[:6])
    fraction, offset = parts[6] or "", parts[7] or ""
    at = datetime(year, month, day, hour, minute, second, int(fraction[:6].ljust(6, "0")), tzinfo=UTC)
    if offset[:1] not in {"+", "-"}:
        return at
    digits = re.sub(r"\D", "", offset)
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return at - shift if offset[0] == "+" else at + shift
