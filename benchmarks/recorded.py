"""What each kind of source is measured with: recorded payloads where there are, else what its protocol says it sends.

Nothing is copied: recorded payloads are read in place. A record is (its kind, what was parsed); of a source that takes
deliveries it is what `unpack` makes of one.
"""

import random
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import sin
from pathlib import Path
from typing import Any

import orjson

from benchmarks.git_history import make_repository
from benchmarks.log_file import written
from connectors.base import Call, Push, Record, Source
from connectors.errors import BadRecord
from connectors.sources.git import Git
from connectors.sources.loki import entries_in
from connectors.sources.metricseries import Series
from connectors.sources.metricwatch import Watch, together
from connectors.tests.test_newrelic import TRACES
from connectors.tests.vendors import EVENTS_API, SAMPLES, recorded

Part = tuple[str, Any]
Parts = Iterator[Part]
LIVE = "recorded-from-live-servers"
COMMITS, LINES, MINUTES = 400, 400, 6_000
START = 1_767_225_600  # 2026
STRUCTURED = {"content-type": "application/cloudevents+json"}
ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "shop.changed", "time": "2026-01-01T00:00:00Z"}
# What is recorded of these is deliveries, to be unpacked.
DELIVERED = {"alertmanager", "cloudevents", "gitea", "github", "gitlab", "grafana", "pagerduty", "webhook"}
# Values of the settings a source must have.
FILLED: dict[type[Any], Any] = {str: "http://127.0.0.1:9", int: 1, dict: {"latency": "x"}, list: ["shop"]}
SETTINGS: dict[str, dict[str, Any]] = {
    "cloudwatch": {"region": "eu-central-1", "queries": {"cpu": "Shop:CPUUtilization:Average"}},
    # Few recorded spans failed: those of more than a millisecond count as slow.
    **{kind: {"slow_ms": 1} for kind in ("datadog-traces", "jaeger", "newrelic", "tempo")},
    "git": {"url": "/srv/shop"},
    "jsonlines": {"path": "/srv/shop.log"},
    "zipkin": {"token": "key", "slow_ms": 1},
}
_GITEA_NAMES = {
    "pull-request": "pull_request",
    "issue-comment": "issue_comment",
    "pull-request-comment": "issue_comment",
}


def files(folder: Path, pattern: str) -> Iterator[tuple[Path, Any]]:
    """Yield each file and what is in it."""
    for path in sorted(folder.glob(pattern)):
        try:
            yield path, orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError:  # two were broken as they were recorded
            continue


def rows(folder: Path, pattern: str) -> Iterator[tuple[str, Any]]:
    """Yield each answer in files of answers, with the name of its file."""
    for path, answers in files(folder, pattern):
        for answer in answers:
            yield path.stem, answer["data"]


def alertmanager(folder: Path) -> Parts:
    """Notifications of real servers."""
    for _, exchange in files(folder / LIVE, "alertmanager-*/webhook.*.json"):
        yield "notification", exchange["body"]


def buildkite(folder: Path) -> Parts:
    """The examples of its documentation."""
    for path, told in files(folder / "buildkite" / "docs", "*.json"):
        if "_jobs." in path.name:
            yield "job.finished", {"job": told}
        elif isinstance(told, dict) and ("event" in told or "_builds." in path.name):
            yield told.get("event", "build"), told


def circleci(folder: Path) -> Parts:
    """Its REST answers, in the form in which the source decodes them."""
    found = list(rows(folder / "circleci" / "rest-devlake", "*.json"))
    pipelines = {told["id"]: told for name, told in found if "pipelines" in name}
    for name, told in found:
        if "workflows" in name:
            pipeline = pipelines.get(told["pipeline_id"], {})
            yield "workflow-completed", {"workflow": told, "pipeline": pipeline, "jobs": []}
        elif "jobs" in name:
            yield "job-completed", {"job": told, "workflow": {"name": "workflow"}}


def gitea(folder: Path) -> Parts:
    """Its webhooks, by event."""
    for path, told in files(folder / "gitea" / "webhooks-go-playground", "*.json"):
        stem = path.stem.removesuffix("-event")
        shorter = "pull_request" if stem.startswith("pull") else "issues" if stem.startswith("issue") else stem
        yield _GITEA_NAMES.get(stem, shorter), told


def gitlab(folder: Path) -> Parts:
    """Its webhooks."""
    for pattern in ("webhooks-go-playground/*.json", "rest-and-webhooks-xanzy/webhooks/*.json"):
        yield from (("", told) for _, told in files(folder / "gitlab", pattern))


def loki(folder: Path) -> Parts:
    """Lines in the answers of a real server."""
    for _, answer in files(folder / LIVE / "loki-3.4.6", "*.json"):
        if isinstance(answer, dict) and answer.get("data", {}) and "streams" in str(answer["data"])[:200]:
            yield from ((record.kind, record.value) for record in (entry.record() for entry in entries_in(answer)))


def traces(*patterns: tuple[str, str, str]) -> Callable[[Path], Parts]:
    """Return what yields traces: each pattern with how they are written and where in the file they are."""

    def found(folder: Path) -> Parts:
        for pattern, written_as, place in patterns:
            for _, told in files(folder, pattern):
                inner = told[place] if place else told
                yield from ((written_as, trace) for trace in (inner if place == "data" else [inner]))

    return found


def datadog_traces(folder: Path) -> Parts:
    """Spans as its API answers."""
    for _, calls in files(folder / "datadog" / "recorded-api-client", "v2_test_search_spans_returns_ok*.json"):
        yield from (("datadog", call["response"]["body"]) for call in calls if call["response"]["body"].get("data"))


