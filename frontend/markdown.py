"""Decision: how a note's Markdown becomes HTML that is safe to show. No database here."""

from functools import lru_cache

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from rcaplatform.kit.markdown import READER, costly

_TAGS = set("p br hr em strong s code pre blockquote ul ol li a h1 h2 h3 h4 h5 h6 table thead tbody tr th td".split())
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}


@lru_cache(maxsize=256)
def render(text: str) -> SafeString:
    """Return ``text`` as HTML. Raw HTML in it shows as text; pictures and addresses beyond the web fall away.

    What would take seconds to read is shown as it was written. Notes are shown far more often than they change, so
    the last few hundred are remembered.
    """
    if costly(text):
        return format_html("<pre>{}</pre>", text)
    html = nh3.clean(
        READER.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(html)  # noqa: S308 - nh3 has just cleaned it
