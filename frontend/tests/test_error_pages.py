"""Pages for when things go wrong: in style, with the request's id, and without what is broken."""

import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from frontend.urls import urlpatterns as pages


def bad(_: HttpRequest) -> HttpResponse:
    raise BadRequest


def forbidden(_: HttpRequest) -> HttpResponse:
    raise PermissionDenied("Your role may not do this.")


def broken(_: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


urlpatterns = [path("bad", bad), path("forbidden", forbidden), path("broken", broken), path("", include(pages))]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/bad", 400, "This request cannot be read"),
        ("/forbidden", 403, "Your role may not do this."),
        ("/nothing", 404, "There is nothing here"),
        ("/broken", 500, "Something broke on our side"),
    ],
)
def test_an_error_has_a_page_that_names_the_request(address: str, status: int, words: str) -> None:
    client = Client(raise_request_exception=False)
    answer = client.get(address, headers={"x-request-id": "request-12345678"})
    assert answer.status_code == status
    assert words in answer.text
    assert "request-12345678" in answer.text
    assert "Traceback" not in answer.text


def test_a_form_without_its_token_is_told_as_expired() -> None:
    answer = Client(enforce_csrf_checks=True).post("/sign-in", {"username": "x"})
    assert (answer.status_code, "This form has expired" in answer.text) == (403, True)
