"""Metrics are asked for, each series is watched by itself, and what is remarkable becomes an event once."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from math import sin
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from pytest_django import Settings
from werkzeug.serving import make_server

from connectors import services
from connectors.errors import BadRecord, Misconfigured, Refused
from connectors.models import Connector
from connectors.polling import poll
from connectors.sources import datadog, prometheus
from connectors.sources.cloudwatch import CloudWatch, CloudWatchConfig, period_for
from connectors.sources.metricevents import draft_of
from connectors.sources.metricseries import Form, Series
from connectors.sources.metricwatch import Watch, together
from connectors.tests.corpus import EMPTIES, STRANGE, assert_golden, escapes, mutilated, places
from connectors.tests.factories import NOW
from connectors.tests.peers import Asked, Peer, Reply
from connectors.tests.realpeers import prometheus as real_prometheus
from events.models import Event
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

MINUTE = 60.0
END = NOW.timestamp()
DATADOG = sorted(
    path for path in payloads("datadog", "recorded-api-client").glob("*.json") if "timeseries" in path.name
)
PROMETHEUS = sorted(payloads("recorded-from-live-servers", "prometheus-3.5.3").glob("query_range*.json"))


@pytest.fixture
def _own_data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path


def calm(at: float) -> float:
    return 0.2 + 0.02 * sin(at / 500) + (at / MINUTE % 7) / 1_000


def answering(spike_at: float, *, height: float = 3.0) -> Any:
    """Return a Prometheus that tells of one calm series with one spike, for any range it is asked for."""

    def answer(asked: Asked) -> Any:
        form = asked.form
        start, end, step = (float(form[name]) for name in ("start", "end", "step"))
        count = int((end - start) / step) + 1
        assert count <= 11_000
        times = [start + step * place for place in range(count)]
        values = [[at, str(height if at == spike_at else calm(at))] for at in times]
        series = {"metric": {"service": "checkout", "handler": "/pay"}, "values": values}
        return {"status": "success", "data": {"resultType": "matrix", "result": [series]}}

    return answer


def connect(peer: Any, **values: Any) -> Connector:
    given = {"url": peer.url, "queries": {"latency p99 seconds": "whatever"}, "environment": "live", **values}
    return services.connect(name="metrics", kind="prometheus", values=given, actor=None, now=NOW)


@pytest.mark.django_db
@pytest.mark.usefixtures("_own_data")
def test_a_spike_becomes_one_event_however_often_it_is_polled() -> None:
    spike = END + 10 * MINUTE
    with Peer({"/api/v1/query_range": answering(spike)}) as peer:
        connector = connect(peer)
        for minutes in (0, 15, 16, 45, 90):
            poll(connector=connector, now=NOW + timedelta(minutes=minutes))
    (event,) = Event.objects.filter(timestamp__gte=NOW)
    assert (event.event_type, event.severity, event.service) == ("metric_anomaly", "high", "checkout")
    assert event.title.startswith("latency p99 seconds{handler=/pay}: spike, 3 (usually 0.1")
    assert event.timestamp.timestamp() == spike
    assert (event.component, event.environment) == ("/pay", "live")
    assert event.data["findings"][0]["samples"][-1] == [spike, 3.0]


@pytest.mark.django_db
@pytest.mark.usefixtures("_own_data")
def test_a_worker_that_knows_nothing_of_the_past_reads_it_again_and_tells_nothing_twice(tmp_path: Path) -> None:
    with Peer({"/api/v1/query_range": answering(END + 10 * MINUTE)}) as peer:
        connector = connect(peer)
        for minutes in (0, 15):
            poll(connector=connector, now=NOW + timedelta(minutes=minutes))
        before = Event.objects.count()
        for kept in (tmp_path / "connectors" / str(connector.pk)).iterdir():
            kept.write_bytes(b"broken")
        poll(connector=connector, now=NOW + timedelta(minutes=16))
    assert Event.objects.count() == before


@pytest.mark.django_db
@pytest.mark.usefixtures("_own_data")
def test_a_query_that_cannot_be_read_is_named() -> None:
    said = {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end of input"}
    with Peer({"/api/v1/query_range": Reply(json.dumps(said), status=400)}) as peer, pytest.raises(Refused) as refused:
        poll(connector=connect(peer), now=NOW)
    assert "queries: latency p99 seconds" in refused.value.message


@pytest.mark.django_db
@pytest.mark.slow
@pytest.mark.usefixtures("_own_data")
def test_a_real_prometheus_is_read() -> None:
    with real_prometheus() as peer:
        connector = connect(peer, queries={"up": "up", "one": "vector(1)", "nothing": "nothing_at_all"}, step=10)
        tally = poll(connector=connector, now=NOW.now(NOW.tzinfo))
    assert tally is not None
    assert (tally.dead, tally.ignored) == (0, 1)


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """CloudWatch, as moto emulates it."""
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def cloudwatch(address: str, **values: Any) -> CloudWatch:
    given = {"region": "eu-central-1", "access_key_id": "id", "secret_access_key": "secret", "url": address}
    queries = {"cpu": "Shop:CPUUtilization:Average{Service=checkout}"}
    config = CloudWatchConfig.read({**given, "queries": queries, **values})
    return CloudWatch(config, workspace=Path("unused"), now=NOW)


@pytest.mark.slow
def test_cloudwatch_is_asked_with_a_signature_and_answers(aws: str) -> None:
    source = cloudwatch(aws)
    put = {
        "Namespace": "Shop",
        "MetricData": [
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "Service", "Value": "checkout"}],
                "Timestamp": END - minutes * MINUTE,
                "Value": 40 + minutes,
            }
            for minutes in range(1, 6)
        ],
    }
    headers = {
        "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
        "Content-Type": "application/x-amz-json-1.0",
    }
    source.http.post("/", json=put, headers=headers)
    (series,) = source.ask(NOW - timedelta(hours=1), NOW)
    assert sorted(value for _, value in series.samples) == [41, 42, 43, 44, 45]
    assert (series.service, series.labels["region"]) == ("checkout", "eu-central-1")


@pytest.mark.parametrize(
    ("values", "field"),
    [({"region": "Europe"}, "region"), ({"queries": {"x": "no colon"}}, "queries"), ({"url": "ftp://x"}, "url")],
)
def test_what_cloudwatch_cannot_be_asked_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        cloudwatch("http://x", **values)
    assert set(refused.value.fields) == {field}


@pytest.mark.parametrize(("days", "period"), [(1, 60), (20, 300), (100, 3_600)])
def test_the_older_the_samples_the_coarser_they_are(days: int, period: int) -> None:
    assert period_for(60, timedelta(days=days)) == period


def test_every_recorded_answer_is_read_as_before() -> None:
    found: dict[str, Any] = {}
    for path in DATADOG:
        for exchange in orjson.loads(path.read_bytes()):
            series = list(datadog.series_in(exchange["response"]["body"]))
            found[path.name] = [[labels, unit, len(samples), samples[:1]] for labels, unit, samples in series]
    for path in PROMETHEUS:
        series_told = list(prometheus.series_in(orjson.loads(path.read_bytes())))
        found[path.name] = [[labels, len(samples), samples[:1]] for labels, samples in series_told][:10]
    assert_golden("metrics/series", orjson.loads(orjson.dumps(found)))


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_of_an_answer_breaks_its_reader(value: Any) -> None:
    small = {"status": "success", "data": {"result": [{"metric": {"a": "b"}, "values": [[1, "2"], [2, "NaN"]]}]}}
    assert escapes(small, value, lambda changed: list(prometheus.series_in(changed))) == []
    asked: dict[str, Any] = {"data": {"attributes": {"series": [{"group_tags": ["a:b"], "unit": [{"name": "s"}]}]}}}
    asked["data"]["attributes"] |= {"times": [1, 2], "values": [[1, None]]}
    assert escapes(asked, value, lambda changed: list(datadog.series_in(changed))) == []


FINDING = {
    "metric": "m",
    "shown": "m",
    "at": 1.9e9,
    "severity": "high",
    "shape": "spike",
    "value": 1.0,
    "low": 0,
    "high": 1,
}


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_finding_mutilated_is_a_bad_record_at_most(data: st.DataObject) -> None:
    payload = {"findings": [FINDING, FINDING]}
    way = data.draw(st.sampled_from(list(places(payload))))
    try:
        draft_of("x", mutilated(payload, way, data.draw(STRANGE)))
    except (BadRecord, Invalid):
        return


def gauge(values: list[float], *, service: str = "shop", metric: str = "latency", first: int = 0) -> Series:
    samples = [(END + MINUTE * (first + place), value) for place, value in enumerate(values)]
    return Series(metric=metric, labels={"service": service}, samples=samples)


def test_correlated_metrics_of_one_service_are_told_together() -> None:
    watch = Watch()
    findings = []
    for metric in ("latency", "queue", "cpu"):
        values = [calm(place * MINUTE) for place in range(200)]
        findings += watch.look(gauge([*values, 9.0], metric=metric))
    findings += watch.look(gauge([*[calm(place * MINUTE) for place in range(200)], 9.0], service="other"))
    groups = together(one for one in findings if one.value == 9.0)
    assert sorted(len(group) for group in groups) == [1, 3]
    assert "; with " in draft_of("x", {"findings": [one.told() for one in max(groups, key=len)]}).title


def test_of_a_counter_the_rate_is_watched_and_a_restart_is_none() -> None:
    samples = [(END + MINUTE * place, float(place * 60)) for place in range(5)] + [(END + MINUTE * 5, 0.0)]
    watch = Watch()
    watch.look(Series(metric="requests", labels={}, samples=samples, form=Form.COUNTER))
    (judge,) = watch.judges.values()
    assert [value for _, value in judge.recent] == [1.0] * 4


def test_of_a_histogram_the_mean_since_the_last_sample_is_watched() -> None:
    samples = [(END + MINUTE * place, (place * 3.0, place * 2.0)) for place in range(3)]
    watch = Watch()
    watch.look(Series(metric="duration", labels={}, samples=samples, form=Form.RATIO))
    (judge,) = watch.judges.values()
    assert [value for _, value in judge.recent] == [1.5, 1.5]


def test_what_was_learned_is_put_away_and_taken_up_again() -> None:
    watch = Watch()
    watch.look(gauge([calm(place * MINUTE) for place in range(100)]))
    told, learned = watch.state()
    again = Watch.restore(orjson.loads(orjson.dumps(told)), learned)
    later = gauge([9.0], first=100)
    assert [one.told() for one in again.look(later)] == [one.told() for one in watch.look(later)]
