"""Questions: what the page of the design system shows. Tokens and drawings come from the files that pages use; the
rest is made up, kept nowhere, and handed to the templates that the pages are made of."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from events.choices import Severity, Source
from events.models import Event
from frontend.canvas import Facet
from frontend.charts import Column, Columns, Series, columns
from frontend.forms import FindingsForm, InvestigationForm
from frontend.pictures import Bar, waterfall
from frontend.timeline import Mark, Row, rows
from investigations.choices import LinkState, Status
from investigations.models import Investigation, Link

_FILES = Path(__file__).parent / "static" / "frontend"
_TOKEN = re.compile(r"--([a-z0-9-]+):\s*([^;]+);")
_KINDS = {"text": "texts", "gap": "gaps"}
_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_DAYS = 14
_MARKDOWN = """Prose is **Markdown**: a [link](https://example.org), `code`, *emphasis*.

> A quote.

- one
- two

```
a block of code
```
"""


@dataclass(frozen=True, slots=True)
class Token:
    """A custom property of the stylesheet: its name without the dashes, and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Filters as a list has them that they leave nothing of: name, label and value of each."""

    active: list[tuple[str, str, str]]


def page(chosen: str) -> dict[str, Any]:
    """Return what the page shows; ``chosen`` is the id of the row that is marked."""
    return {
        "tokens": tokens(),
        "icons": icons(),
        "severities": list(Severity),
        "statuses": list(Status),
        "rows": _timeline(),
        "chosen": chosen,
        "choose": "?event=",
        "mode": "absolute",
        "chart": _columns(),
        "metric": _metric(),
        "spans": _spans(),
        "form": _form(),
        "findings": FindingsForm(instance=Investigation(root_cause="The pool of connections was too small.")),
        "asked": Asked([("q", "Search", "timeout"), ("status", "Status", "Closed")]),
        "no_filters": Asked([]),
        "suspected": 0.82,
        "chart_at": _NOON,
        "markdown": _MARKDOWN,
        "nothing": columns([Series("low", "Low", [0])], [Column("2 Mar", "2 Mar 2026", "#charts")], stacked=True),
        "trace": _event(60, source=Source.TRACES, title="charge"),
        "facets": [Facet(one.value, str(one.label), 7, one == Severity.HIGH) for one in Severity],
        "health": {"on": "On", "failing": "Failing", "resting": "Resting", "off": "Switched off"},
        "save_states": {
            "saving": "Saving",
            "kept": "Not saved yet: kept in this browser",
            "bad": "Conflict: both texts are kept, choose one",
        },
    }


@cache  # the files change with the version alone
def tokens() -> dict[str, list[Token]]:
    """Return the tokens of the stylesheet by what they are: colours, texts (their sizes), gaps, and others."""
    found: dict[str, list[Token]] = {"colours": [], "texts": [], "gaps": [], "others": []}
    for name, value in _TOKEN.findall((_FILES / "css" / "tokens.css").read_text(encoding="utf-8")):
        colour = value.startswith("light-dark(")
        kind = "colours" if colour else _KINDS.get(name.partition("-")[0], "others")
        found[kind].append(Token(name, " ".join(value.split())))
    return found


@cache
def icons() -> list[str]:
    """Return the name of each drawing of the sprite."""
    return re.findall(r'<symbol id="([a-z-]+)"', (_FILES / "icons.svg").read_text(encoding="utf-8"))


def _event(number: int, **said: Any) -> Event:
    return Event(
        **{
            "id": UUID(int=number),
            "timestamp": _NOON + timedelta(minutes=number),
            "service": "payments",
            "event_type": "error",
            "data": {},
            "source_id": f"sample-{number}",
            **said,
        }
    )


def _timeline() -> list[Row]:
    """Return rows of each kind, oldest first: each severity, and each way a link can stand."""
    deployed = _event(0, source=Source.CI, severity=Severity.INFO, event_type="deployment", title="Deployed payments")
    said = (
        (40, Source.METRICS, Severity.MEDIUM, "Latency is three times what is usual", LinkState.SUGGESTED),
        (41, Source.LOGS, Severity.HIGH, "Timeout while waiting for a connection", LinkState.MANUAL),
        (42, Source.ALERTS, Severity.CRITICAL, "Payments fail", LinkState.CONFIRMED),
        (43, Source.GIT, Severity.LOW, "Bump the version of the linter", LinkState.REJECTED),
    )
    links = [Link(event=deployed, score=0.91, state=LinkState.CONFIRMED, is_cause=True)]
    for number, source, severity, title, state in said:
        event = _event(number, source=source, severity=severity, title=title)
        links.append(Link(event=event, score=0.95 - number / 100, state=state))
    detected = _NOON + timedelta(minutes=42)
    return rows(links, marks=[Mark("Detected", detected)], detected_at=detected, newest_first=False)


def _columns() -> Columns:
    """Return two weeks of made-up counts by severity."""
    series = [
        Series(one.value, str(one.label), [(day * (7 + order) + order * 3) % (9 + 4 * order) for day in range(_DAYS)])
        for order, one in enumerate(Severity)
    ]
    days = [_NOON + timedelta(days=day) for day in range(_DAYS)]
    return columns(series, [Column(f"{day:%-d %b}", f"{day:%-d %b %Y}", "#charts") for day in days], stacked=True)


def _metric() -> Event:
    """Return a finding of a metric: an hour as usual, and then not."""
    usual = [[_NOON.timestamp() + 60 * minute, 180 + 15 * (minute % 5)] for minute in range(60)]
    risen = [[_NOON.timestamp() + 60 * minute, 300 + 60 * (minute - 60)] for minute in range(60, 70)]
    finding = {
        "metric": "Latency, 99th percentile",
        "unit": "ms",
        "samples": usual + risen,
        "low": 160,
        "high": 260,
        "value": 840,
    }
    return _event(50, source=Source.METRICS, title="Latency", data={"findings": [finding]})


def _spans() -> list[Bar]:
    """Return a trace of four spans of which one failed."""
    told = (
        ("a", "", "web", "GET /checkout", 0, 420, "ok"),
        ("b", "a", "orders", "reserve", 20, 90, "ok"),
        ("c", "a", "payments", "charge", 120, 290, "error"),
        ("d", "c", "payments", "SELECT cards", 130, 270, "ok"),
    )
    return waterfall(
        [
            (
                _NOON + timedelta(milliseconds=at),
                service,
                name,
                {"span_id": key, "parent_span_id": parent, "name": name, "duration_ms": took, "status": status},
            )
            for key, parent, service, name, at, took, status in told
        ],
        "c",
    )


def _form() -> InvestigationForm:
    """Return a form that was sent with a field left empty."""
    form = InvestigationForm({"title": "", "impact_severity": "high", "priority": "p1", "tags": "payments, eu"})
    form.fields["title"].widget.attrs.pop("autofocus", None)
    form.is_valid()
    return form
