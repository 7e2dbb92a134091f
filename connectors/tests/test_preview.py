"""A preview shows what a connector would make of a sample, and says what is wrong where."""

from typing import Any

import orjson
import pytest

from connectors.base import Push
from connectors.errors import Misconfigured
from connectors.preview import preview
from connectors.registry import SOURCES
from connectors.tests.factories import NOW
from connectors.tests.github import corpus
from connectors.tests.vendors import SAMPLES

PUSHED = sorted(kind for kind, source in SOURCES.items() if issubclass(source, Push))
GOOD = {"title": "Disk full", "host": "n1", "severity": "critical"}


def shown(sample: Any, **values: Any) -> Any:
    return preview("webhook", values, sample, now=NOW)


def test_a_sample_becomes_the_events_it_would_become_without_a_secret_being_known() -> None:
    seen = shown(GOOD)
    assert [(draft.title, draft.severity) for draft in seen.drafts] == [("Disk full", "critical")]
    assert (seen.problems, seen.doubts, seen.parts) == ({}, {}, 1)


def test_what_is_wrong_with_the_settings_is_said_by_setting() -> None:
    assert shown(GOOD, fields={"title": "a b"}, auth="magic").problems.keys() == {"auth"}
    assert shown(GOOD, fields={"title": "a b"}).problems.keys() == {"fields.title"}


def test_a_path_that_finds_nothing_is_doubted() -> None:
    assert shown(GOOD, fields={"service": "nowhere", "component": "host"}).doubts.keys() == {"fields.service"}


def test_what_is_wrong_with_one_part_is_said_by_its_place_and_the_others_are_shown() -> None:
    seen = shown([GOOD, {"foo": 1}, GOOD])
    assert (len(seen.drafts), seen.problems.keys(), seen.parts) == (2, {"[1].title"}, 3)


@pytest.mark.parametrize("sample", [b"no json", b"", b"\xff", b"3", b"null"])
@pytest.mark.parametrize("kind", PUSHED)
def test_no_sample_breaks_a_preview_of_any_source(kind: str, sample: bytes) -> None:
    seen = preview(kind, {}, sample, now=NOW)
    assert seen.drafts == []
    assert seen.problems or seen.ignored == seen.parts


@pytest.mark.parametrize("kind", PUSHED)
def test_samples_of_others_break_no_source(kind: str) -> None:
    for sample in SAMPLES.values():
        preview(kind, {}, sample, now=NOW)


def test_a_sender_that_says_in_a_header_what_it_sends_is_shown_too() -> None:
    path = next(path for path in corpus() if path.parent.name == "push")
    assert preview("github", {}, path.read_bytes(), now=NOW, event="push").drafts
    binary = {"Ce-Id": "1", "Ce-Source": "/a", "Ce-Type": "x.y", "Content-Type": "application/json"}
    assert preview("cloudevents", {}, orjson.dumps({"a": 1}), now=NOW, headers=binary).drafts


def test_parts_without_an_event_are_counted() -> None:
    assert preview("github", {}, {}, now=NOW, event="star").ignored == 1


def test_a_source_that_takes_no_deliveries_has_no_preview() -> None:
    with pytest.raises(Misconfigured):
        preview("git", {}, {}, now=NOW)
