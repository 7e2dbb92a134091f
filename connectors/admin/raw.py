"""Door for administrators: raw bytes as a page can show them."""

from contextlib import suppress

import orjson
from django.utils.html import format_html
from django.utils.safestring import SafeString

SHOWN, PARSED = 20_000, 1_000_000


def shown(raw: bytes) -> SafeString:
    """Return raw bytes as text, JSON with indentation, cut where a page would become heavy."""
    text = raw[:SHOWN].decode(errors="replace").replace("\x00", "\ufffd")
    whole = len(raw) <= SHOWN
    if len(raw) <= PARSED:
        with suppress(orjson.JSONDecodeError):
            text = orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()
            whole = len(text) <= SHOWN
    return format_html("<pre>{}{}</pre>", text[:SHOWN], "" if whole else f"\n… {len(raw):,} bytes in all")
