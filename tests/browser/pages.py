"""Every page, filled with one of everything, for tests that look at all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page

from accounts.models import User
from connectors.tests.factories import ConnectorFactory
from events.choices import Severity
from events.models import Event
from investigations.choices import LinkState
from investigations.models import Investigation, Note
from investigations.tests.factories import (
    CommentFactory,
    DraftFactory,
    EvidenceFactory,
    ExportFactory,
    FinishedExportFactory,
    HypothesisFactory,
    InvestigationFactory,
    LinkFactory,
    NoteFactory,
    ReadyDraftFactory,
    SavedViewFactory,
    SuspectFactory,
    SuspectReportFactory,
)

LONG = "A title that goes on, and on, with/a/path/that/no/line/can/hold/" + "x" * 200
TABS = ("findings", "hypotheses", "related", "assistant")
NOON = "2026-03-01T12:00:00+00:00"
FAILURE = {"message": "Broken", "exception": {"type": "Timeout", "stack": f'File "{"y" * 200}.py", line 1'}}
COMMIT = {"files": [{"path": f"shop/{'z' * 80}/pay.py", "insertions": 3, "deletions": 1}], "insertions": 3}


@dataclass(frozen=True, slots=True)
class Pages:
    """The address of each page, and that of the canvas, which `every` holds too."""

    canvas: str
    every: list[str]


def one_of_everything(engineer: User) -> Pages:
    """Fill the pages and return their addresses."""
    case = InvestigationFactory(title="Payments fail in every region " * 4, created_by=engineer, tags=["pay", "eu"])
    body = "A [link](https://example.org), `code`\n\n```\nand a block\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    note = NoteFactory(investigation=case, author=engineer, body=body)
    CommentFactory(investigation=case, note=note, author=engineer)
    links = [LinkFactory(investigation=case, event__severity=severity) for severity in list(Severity) * 8]
    told = _told(case)
    CommentFactory(investigation=case, event=told[0], author=engineer)
    _thought(case, engineer)
    _suspected(case, told[1])
    case.related.add(InvestigationFactory(title="Related " * 20))
    for state in ("pending", "running", "failed"):
        ExportFactory(investigation=case, created_by=engineer, state=state, error="The file is too large. " * 15)
    FinishedExportFactory(investigation=case, created_by=engineer)
    _drafted(case, engineer, note)
    SavedViewFactory(owner=engineer, query="status=open")
    ConnectorFactory(name="code", failures=3, last_error="The source answers 503.")
    ConnectorFactory(name="logs", last_success_at=timezone.now())
    canvas, empty = f"/investigations/{case.pk}/", f"/investigations/{InvestigationFactory().pk}/"
    return Pages(
        canvas,
        [
            "/investigations/",
            "/investigations/?q=nothing&status=closed",
            "/investigations/?detected_from=2026-03-01&without=cause",
            "/investigations/new",
            canvas,
            empty,
            f"{canvas}?view=table",
            *(f"{canvas}?event={event.pk}&time=relative" for event in told),
            *(f"{canvas}?pane={tab}&event={told[0].pk}" for tab in TABS),
            f"{canvas}edit",
            f"{canvas}related",
            f"{canvas}exports",
            f"{canvas}notes/{note.pk}",
            "/events/",
            "/events/?q=nothing",
            f"/events/{links[0].event_id}/",
            "/connectors/",
            "/notifications/",
            "/notifications/preferences",
            "/nothing-here",
            "/analytics/",
            "/style/",
            "/analytics/?first=2026-03-02&last=2026-03-01",
        ],
    )


def _told(case: Investigation) -> list[Event]:
    """Return an event of each kind that the details draw in a way of its own."""
    moment = timezone.now().timestamp()
    samples = [[moment - 60 * minute, minute % 7] for minute in range(60)]
    metric = {"findings": [{"metric": "latency", "unit": "ms", "samples": samples, "low": 1, "high": 5, "value": 6}]}
    span = {"duration_ms": 30, "failed": True, "culprit": {"service": "pay", "operation": "charge"}}
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("logs", "error", FAILURE),
        ("git", "commit", COMMIT),
        ("ci", "build", {"failed_steps": ["Compile", "Test"]}),
        ("metrics", "anomaly", metric),
        ("traces", "span", span),
    ]
    event = {"title": LONG, "tags": ["t" * 100], "url": "https://example.org/1"}
    return [
        LinkFactory(
            investigation=case,
            event__source=source,
            event__event_type=kind,
            event__source_id=f"trace-{kind}/span-1",
            event__data=data,
            **{f"event__{name}": value for name, value in event.items()},
        ).event
        for source, kind, data in kinds
    ]


def _thought(case: Investigation, engineer: User) -> None:
    LinkFactory(
        investigation=case, state=LinkState.CONFIRMED, is_cause=True, decided_by=engineer, decided_at=case.detected_at
    )
    for verdict in ("open", "ruled_out"):
        guess = HypothesisFactory(investigation=case, author=engineer, statement="w" * 200, verdict=verdict)
        for stance in ("supports", "contradicts", "neutral"):
            EvidenceFactory(hypothesis=guess, author=engineer, stance=stance, why="Because " * 20)


def _drafted(case: Investigation, engineer: User, note: Note) -> None:
    told = {"investigation": case, "created_by": engineer}
    ready = ReadyDraftFactory(
        **told, kind="postmortem", model="m" * 60, dropped={"uncited": 2, "active": 1}, left_out=7
    )
    ready.sentences += [
        {"section": "cause", "text": f"It {'w' * 200} failed.", "cites": ready.sentences[0]["cites"] * 4},
        {"section": "lessons", "text": "x" * 200, "cites": [{"kind": "note", "id": str(note.pk), "at": NOON}]},
    ]
    ready.save()
    ReadyDraftFactory(**told, note=note)
    DraftFactory(**told, state="failed", error="The server refuses connections. " * 15)
    DraftFactory(**told, state="running")


def _suspected(case: Investigation, event: Event) -> None:
    report = SuspectReportFactory(
        investigation=case,
        first_failing_service="payments",
        blast_radius=["checkout", "web"],
        computed_at=timezone.now() - timedelta(minutes=1),
    )
    SuspectFactory(report=report, event=event, state="confirmed")
    SuspectFactory(report=report, state="dismissed")
    SuspectFactory(report=report, kind="service", name="payments")
    SuspectFactory(report=report, kind="metric", name=f"latency of {'m' * 100}")


def each(page: Page, addresses: list[str], wrong: Callable[[Page], Any]) -> dict[str, Any]:
    """Return what is ``wrong`` with each page, everything on it unfolded; pages with nothing wrong are left out."""
    found = {}
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        if says := wrong(page):
            found[address] = says
    return found
