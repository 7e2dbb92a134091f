"""Door for administrators: raw bytes as a page can show them."""

from contextlib import suppress
from difflib import unified_diff

import orjson
from django.utils.html import format_html
from django.utils.safestring import SafeString

SHOWN, PARSED = 20_000, 1_000_000
EDITED = 1_000_000


def as_text(raw: bytes) -> str | None:
    """Return raw bytes as text that a form can hold and give back unchanged, or nothing."""
    try:
        return raw.decode() if len(raw) <= EDITED else None
    except UnicodeDecodeError:
        return None


def difference(before: bytes, after: bytes) -> SafeString:
    """Return what was changed, a line each, as JSON with indentation where it is JSON."""
    old, new = (_laid_out(raw).splitlines() for raw in (before, after))
    lines = list(unified_diff(old, new, "as it came", "as edited", lineterm="", n=2))
    return format_html("<pre>{}</pre>", "\n".join(lines)[:SHOWN])


def _laid_out(raw: bytes) -> str:
    if len(raw) <= PARSED:
        with suppress(orjson.JSONDecodeError):
            return orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()
    return raw.decode(errors="replace").replace("\x00", "\ufffd")


def shown(raw: bytes) -> SafeString:
    """Return raw bytes as text, JSON with indentation, cut where a page would become heavy."""
    text = raw[:SHOWN].decode(errors="replace").replace("\x00", "\ufffd")
    whole = len(raw) <= SHOWN
    if len(raw) <= PARSED:
        with suppress(orjson.JSONDecodeError):
            text = orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()
            whole = len(text) <= SHOWN
    return format_html("<pre>{}{}</pre>", text[:SHOWN], "" if whole else f"\n… {len(raw):,} bytes in all")
