"""Decision: how a note's Markdown becomes HTML that is safe to show. No database here."""

import re
from functools import lru_cache
from uuid import UUID

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it.rules_inline import StateInline

from rcaplatform.kit.markdown import costly, reader

CHIP = re.compile(r"\[\[([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\]\]")
MOST_CHIPS = 200


def quoted(*texts: str) -> list[UUID]:
    """Return the ids of the events that texts quote as ``[[id]]``, each once, at most 200."""
    return [UUID(found) for found in dict.fromkeys(found for text in texts for found in CHIP.findall(text))][
        :MOST_CHIPS
    ]


def _chip(state: StateInline, silent: bool) -> bool:
    """Read ``[[id]]`` as a link to an event that the caller knows; any other stays the text it is."""
    found = CHIP.match(state.src, state.pos)
    name = found and state.env.get("chips", {}).get(found[1])
    if not found or name is None:
        return False
    if not silent:
        opening = state.push("link_open", "a", 1)
        opening.attrs = {"href": f"{state.env['here']}?event={found[1]}#details", "class": "event-chip"}
        state.push("text", "", 0).content = name
        state.push("link_close", "a", -1)
    state.pos += len(found[0])
    return True


_READER = reader()
_READER.inline.ruler.before("link", "chip", _chip)
_TAGS = set("p br hr em strong s code pre blockquote ul ol li a h1 h2 h3 h4 h5 h6 table thead tbody tr th td".split())
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}


@lru_cache(maxsize=256)
def render(text: str, chips: tuple[tuple[str, str], ...] = (), here: str = "") -> SafeString:
    """Return ``text`` as HTML. Raw HTML in it shows as text; pictures and addresses beyond the web fall away.

    What would take seconds to read is shown as it was written. Notes are shown far more often than they change, so
    the last few hundred are remembered.

    Args:
        text: what somebody wrote.
        chips: id and title of each event it may link to, written as ``[[id]]``.
        here: the address of the canvas those links lead to.
    """
    if costly(text):
        return format_html("<pre>{}</pre>", text)
    html = nh3.clean(
        _READER.render(text, {"chips": dict(chips), "here": here}),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes={"a": {"event-chip"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(html)  # noqa: S308 - nh3 has just cleaned it
