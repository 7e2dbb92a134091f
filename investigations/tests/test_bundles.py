"""Incidents in folders: what is read, what is refused, and how the command answers."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from investigations.bundles import reading
from investigations.bundles.fields import BadBundle

ALERT = {"service": "shop", "metric": None, "fired_at": "2026-06-18T15:06:00Z", "summary": "slow"}


def bundle(folder: Path, **files: str) -> Path:
    (folder / "alert.json").write_text(json.dumps(ALERT))
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_a_folder_with_an_alert_alone_is_an_incident(tmp_path: Path) -> None:
    scene = reading.read(bundle(tmp_path))
    assert (scene.alert.service, scene.alert.metric, scene.series) == ("shop", "", ())


def test_the_files_may_lie_in_data(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert reading.read(bundle(tmp_path / "data").parent).alert.text == "slow"


def test_a_span_of_the_same_trace_is_put_into_that_of_its_parent(tmp_path: Path) -> None:
    common = {"service": "a", "name": "x", "start": "2026-06-18T15:00:00Z", "duration_ms": 3, "status": "OK"}
    spans = [
        {**common, "trace_id": "t1", "span_id": "1", "parent_id": None},
        {**common, "trace_id": "same", "span_id": "2", "parent_id": "1"},
        {**common, "trace_id": "same", "span_id": "3", "parent_id": "2"},
    ]
    told = reading.read(bundle(tmp_path, traces__json=json.dumps(spans)))
    assert {span.trace_id for span in told.spans} == {"t1"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("metrics.csv", "timestamp,service,value\n", "metrics.csv: the column metric is missing."),
        ("metrics.csv", "timestamp,service,metric,value\nnever,a,b,1\n", "metrics.csv, line 2: timestamp or value"),
        (
            "metrics.csv",
            "timestamp,service,metric,value\n2026-06-18T15:06:00Z\n",
            "metrics.csv, line 2: too few columns.",
        ),
        ("logs.ndjson", "{", "logs.ndjson, line 1: not JSON"),
        ("logs.ndjson", "[]", "logs.ndjson, record 1: an object is expected."),
        ("logs.ndjson", '{"service": "a"}', "logs.ndjson, record 1: timestamp is missing."),
        ("traces.json", '{"spans": 3}', "traces.json: a list is expected."),
        (
            "traces.json",
            '[{"start": 1, "duration_ms": "long"}]',
            "traces.json, record 1: duration_ms is no number: 'long'.",
        ),
        ("commits.json", '[{"timestamp": 1}]', "commits.json, record 1: sha is missing."),
        ("commits.json", '[{"sha": "a", "timestamp": 1, "diff": 3}]', "commits.json, record 1: diff is no text."),
        (
            "deploys.json",
            '[{"commit_sha": "a", "timestamp": "x"}]',
            "deploys.json, record 1: timestamp is no time: 'x'.",
        ),
        ("graph.csv", "from,to\n", "graph.csv: the column caller is missing."),
        ("alert.json", "[1]", "alert.json, record 1: an object is expected."),
    ],
)
def test_a_malformed_file_is_named_with_its_field(name: str, text: str, said: str, tmp_path: Path) -> None:
    (bundle(tmp_path) / name).write_text(text)
    with pytest.raises(BadBundle) as problem:
        reading.read(tmp_path)
    assert str(problem.value).startswith(said)


def test_the_command_prints_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rank_causes", bundle=bundle(tmp_path))
    assert json.loads(capsys.readouterr().out)["ranking"] == []


def test_the_command_writes_the_answer(tmp_path: Path) -> None:
    call_command("rank_causes", bundle=bundle(tmp_path), out=tmp_path / "answers" / "one.json")
    assert json.loads((tmp_path / "answers" / "one.json").read_text())["no_change_cause"] is True


def test_the_command_refuses_a_folder_without_an_alert(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"there is no alert\.json"):
        call_command("rank_causes", bundle=tmp_path)
