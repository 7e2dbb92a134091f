"""An investigation on paper: all of it is readable in every script, and nothing in it is obeyed."""

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pypdf import PdfReader
from rest_framework.test import APIClient

from accounts.models import User
from events.tests.factories import EventFactory
from investigations.choices import LinkState
from investigations.exports import pdf
from investigations.exports.prose import blocks, clean
from investigations.models import Investigation
from investigations.tests.factories import (
    CommentFactory,
    EvidenceFactory,
    HypothesisFactory,
    InvestigationFactory,
    LinkFactory,
    NoteFactory,
    SuspectFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def exported(api: Callable[[User | None], APIClient], engineer: User) -> Callable[[Investigation], PdfReader]:
    """Return a way to have a case as a PDF that was read back."""

    def export(case: Investigation) -> PdfReader:
        response = api(engineer).get(f"/api/v1/investigations/{case.pk}/export?format=pdf")
        assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
        return PdfReader(BytesIO(response.content))

    return export


def text_of(document: PdfReader) -> str:
    """Return all text on one line: where a line breaks is no matter of these tests."""
    return " ".join(" ".join(page.extract_text() for page in document.pages).split())


def addresses(document: PdfReader) -> set[str]:
    """Return where its links lead outside of it."""
    notes: list[Any] = [note.get_object() for page in document.pages for note in page.get("/Annots") or ()]
    return {note["/A"]["/URI"] for note in notes if "/URI" in note.get("/A", {})}


def test_it_tells_the_story_and_cites_every_event(exported: Any, engineer: User) -> None:
    case = InvestigationFactory(title="Checkout answers 500", root_cause="The **pool** was too small.")
    decision = {"state": LinkState.CONFIRMED, "decided_by": engineer, "decided_at": timezone.now(), "is_cause": True}
    cause = LinkFactory(investigation=case, event=EventFactory(title="Deployed 1.4"), **decision)
    symptom = LinkFactory(investigation=case, event=EventFactory(title="Timeouts"))
    NoteFactory(investigation=case, body="Seen *twice* before.")
    CommentFactory(investigation=case, event=symptom.event, body="That was me.")
    told = text_of(exported(case))
    for said in ("Checkout answers 500", "The pool was too small.", "Deployed 1.4", "Timeouts", "That was me."):
        assert said in told
    assert "Linked at 0.75, confirmed by engineer. Two minutes before the onset." in told
    assert "Seen twice before." in told
    assert str(cause.event_id) in told
    assert str(symptom.event_id) in told


def test_it_tells_what_was_supposed_and_what_was_ruled_out(exported: Any, engineer: User) -> None:
    case = InvestigationFactory()
    supposed = HypothesisFactory(investigation=case, verdict="supported", statement="The pool was too small.")
    EvidenceFactory(hypothesis=supposed, why="All of it was taken.")
    decision = {"state": LinkState.REJECTED, "decided_by": engineer, "decided_at": timezone.now()}
    LinkFactory(investigation=case, event__title="Another matter", **decision)
    told = text_of(exported(case))
    for said in ("Supported: The pool was too small.", "Supports All of it was taken.", "Rejected by engineer"):
        assert said in told
    assert "Another matter" in told.partition("Ruled out")[2]


def test_it_ranks_suspects_and_says_what_people_made_of_them(exported: Any, engineer: User) -> None:
    event = EventFactory(title="Pool of 5 connections")
    said = {"text": "It came 2 min before.", "events": [str(event.pk)]}
    ruling = {"state": "dismissed", "decided_by": engineer, "decided_at": timezone.now()}
    suspect = SuspectFactory(place=1, name="a688323", event=event, evidence=[said], report__engine_version=3, **ruling)
    told = text_of(exported(suspect.report.investigation))
    for part in (
        "Pool of 5 connections (a688323)",
        "Dismissed by engineer",
        "It came 2 min before.",
        "engine version 3",
    ):
        assert part in told
    assert str(event.pk) in told


def test_every_page_has_its_number(exported: Any) -> None:
    case = InvestigationFactory()
    LinkFactory.create_batch(40, investigation=case)
    pages = exported(case).pages
    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page.extract_text()


@pytest.mark.parametrize("words", ["部署失败", "Сбой оплаты", "Ünïcödé Ωμέγα", "決済エラー"])
def test_other_scripts_are_readable(exported: Any, words: str) -> None:
    case = InvestigationFactory(title=words)
    assert words in text_of(exported(case))


def test_letters_and_pictures_of_every_script_have_a_font(exported: Any) -> None:
    document = exported(InvestigationFactory(title="مرحبا שלום 🔥"))
    fonts = {str(font["/BaseFont"]) for page in document.pages for font in _fonts(page)}
    for needed in ("NotoSansArabic", "NotoSansHebrew", "NotoEmoji"):
        assert any(needed in font for font in fonts), fonts


SCRIPTS = ["Сбой оплаты", "部署失败", "決済エラー", "결제 실패", "שלום", "🔥🚀", "naïve Ωμέγα"]


@pytest.fixture
def copied(api: Callable[[User | None], APIClient], engineer: User, tmp_path: Path) -> Callable[[str], str]:
    """Return a way to have words on paper, and copied from there by a reader that people use."""
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")

    def copy(words: str) -> str:
        case, paper = InvestigationFactory(description=words), tmp_path / "report.pdf"
        paper.write_bytes(api(engineer).get(f"/api/v1/investigations/{case.pk}/export?format=pdf").content)
        told = subprocess.run([str(reader), paper, "-"], capture_output=True, check=True).stdout.decode()
        # Where a script runs from right to left the reader marks it so.
        return re.sub("[\u202a-\u202e\u200e\u200f]", "", told)

    return copy


@pytest.mark.parametrize("words", SCRIPTS)
def test_text_of_other_scripts_can_be_copied_and_searched(copied: Callable[[str], str], words: str) -> None:
    assert words in copied(words)


def test_every_letter_of_arabic_text_can_be_copied(copied: Callable[[str], str]) -> None:
    """The font draws the dots of a letter as a glyph of its own, so readers may copy such a letter twice."""
    words = "تعطل الخادم"
    assert set(words) <= set(copied(words).partition("What happened")[2].partition("Root cause")[0])


def _fonts(page: Any) -> list[Any]:
    return [font.get_object() for font in page["/Resources"]["/Font"].values()]


WILD = [
    '#read("/etc/passwd")',
    "#panic()",
    "$ x^2 $ @ref <label> *bold* _em_ `raw`",
    '#image("http://127.0.0.1:9/x.png")',
    "<script>alert(1)</script><img src=file:///etc/passwd>",
    "</text></svg>",
    '#import "@preview/cetz:0.1.0": *',
]


@pytest.mark.parametrize("wild", WILD)
def test_what_anybody_wrote_is_text(exported: Any, wild: str) -> None:
    case = InvestigationFactory(title=wild, description=f"```\n{wild}\n```", tags=[wild[:90]])
    LinkFactory(investigation=case, event=EventFactory(title=wild, source_id=wild, service=wild))
    NoteFactory(investigation=case, body=f"```\n{wild}\n```")
    told = text_of(exported(case))
    assert told.replace(" ", "").count(wild.replace(" ", "")) >= 4
    assert "root:" not in told


def test_links_lead_to_the_web_alone(exported: Any) -> None:
    case = InvestigationFactory()
    for address in ("javascript:alert(1)", "file:///etc/passwd", "https://ci.example.org/4"):
        LinkFactory(investigation=case, event=EventFactory(url=address))
    NoteFactory(
        investigation=case, body="[a](javascript:b) [b](file:///x) [c](https://example.org) ![p](http://x.test/p)"
    )
    found = addresses(exported(case))
    assert found == {"https://ci.example.org/4", "https://example.org", "http://x.test/p"}


@pytest.mark.parametrize("body", ["> " * 60 + "deep", "- " * 50 + "deep", "*" * 200 + "deep" + "*" * 200, "x" * 5_000])
def test_an_odd_note_costs_nobody_their_export(exported: Any, body: str) -> None:
    case = InvestigationFactory()
    NoteFactory(investigation=case, body=body)
    assert "Notes" in text_of(exported(case))


def test_of_too_many_events_it_says_how_many_are_missing(exported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investigations.exports.document.MOST_EVENTS_IN_PDF", 1)
    case = InvestigationFactory()
    LinkFactory.create_batch(3, investigation=case)
    assert "This is not everything: 2 more events were left out" in text_of(exported(case))


def test_who_waits_too_long_is_told(
    api: Callable[[User | None], APIClient], engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "SECONDS", 0.001)
    response = api(engineer).get(f"/api/v1/investigations/{InvestigationFactory().pk}/export?format=pdf")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")


def test_the_direction_of_text_cannot_be_turned_around() -> None:
    assert clean("safe\u202eexe.\x00pdf") == "safeexe.pdf"


def test_a_table_stays_one() -> None:
    (table,) = blocks("| a | b |\n|---|---|\n| c |")
    assert (table["kind"], table["columns"], [len(row) for row in table["rows"]]) == ("table", 2, [2, 2])


def test_times_in_the_chart_are_its_own(exported: Any) -> None:
    now = timezone.now()
    case = InvestigationFactory(detected_at=now, started_at=now - timedelta(minutes=5))
    assert "Onset" in text_of(exported(case))