def lines() -> Parts:
    """A log of which every line is of interest."""
    yield from (("", line) for line in written(LINES, 1, random.Random(1)))


def documents() -> Parts:
    """The same lines as documents of a search engine."""
    for number, (_, line) in enumerate(lines()):
        told = orjson.loads(line)
        yield "document", {"_index": "logs", "_id": f"{number}", "_source": {**told, "@timestamp": told["timestamp"]}}


def metrics() -> Parts:
    """What is found in days of a calm series with a spike every hour."""
    calm = ((START + 60.0 * at, 0.2 + 0.02 * sin(at / 8)) for at in range(MINUTES))
    samples = [(at, value + 3 * (at % 3_600 == 0 and at > START + 90_000)) for at, value in calm]
    series = Series("latency p99 seconds", {"service": "checkout"}, samples)
    for group in together(Watch().look(series)):
        yield "anomaly", {"findings": [finding.told() for finding in group]}


def commits() -> Parts:
    """A history with merges, tags and many authors, as git lists it."""
    with tempfile.TemporaryDirectory(prefix="rca-bench-") as name:
        folder = Path(name)
        make_repository(folder / "shop", COMMITS)
        config = Git.Config.read({"url": str(folder / "shop")})
        for page in Git(config, workspace=folder / "work", now=datetime.now(UTC)).read({}):
            yield from (("", record.raw) for record in page.records)


UI = "jaeger/jaegertracing/internal/uimodel/converter/v1/json/fixtures/ui_01.json"
RECORDED: dict[str, Callable[[Path], Parts]] = {
    "alertmanager": alertmanager,
    "buildkite": buildkite,
    "cdevents": lambda folder: (("", told) for _, told in files(folder / "cdevents" / "spec", "**/*.json")),
    "circleci": circleci,
    "cloudevents": lambda folder: (
        ("", {**ENVELOPE, "data": told}) for _, told in files(folder / "cdevents" / "spec", "**/*.json")
    ),
    "datadog-traces": datadog_traces,
    "gitea": gitea,
    "github": lambda folder: (
        (path.parent.name, told) for path, told in files(folder / "github" / "webhooks-octokit", "*/*.json")
    ),
    "gitlab": gitlab,
    "grafana": alertmanager,
    "jaeger": traces((f"{LIVE}/victoria-traces-jaeger/traces.json", "jaeger", "data"), (UI, "jaeger", "")),
    "jenkins": lambda folder: (
        ("build", told) for name, told in rows(folder / "jenkins" / "rest-devlake", "*.json") if "builds" in name
    ),
    "loki": loki,
    "opsgenie": lambda folder: (("incident", told) for _, told in rows(folder / "opsgenie", "*/*incidents.json")),
    "pagerduty": lambda folder: (("", told) for _, told in files(folder / "pagerduty", "*/webhookv3*.json")),
    "tempo": traces((f"{LIVE}/tempo-3.0.3/trace_v?.json", "otlp", "")),
    "webhook": lambda folder: (("", told) for told in recorded().values()),
    "zipkin": traces(("zipkin/openzipkin/*.json", "zipkin", ""), (f"{LIVE}/zipkin-*/spans.*.json", "zipkin", "body")),
}
MADE: dict[str, Callable[[], Parts]] = {
    "cloudwatch": metrics,
    "cloudevents": lambda: iter([("", ENVELOPE)]),
    "datadog": metrics,
    "elasticsearch": documents,
    "git": commits,
    "jsonlines": lines,
    "newrelic": lambda: (("newrelic", {"spans": spans}) for spans in TRACES.values()),
    "pagerduty": lambda: iter([("", EVENTS_API)]),
    "prometheus": metrics,
    "webhook": lambda: (("", told) for told in SAMPLES.values()),
}


def source_of(kind: type[Source[Any]]) -> Source[Any]:
    """Return a source with the settings it must have."""
    needed = [setting for setting in kind.Config.settings() if setting.required or setting.name == "secret"]
    given = {setting.name: FILLED[setting.type] for setting in needed} | SETTINGS.get(kind.kind, {})
    return kind(kind.Config.read(given), workspace=Path("unused"), now=datetime.now(UTC))


def records_of(source: Source[Any], folder: Path | None) -> tuple[str, list[Record]]:
    """Return where the records of a kind are from, and those that can be decoded; none: there is nothing of it here."""
    kind = source.kind
    told = [("recorded", RECORDED[kind](folder))] if folder and kind in RECORDED else []
    for said, found in [*told, *([("made", MADE[kind]())] if kind in MADE else [])]:
        records = [record for name, value in found for record in _records(source, name, value)]
        good = [record for record in records if _is_good(source, record)]
        if any(list(source.decode(record)) for record in good):
            return said, good
    return "", []


def _records(source: Source[Any], name: str, value: Any) -> list[Record]:
    """Return what a delivery or a record as recorded comes to."""
    if isinstance(value, bytes):
        return [Record("one", value, value, name)]
    if source.kind not in DELIVERED or not isinstance(source, Push):
        return [Record.of("one", name, value)]
    try:
        parts = list(source.unpack(Call(name, STRUCTURED, orjson.dumps(value))))
    except BadRecord:
        return []
    return [Record.of("one", kind, part) for kind, part in parts]


def _is_good(source: Source[Any], record: Record) -> bool:
    try:
        list(source.decode(record))
    except Exception:  # a decoder may raise what it likes: its record is a dead letter, and no event
        return False
    return True
