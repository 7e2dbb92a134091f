"""Every recorded answer and delivery of CI vendors is understood as before, and does no harm when mutilated."""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Record, Source
from connectors.errors import BadRecord
from connectors.sources.buildkite import Buildkite
from connectors.sources.circleci import CircleCI
from connectors.sources.cloudevents import CDEvents
from connectors.sources.jenkins import Jenkins
from connectors.tests.alerts import made
from connectors.tests.corpus import DROPPED, EMPTIES, STRANGE, assert_golden, escapes, mutilated, places, told
from connectors.tests.test_buildkite import job, webhook
from connectors.tests.test_circleci import delivery
from connectors.tests.test_jenkins import notification
from events.drafts import EventDraft
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

SOURCES: dict[str, Source[Any]] = {
    "jenkins": made(Jenkins),
    "circleci": made(CircleCI),
    "buildkite": made(Buildkite),
    "cdevents": made(CDEvents),
}
Corpus = dict[str, tuple[str, Any]]


def rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield each answer in a file of answers, as it is named."""
    for place, row in enumerate(json.loads(path.read_text())):
        yield f"{path.stem}#{place}", row["data"]


def jenkins() -> Corpus:
    found = [row for path in sorted(payloads("jenkins", "rest-devlake").glob("*.json")) for row in rows(path)]
    return {name: ("build" if "builds" in name else "stage", data) for name, data in found}


def circleci() -> Corpus:
    """Return each answer in the form the source gives it before it decodes it."""
    found = [row for path in sorted(payloads("circleci", "rest-devlake").glob("*.json")) for row in rows(path)]
    pipelines = {data["id"]: data for name, data in found if "pipelines" in name}
    corpus: Corpus = {}
    for name, data in found:
        if "workflows" in name:
            told = {"workflow": data, "pipeline": pipelines.get(data["pipeline_id"], {}), "jobs": []}
            corpus[name] = ("workflow-completed", told)
        elif "jobs" in name:
            corpus[name] = ("job-completed", {"job": data, "workflow": {"name": "workflow"}})
        else:
            corpus[name] = ("pipeline" if "pipelines" in name else "project", data)
    return corpus


def buildkite() -> Corpus:
    """Return each example: a webhook by its event, anything else as if it were a build or a job."""
    corpus: Corpus = {}
    for path in sorted(payloads("buildkite", "docs").glob("*.json")):
        data = json.loads(path.read_text())
        if "_jobs." in path.name:
            corpus[path.stem] = ("job.finished", {"job": data})
        else:
            corpus[path.stem] = (data.get("event", "build") if isinstance(data, dict) else "build", data)
    return corpus


def cdevents() -> Corpus:
    found = sorted(payloads("cdevents", "spec").rglob("*.json"))
    return {path.stem: ("", json.loads(path.read_text())) for path in found}


CORPUS = {"jenkins": jenkins(), "circleci": circleci(), "buildkite": buildkite(), "cdevents": cdevents()}
FOLDERS = {"jenkins": "rest-devlake", "circleci": "rest-devlake", "buildkite": "docs", "cdevents": "spec"}


def decoded(vendor: str, kind: str, value: Any) -> list[EventDraft]:
    return list(SOURCES[vendor].decode(Record.of("one", kind, value)))


@pytest.mark.parametrize("vendor", CORPUS)
def test_every_recorded_payload_becomes_the_events_it_became_before(vendor: str) -> None:
    found: dict[str, Any] = {}
    for name, (kind, value) in CORPUS[vendor].items():
        try:
            found[name] = told(decoded(vendor, kind, value))
        except BadRecord as problem:
            found[name] = problem.message
    assert_golden(f"{vendor}/{FOLDERS[vendor]}", found)


def becomes_events(vendor: str) -> list[tuple[str, Any]]:
    """Return the payloads of a vendor that become events."""
    found = []
    for kind, value in CORPUS[vendor].values():
        with suppress(BadRecord, Invalid):
            if decoded(vendor, kind, value):
                found.append((kind, value))
    return found


# Where the corpus has no webhooks, those of the protocol stand in.
HOOKS: dict[str, list[tuple[str, Any]]] = {
    "jenkins": [("notification", notification())],
    "circleci": [("workflow-completed", delivery())],
    "buildkite": [
        ("build.finished", webhook()),
        ("job.finished", webhook("job.finished", job=job(signal_reason="agent_stop"))),
    ],
    "cdevents": [],
}
EVENTFUL = {vendor: HOOKS[vendor] + becomes_events(vendor) for vendor in CORPUS}
PAYLOADS = [(vendor, kind, value, list(places(value))) for vendor, found in EVENTFUL.items() for kind, value in found]


@pytest.mark.parametrize("vendor", EVENTFUL)
@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_of_any_event_breaks_its_decoder(vendor: str, value: Any) -> None:
    for kind, payload in EVENTFUL[vendor][:6]:
        assert escapes(payload, value, partial(decoded, vendor, kind)) == []


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_that_is_dropped_emptied_or_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    vendor, kind, payload, ways = data.draw(st.sampled_from(PAYLOADS))
    changed = mutilated(payload, data.draw(st.sampled_from(ways)), data.draw(st.just(DROPPED) | STRANGE))
    with suppress(BadRecord, Invalid):
        decoded(vendor, kind, changed)


@pytest.mark.parametrize("vendor", CORPUS)
@pytest.mark.parametrize("value", [None, [], "text", 7, True, {}], ids=repr)
def test_what_is_no_event_at_all_is_nothing_or_a_bad_record(vendor: str, value: Any) -> None:
    for kind in ("", "build", "build.finished", "job.finished", "workflow-completed", "job-completed", "pipeline"):
        with suppress(BadRecord):
            assert decoded(vendor, kind, value) == []
