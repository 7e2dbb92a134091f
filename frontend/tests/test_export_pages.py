"""An investigation is taken away as a document by whoever sees its page, and by nobody else."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from frontend.tests.conftest import Browse
from investigations.exports import document
from investigations.models import Export, Investigation
from investigations.tasks import make_exports
from investigations.tests.factories import ExportFactory, FinishedExportFactory, LinkFactory

pytestmark = pytest.mark.django_db


def path(case: Investigation, query: str = "") -> str:
    return reverse("investigation-export", args=[case.pk]) + query


@pytest.mark.parametrize(
    ("written_in", "media_type", "ending"),
    [
        ("json", "application/json", "json"),
        ("markdown", "text/markdown; charset=utf-8", "md"),
        ("pdf", "application/pdf", "pdf"),
    ],
)
def test_each_format_is_a_file_to_save(
    window: Client, case: Investigation, written_in: str, media_type: str, ending: str
) -> None:
    answer = window.get(path(case, f"?format={written_in}"))
    assert (answer.status_code, answer["Content-Type"]) == (200, media_type)
    assert answer["Content-Disposition"] == f'attachment; filename="investigation-{case.pk}.{ending}"'


@pytest.mark.parametrize("query", ["", "?format=docx"])
def test_another_format_is_refused_in_words(window: Client, case: Investigation, query: str) -> None:
    answer = window.get(path(case, query))
    assert answer.status_code == 400
    assert "Choose json, markdown or pdf." in answer.text


def test_whoever_is_not_signed_in_is_sent_to_sign_in(client: Client, case: Investigation) -> None:
    assert client.get(path(case, "?format=json")).headers["Location"].startswith("/sign-in")


def test_one_that_was_deleted_is_not_found(window: Client, case: Investigation) -> None:
    Investigation.objects.filter(pk=case.pk).update(deleted_at=case.created_at)
    assert window.get(path(case, "?format=json")).status_code == 404


def files(case: Investigation) -> str:
    return reverse("investigation-exports", args=[case.pk])


def test_what_takes_long_is_offered_to_be_made(
    window: Client, case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    LinkFactory(investigation=case)
    assert "Make it" not in window.get(files(case)).text
    monkeypatch.setitem(document.AT_ONCE, "pdf", 0)
    assert window.get(path(case, "?format=pdf")).headers["Location"] == files(case)
    assert 'aria-label="Make it in PDF"' in window.get(files(case)).text


def test_each_format_is_offered_with_and_without_addresses(
    window: Client, case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    LinkFactory(investigation=case, event__title="joe@shop.example cannot pay")
    monkeypatch.setitem(document.AT_ONCE, "pdf", 0)
    for label in ("PDF", "Markdown", "JSON"):
        assert f"Without addresses and secrets, in {label}" in window.get(files(case)).text
    whole, blanked = (window.get(path(case, f"?format=json{rest}")) for rest in ("", "&redact=true"))
    assert "joe@" in whole.text
    assert "joe@" not in blanked.text


def test_the_wish_is_kept_on_the_way_to_the_page(
    window: Client, case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    LinkFactory(investigation=case)
    monkeypatch.setitem(document.AT_ONCE, "json", 0)
    assert window.get(path(case, "?format=json&redact=true"))["Location"] == f"{files(case)}?redact=true"
    assert [
        page.count("checked") for page in (window.get(files(case) + rest).text for rest in ("", "?redact=true"))
    ] == [0, 3]


def test_a_redacted_one_is_made_and_told_from_one_that_is_whole(window: Client, case: Investigation) -> None:
    LinkFactory(investigation=case, event__title="joe@shop.example cannot pay")
    window.post(files(case), {"format": "markdown"})
    window.post(files(case), {"format": "markdown", "redact": "true"})
    make_exports()
    shown = window.get(files(case)).text
    assert "Download Markdown, asked for" in shown
    assert "Download Markdown without addresses and secrets, asked for" in shown
    told = {one.redact: window.get(reverse("export-file", args=[case.pk, one.pk])) for one in Export.objects.all()}
    assert "joe@" in told[False].text
    assert "joe@" not in told[True].text
    assert told[True]["Content-Disposition"] == f'attachment; filename="investigation-{case.pk}-redacted.md"'


@pytest.mark.parametrize("redact", ["", "1", "yes"])
def test_what_is_neither_yes_nor_no_is_refused_rather_than_taken_for_no(
    window: Client, case: Investigation, redact: str
) -> None:
    answers = (
        window.get(path(case, f"?format=json&redact={redact}")),
        window.post(files(case), {"format": "json", "redact": redact}),
    )
    assert [answer.status_code for answer in answers] == [400, 400]
    assert "true or false" in answers[0].text
    assert not Export.objects.exists()


def test_one_is_made_while_its_page_is_looked_at(window: Client, case: Investigation) -> None:
    asked = window.post(files(case), {"format": "markdown"}, follow=True)
    assert "Waiting" in asked.text
    assert "Look again" in asked.text  # for whoever has no scripts
    make_exports()
    done = window.get(files(case), headers={"HX-Request": "true", "HX-Target": "exports"}).text
    assert "<html" not in done
    assert "hx-trigger" not in done
    (export,) = Export.objects.all()
    assert window.get(reverse("export-file", args=[case.pk, export.pk])).content.startswith(b"# Payments fail")


def test_how_far_it_is_can_be_seen(window: Client, case: Investigation) -> None:
    ExportFactory(investigation=case, state="running", progress=30)
    shown = window.get(files(case)).text
    assert "Reading events, 30 %" in shown
    assert 'hx-trigger="load delay:1s"' in shown


def test_why_one_failed_is_said(window: Client, case: Investigation) -> None:
    ExportFactory(investigation=case, state="failed", error="The file is too <large>.")
    assert "The file is too &lt;large&gt;." in window.get(files(case)).text


def test_one_is_cancelled(window: Client, case: Investigation, engineer: User) -> None:
    made = ExportFactory(investigation=case, created_by=engineer)
    window.post(reverse("export-delete", args=[case.pk, made.pk]))
    assert not Export.objects.exists()


def test_a_user_cancels_their_own_alone(browse: Browse, case: Investigation, user: User) -> None:
    mine = ExportFactory(investigation=case, created_by=user)
    theirs = ExportFactory(investigation=case)
    answers = [browse(user).post(reverse("export-delete", args=[case.pk, one.pk])) for one in (mine, theirs)]
    assert [answer.status_code for answer in answers] == [302, 403]
    assert [export.pk for export in Export.objects.all()] == [theirs.pk]


def test_the_file_of_another_investigation_is_not_found(window: Client, case: Investigation) -> None:
    foreign = FinishedExportFactory()
    assert window.get(reverse("export-file", args=[case.pk, foreign.pk])).status_code == 404
