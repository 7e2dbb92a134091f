"""Cross-site scripting: whatever somebody writes, or a source tells, is text on every page and in every document."""

import io
import json
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from django.test import Client
from django.utils import timezone
from markdown_it import MarkdownIt
from pypdf import PdfReader

from accounts.models import User
from connectors import digestion
from connectors.tests.factories import SECRET, ConnectorFactory, DeadLetterFactory
from events.models import Event
from events.tests.factories import EventFactory
from frontend.templatetags.pages import markdown
from investigations.choices import LinkState
from investigations.models import Investigation
from investigations.tests.factories import (
    CommentFactory,
    EvidenceFactory,
    HypothesisFactory,
    InvestigationFactory,
    LinkFactory,
    NoteFactory,
    SavedViewFactory,
    SuspectFactory,
)
from tests.security.hostile import SCRIPTS
from tests.security.html import read

pytestmark = pytest.mark.django_db
PAYLOADS = pytest.mark.parametrize("payload", SCRIPTS.values(), ids=list(SCRIPTS))
# Pages of a case; an event is chosen, every tab is opened.
PANES = [
    "",
    "?event={event}",
    *(f"?pane={name}" for name in ("notes", "findings", "hypotheses", "related", "suspects")),
]


def infested(payload: str, owner: User) -> Investigation:
    """Return an investigation in which everything that anybody or any source says is an attack."""
    text = {"title": payload[:200], "service": payload[:100], "component": payload[:100], "environment": payload[:100]}
    case = InvestigationFactory(
        title=payload[:200],
        description=payload,
        service_affected=payload[:100],
        component_affected=payload[:100],
        tags=[payload[:100]],
        root_cause=payload,
        remediation=payload,
        lessons_learned=payload,
        created_by=owner,
        assigned_to=owner,
        detected_at=timezone.now(),
    )
    data = {payload: payload, "list": [payload, {payload: payload}], "diff": payload, "stack": payload}
    event = EventFactory(
        **text,
        event_type=payload[:50],
        message=payload,
        tags=[payload[:100]],
        data=data,
        source_id=payload[:300],
        origin__name=payload[:100],
    )
    factors = [{"strategy": "time", "score": 0.75, "weight": 1.0, "reason": payload}]
    decided = {"state": LinkState.CONFIRMED, "decided_by": owner, "decided_at": timezone.now()}
    LinkFactory(investigation=case, event=event, factors=factors, is_cause=True, **decided)
    NoteFactory(investigation=case, body=payload, author=owner)
    NoteFactory(investigation=case, body=f"[[{event.pk}]] {payload}", author=owner)
    CommentFactory(investigation=case, event=event, body=payload, author=owner)
    guess = HypothesisFactory(investigation=case, statement=payload[:500], author=owner)
    EvidenceFactory(hypothesis=guess, event=event, why=payload[:500], author=owner)
    SuspectFactory(
        report__investigation=case, name=payload[:200], evidence=[{"text": payload, "events": [str(event.pk)]}]
    )
    SavedViewFactory(owner=owner, name=payload[:100], shared=True)
    case.related.add(InvestigationFactory(title=payload[:200]))
    return case


@pytest.fixture
def writer(admin: User) -> User:
    """Somebody whose own name is an attack, and who may see everything."""
    admin.first_name, admin.last_name = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'
    admin.save()
    return admin


@PAYLOADS
def test_no_page_of_a_case_acts_on_what_was_written(client: Client, writer: User, payload: str) -> None:
    case = infested(payload, writer)
    event = Event.objects.get(links__investigation=case, data__has_key="diff")
    client.force_login(writer)
    home = f"/investigations/{case.pk}/"
    below = [
        "timeline",
        "timeline/rows",
        "timeline/matches?q=alert",
        "edit",
        "related",
        f"notes/{case.notes.get(body=payload).pk}",
    ]
    addresses = [home + pane.format(event=event.pk) for pane in PANES] + [home + one for one in below]
    for address in (*addresses, "/investigations/", "/events/", f"/events/{event.pk}/", "/analytics/"):
        answer = client.get(address)
        assert answer.status_code < 500, address
        assert read(answer.text).acting == [], address


@PAYLOADS
def test_what_was_written_is_shown_as_it_was_written(client: Client, writer: User, payload: str) -> None:
    case = InvestigationFactory(title=payload[:200], created_by=writer)
    client.force_login(writer)
    said = read(client.get(f"/investigations/{case.pk}/").text).said
    assert " ".join(payload[:200].split()) in " ".join(said.split())


@PAYLOADS
def test_no_page_of_the_admin_acts_on_what_was_written(client: Client, writer: User, payload: str) -> None:
    infested(payload, writer)
    letter = DeadLetterFactory(message=payload, raw=orjson.dumps({payload: payload}), reference=payload[:100])
    client.force_login(writer)
    lists = ["events/event", "investigations/investigation", "connectors/connector", "connectors/deadletter"]
    for address in (*(f"/admin/{one}/" for one in lists), f"/admin/connectors/deadletter/{letter.pk}/change/"):
        answer = client.get(address)
        assert answer.status_code in {200, 404}, address
        # Django's own pages have styles of their own; what counts is that none of ours runs.
        assert [tag for tag in read(answer.text).acting if "alert(" in tag or "evil.example" in tag] == [], address


