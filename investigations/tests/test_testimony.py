"""What stored events tell the suspects engine, in the shapes that sources give them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from investigations import testimony
from investigations.testimony import Told

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


def told(data: dict[str, Any], event_type: str = "", **more: Any) -> Told:
    blank = Told(uuid4(), AT, "", event_type, "payments", "a/b", "A title", "", "info", data)
    return blank._replace(**more)


def finding(*samples: list[float], **more: Any) -> dict[str, Any]:
    return {"metric": "errors", "samples": list(samples), **more}


def test_the_samples_of_each_finding_of_an_anomaly_are_a_series() -> None:
    found = testimony.series([told({"findings": [finding([1, 2]), finding([1, 5], metric="latency")]})])
    assert [(one.service, one.metric, list(one.values)) for one in found] == [
        ("payments", "errors", [2]),
        ("payments", "latency", [5]),
    ]


def test_what_several_anomalies_tell_of_one_metric_is_one_series() -> None:
    (one,) = testimony.series(
        [told({"findings": [finding([2, 3], [3, 4])]}), told({"findings": [finding([1, 2], [2, 3])]})]
    )
    assert (list(one.times), list(one.values)) == ([1, 2, 3], [2, 3, 4])


def test_instances_are_series_of_their_own() -> None:
    found = testimony.series([told({"findings": [finding([1, 2], instance=name)]}) for name in ("a", "b")])
    assert [one.instance for one in found] == ["a", "b"]


@pytest.mark.parametrize("findings", [3, [3], [{}], [{"samples": 3}], [{"samples": [[1], "x", None, ["a", 2]]}]])
def test_findings_that_cannot_be_read_are_no_series(findings: object) -> None:
    assert testimony.series([told({"findings": findings})]) == ()


def test_a_burst_is_spread_over_the_time_it_went_on() -> None:
    ends = {"first_at": "2026-03-04T12:00:00+00:00", "last_at": "2026-03-04T12:00:40+00:00"}
    lines = list(testimony.lines(told({"count": 4, "template": "502 from <*>", **ends})))
    assert [one.at - AT.timestamp() for one in lines] == [0, 10, 20, 30]


def test_a_failed_span_says_what_failed() -> None:
    exception = {"type": "Timeout", "message": "after 5 s"}
    one = testimony.call(told({"exception": exception, "attributes": {"db.rows": 3}}, "span_error"))
    assert (one.failed, one.error, one.attributes) == (True, "Timeout after 5 s", {"db.rows": "3"})


def test_a_commit_brings_its_whole_message_and_its_diff() -> None:
    one = testimony.commit(
        told({"message": "Fail fast\n\nWait 1 s, not 5.", "diff": "-5\n+1"}, "commit", source_id="f" * 40)
    )
    assert (one.sha, one.message, one.diff) == ("f" * 40, "Fail fast\n\nWait 1 s, not 5.", "-5\n+1")


@pytest.mark.parametrize(("state", "ships"), [("succeeded", True), ("SUCCESS", True), ("", True), ("failed", False)])
def test_only_a_deployment_that_succeeded_ships(state: str, ships: bool) -> None:
    assert told({"sha": "f" * 40, "state": state}, "deployment").ships is ships
