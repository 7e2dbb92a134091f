"""What templates can say beyond Django: icons, times, confidence, Markdown, JSON."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django import template
from django.db.models import Model
from django.template import RequestContext
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from structlog.contextvars import get_contextvars

from accounts.models import Notification
from accounts.permissions import may as table_says
from events.choices import Source
from events.models import Event
from frontend import pictures
from frontend.markdown import quoted, render
from frontend.pictures import Chart
from frontend.story import Story, tell
from rcaplatform.kit.spans import duration

register = template.Library()
DEEPEST = 12
FOLDED = '<details class="json"><summary>{}, {}</summary><ul>{}{}</ul></details>'
UNFOLDED = FOLDED.replace("<details ", "<details open ")
_FORMATS = {"stamp": "%Y-%m-%d %H:%M:%S", "short": "%Y-%m-%d %H:%M", "time": "%H:%M:%S"}
_PLACES = ("page", "after", "before")
_MOST_UNREAD = 100
_NEWEST_FIRST = frozenset({"detected", "updated"})


@register.simple_tag
@cache  # there are few, and a timeline shows a thousand
def icon(name: str) -> SafeString:
    """Return a drawing from the sprite, for the eye alone: a word must stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("frontend/icons.svg"),
        name,
    )


@register.simple_tag
def bar(score: float | None) -> SafeString:
    """Return a confidence from 0 to 1 as a bar; the number must stand beside it."""
    if score is None:
        score = 0.0
    width = f"{min(max(score, 0.0), 1.0):.1%}"
    return format_html('<svg class="bar" aria-hidden="true"><rect width="{}" height="100%"></rect></svg>', width)


@register.filter
def percent(score: float | None) -> str:
    """Return a confidence from 0 to 1 in percent."""
    return "—" if score is None else f"{round(score * 100)} %"


@register.simple_tag
def clock(at: datetime | None, show: str = "full", instead: str = "") -> SafeString:
    """Return a moment in UTC.

    Args:
        at: the moment; None is a dash.
        show: full, stamp (to the second), short (to the minute), time (of day), or ago.
        instead: what to show instead; the full moment is there to be pointed at, as always.
    """
    if at is None:
        return format_html('<span class="soft">{}</span>', "—")
    full = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    shown = ago(at) if show == "ago" else full if show == "full" else f"{at:{_FORMATS[show]}}"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), full, instead or shown)


@register.filter
def ago(at: datetime) -> str:
    """Return how long ago a moment was, in its largest unit."""
    distance = timezone.now() - at
    words = " ".join(duration(abs(distance)).split()[:2])
    if abs(distance) < timedelta(seconds=5):
        return "just now"
    return f"{words} ago" if distance > timedelta(0) else f"in {words}"


@register.simple_tag
def between(earlier: datetime, later: datetime) -> str:
    """Return the time from one moment to another in words."""
    return duration(later - earlier)


@register.filter
def thousands(number: int) -> str:
    """Return a count as people read it: 12,345."""
    return f"{number:,}"


@register.filter
def humane(name: str) -> str:
    """Return an identifier such as ``build_failure`` in words."""
    return name.replace("_", " ")


@register.filter
def words(text: str) -> list[str]:
    """Return the words of a text, to go through them."""
    return text.split()


@register.filter
def item(values: Any, name: str) -> Any:
    """Return what a mapping holds under a name; nothing when it holds none."""
    return values.get(name)


@register.filter
def source_name(source: str) -> str:
    """Return what people call a source."""
    return Source(source).label


@register.filter
def markdown(text: str) -> SafeString:
    """Return Markdown as safe HTML."""
    return render(text)


@register.simple_tag(takes_context=True)
def prose(context: RequestContext, text: str) -> SafeString:
    """Return Markdown as safe HTML; the events it quotes, of those in ``chips`` by id, are links to them."""
    titles: dict[UUID, str] = context.get("chips") or {}
    chips = tuple((str(event), titles[event]) for event in quoted(text) if event in titles)
    return render(text, chips, context.get("here", "") if chips else "")


@register.simple_tag
def unread(user: Any) -> str:
    """Return how many notifications somebody has not read, 99+ where there are many; empty where there are none."""
    number = Notification.objects.unread_of(user, _MOST_UNREAD)
    return f"{_MOST_UNREAD - 1}+" if number >= _MOST_UNREAD else str(number or "")


@register.simple_tag
def story(event: Event) -> Story:
    """Return what an event's data has to say."""
    return tell(title=event.title, source_id=event.source_id, data=event.data)


@register.simple_tag
def charts(event: Event) -> list[Chart]:
    """Return what the findings of an event look like."""
    return pictures.charts(event.data)


@register.simple_tag
def json_tree(value: Any) -> SafeString:
    """Return a JSON value to fold and unfold: its first 1,000 values and 60,000 characters, twelve levels deep."""
    return _branch(value, 0, _Left(values=1_000, characters=60_000))


@dataclass(slots=True)
class _Left:
    """How much may still be shown."""

    values: int
    characters: int

    def take(self, text: str) -> str:
        """Return as much of a text as may be shown."""
        shown = text[: max(self.characters, 0)]
        self.characters -= len(text)
        return shown if shown == text else f"{shown}… {len(text) - len(shown)} more characters"


def _branch(value: Any, depth: int, left: _Left) -> SafeString:
    if not isinstance(value, dict | list) or not value or depth >= DEEPEST:
        text = json.dumps(value, ensure_ascii=False)
        return format_html('<code class="json-{}">{}</code>', type(value).__name__, left.take(text))
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    rows = []
    for name, one in pairs:
        if left.values <= 0 or left.characters <= 0:
            break
        left.values -= 1
        rows.append((left.take(str(name)), _branch(one, depth + 1, left)))
    listed = format_html_join("", "<li><span>{}</span> {}</li>", rows)
    missing = len(pairs) - len(rows)
    more = format_html("<li>{} more</li>", missing) if missing else ""
    frame = FOLDED if depth else UNFOLDED
    return format_html(frame, "object" if isinstance(value, dict) else "list", len(pairs), listed, more)


@register.simple_tag(takes_context=True)
def may(context: RequestContext, verb: str, target: Model) -> bool:
    """Return whether the reader of the page may do ``verb`` to ``target``."""
    return table_says(context["request"].user, verb, target)


@register.simple_tag
def request_id() -> str:
    """Return the id by which this request is found in the logs."""
    return str(get_contextvars().get("request_id", ""))


@register.simple_tag(takes_context=True)
def without(context: RequestContext, name: str) -> str:
    """Return this address's query without one filter, from its first page."""
    query = context["request"].GET.copy()
    for one in (name, *_PLACES):
        query.pop(one, None)
    return f"?{query.urlencode()}"


@register.inclusion_tag("parts/sortable.html", takes_context=True)
def sortable(context: RequestContext, name: str, label: str) -> dict[str, Any]:
    """Return the head of a column to sort by: once what matters first (newest, worst), again the other way round."""
    first, other = (f"-{name}", name) if name in _NEWEST_FIRST else (name, f"-{name}")
    present = context["request"].GET.get("sort", "")
    query = context["request"].GET.copy()
    query.pop("page", None)
    query["sort"] = other if present == first else first
    direction = "descending" if present.startswith("-") else "ascending"
    return {
        "label": label,
        "href": f"?{query.urlencode()}",
        "direction": direction if present.removeprefix("-") == name else "",
    }