@PAYLOADS
@pytest.mark.parametrize("address", ["/investigations/", "/events/", "/analytics/", "/connectors/", "/sign-in"])
def test_no_page_acts_on_what_it_is_asked(client: Client, writer: User, address: str, payload: str) -> None:
    if address != "/sign-in":
        client.force_login(writer)
    names = ("q", "service", "component", "sort", "status", "source", "page", "after", "days", "start", "next", payload)
    answer = client.get(address, dict.fromkeys(names, payload))
    assert answer.status_code < 500
    assert read(answer.text).acting == []


@PAYLOADS
def test_no_error_acts_on_what_went_wrong(client: Client, writer: User, api: Any, payload: str) -> None:
    client.force_login(writer)
    there = quote(payload, safe="")
    answers = [
        client.get(f"/nowhere/{there}"),
        client.get(f"/investigations/{there}/"),
        client.post("/investigations/views", {"name": payload * 9, "query": payload}),
        client.post("/sign-in", {"username": payload, "password": payload}),
        api(writer).get(f"/api/v1/{there}", headers={"Accept": "text/html"}),
        api(writer).get("/api/v1/events", {payload: payload, "q": payload}, headers={"Accept": "text/html"}),
    ]
    for answer in answers:
        assert answer.status_code < 500
        if answer["Content-Type"].startswith("text/html"):
            assert [tag for tag in read(answer.content.decode()).acting if "alert(" in tag] == []


@PAYLOADS
def test_an_answer_of_the_api_is_never_taken_for_a_page(api: Any, writer: User, payload: str) -> None:
    case = infested(payload, writer)
    for address in ("/events", "/investigations", f"/investigations/{case.pk}", f"/investigations/{case.pk}/notes"):
        answer = api(writer).get(f"/api/v1{address}")
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"
        json.loads(answer.content)


@PAYLOADS
def test_what_a_source_tells_is_text_on_the_page_of_its_event(client: Client, writer: User, payload: str) -> None:
    ConnectorFactory(name="shop", kind="webhook", config={})
    told = {
        "title": f"Disk full {payload}",
        "message": payload,
        "service": payload,
        "url": payload,
        "details": {payload: payload},
    }
    proof = {"Authorization": f"Bearer {SECRET}"}
    taken = client.post("/hooks/shop", orjson.dumps(told), content_type="application/json", headers=proof)
    assert taken.status_code == 202
    digestion.digest_pending(now=timezone.now())
    client.force_login(writer)
    event = Event.objects.get()
    for address in (f"/events/{event.pk}/", "/events/"):
        assert read(client.get(address).text).acting == []


@PAYLOADS
def test_a_note_acts_on_nobody(payload: str) -> None:
    for text in (
        payload,
        f"> {payload}",
        f"- {payload}",
        f"| a |\n|---|\n| {payload} |",
        f"# {payload}",
        f"**{payload}**",
    ):
        assert read(markdown(text)).acting == []


@PAYLOADS
def test_an_export_in_markdown_acts_in_no_reader_of_markdown(client: Client, writer: User, payload: str) -> None:
    case = infested(payload, writer)
    client.force_login(writer)
    answer = client.get(f"/investigations/{case.pk}/export?format=markdown")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment")
    # The worst of readers: it takes raw HTML. In quotations stands what people wrote themselves, as Markdown.
    own = "\n".join(line for line in answer.content.decode().splitlines() if not line.startswith(">"))
    assert read(MarkdownIt("commonmark", {"html": True}).enable("table").render(own)).acting == []


@pytest.mark.parametrize("payload", ["\n".join(SCRIPTS.values())])
def test_an_export_as_pdf_runs_nothing_and_leads_to_the_web_alone(client: Client, writer: User, payload: str) -> None:
    case = infested(payload, writer)
    client.force_login(writer)
    content = client.get(f"/investigations/{case.pk}/export?format=pdf").content
    document = PdfReader(io.BytesIO(content))
    root: Any = document.trailer["/Root"]
    assert root.get("/OpenAction") is None
    assert root.get("/AA") is None
    names = root.get("/Names") or {}
    assert not {"/JavaScript", "/EmbeddedFiles"} & set(names)
    marks = [one.get_object() for page in document.pages for one in page.get("/Annots") or ()]
    actions = [mark["/A"] for mark in marks if "/A" in mark]
    assert {action["/S"] for action in actions} <= {"/URI", "/GoTo"}
    assert all(str(action["/URI"]).startswith(("http", "mailto:")) for action in actions if action["/S"] == "/URI")


def test_the_reader_of_pages_sees_what_would_act() -> None:
    blind = {
        name
        for name, payload in SCRIPTS.items()
        if payload.startswith(("<", '"><', "'><", "</", "-->")) and not read(payload).acting
    }
    # A tag that is never closed becomes one by what follows it on the page.
    assert blind <= {"a tag that is never closed", "a tag with a null"}
