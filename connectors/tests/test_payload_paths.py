"""A path finds what it names and nothing else, and what is no path is refused with where it goes wrong."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Misconfigured
from connectors.sources.payload_paths import Path, Template
from connectors.tests.corpus import STRANGE

PAYLOAD = {
    "alert": {"name": "Disk full", "empty": "", "zero": 0},
    "items": [{"id": 1}, {"id": 2}],
    "labels": {"service.name": "api", "x-y": "z"},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("alert.name", "Disk full"),
        ("$.alert.name", "Disk full"),
        ("items[0].id", 1),
        ("items[-1].id", 2),
        ("items[7].id", None),
        ("items.id", None),
        ('labels["service.name"]', "api"),
        ("labels['service.name']", "api"),
        ("labels.x-y", "z"),
        ("alert.zero", 0),
        ("alert.empty", None),
        ("alert.empty || alert.name", "Disk full"),
        ("none || 'web'", "web"),
        ('"web"', "web"),
        ("none", None),
    ],
)
def test_a_path_finds_what_it_names(path: str, value: Any) -> None:
    assert Path.read(path).find(PAYLOAD) == value


@pytest.mark.parametrize(
    "path",
    ["", " ", "a..b", "a.", ".a", "a[b]", "a[0", "a b", "a || ", "'a", "a" * 501, "a||" * 11 + "a", ".".join("a" * 21)],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(Misconfigured):
        Path.read(path)


def test_a_template_says_what_its_paths_find() -> None:
    template = Template.read("{alert.name} on {host || labels['service.name']}, {none}")
    assert template.fill(PAYLOAD) == "Disk full on api,"
    assert template.fill({}) == ""
    assert Template.read("Nightly job").fill({}) == "Nightly job"


@pytest.mark.parametrize("text", ["{", "}", "{{a}}", "{a b}", "{}", "{a}" * 21, "x" * 501])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        Template.read(text)


@given(text=st.text(alphabet="ab.[]'\"|0-9{} $", max_size=40), payload=STRANGE)
def test_nothing_breaks_the_language(text: str, payload: Any) -> None:
    with suppress(Misconfigured):
        Path.read(text).find(payload)
    with suppress(Misconfigured):
        Template.read(text).fill(payload)
