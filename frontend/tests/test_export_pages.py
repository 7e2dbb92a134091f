"""An investigation is taken away as a document by whoever sees its page, and by nobody else."""

import pytest
from django.test import Client
from django.urls import reverse

from investigations.models import Investigation

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
