"""The page of the design system shows what the files hold, and keeps nothing."""

import re
from pathlib import Path

import pytest
from django.test import Client

from events.models import Event
from frontend import style
from investigations.models import Investigation, Link

pytestmark = pytest.mark.django_db
STATIC = Path(style.__file__).parent / "static" / "frontend"


def test_every_token_and_drawing_is_shown(window: Client) -> None:
    page = window.get("/style/").text
    names = re.findall(r"^ +(--[a-z0-9-]+):", (STATIC / "css" / "tokens.css").read_text(), re.MULTILINE)
    missing = [name for name in names if f"<code>{name}</code>" not in page]
    drawings = re.findall(r'<symbol id="([a-z]+)"', (STATIC / "icons.svg").read_text())
    assert (missing, [name for name in drawings if f"#{name}" not in page]) == ([], [])


def test_nothing_that_it_shows_is_kept(window: Client) -> None:
    window.get("/style/")
    assert [model.objects.count() for model in (Event, Investigation, Link)] == [0, 0, 0]


def test_nobody_sees_it_before_signing_in(client: Client) -> None:
    assert client.get("/style/").headers["Location"] == "/sign-in?next=/style/"


def test_it_carries_no_style_of_its_own(window: Client) -> None:
    assert " style=" not in window.get("/style/").text
