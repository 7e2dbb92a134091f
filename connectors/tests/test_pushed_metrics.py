"""Metrics that are told over OTLP are kept by sender, watched as those that are asked for are, and told once."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, Sum
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import credentials
from accounts.models import AuditEntry, User
from connectors import otlp, pipeline, pushing, retention, shelf
from connectors.models import Connector, Gap, PushedSamples, PushedSeries
from connectors.polling import poll
from connectors.pushing import name_for
from connectors.services import connect, switch
from connectors.sources import metricwatching
from connectors.sources.otlp_metrics import CUMULATIVE
from connectors.tests.otlp import PROTOBUF, gauge, point, told
from connectors.tests.test_metric_sources import calm
from events.choices import OriginKind
from events.models import Event

pytestmark = pytest.mark.django_db
MINUTE = 60.0
DISK = gauge("disk.used.percent", point(97.5), unit="%")


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path
    settings.EVENT_QUEUE_LIMIT = 0


@pytest.fixture
def client(api: Callable[[User], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def post(client: Any, request: ExportMetricsServiceRequest) -> Any:
    body = request.SerializeToString()
    return client.generic("POST", "/otlp/v1/metrics", body, content_type=PROTOBUF)


def rejected(answer: Any) -> tuple[int, str]:
    assert answer.status_code == 200
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    return partial.rejected_data_points, partial.error_message


def judged(after: timedelta = timedelta(minutes=1)) -> list[Event]:
    """Poll every sender's connector so much later than now, and return all events there are."""
    for connector in Connector.objects.select_related("origin"):
        poll(connector=connector, now=timezone.now() + after)
    return list(Event.objects.order_by("timestamp"))


def history(minutes: int, *, last: float, name: str = "queue.length") -> ExportMetricsServiceRequest:
    """Return a calm past, a sample a minute up to a minute ago, and what is so now."""
    past = [point(calm(at * MINUTE), (at - minutes) * MINUTE) for at in range(minutes)]
    return told(gauge(name, *past, point(last)), service_name="checkout")


def test_a_value_unlike_before_becomes_one_event_however_often_it_is_told_and_judged(client: APIClient) -> None:
    request = history(200, last=9.0)
    assert rejected(post(client, request)) == (0, "")
    assert [event.event_type for event in judged()] == ["metric_anomaly"]
    post(client, request)
    (event,) = judged(timedelta(minutes=2))
    assert (event.service, event.source, event.origin.kind) == ("checkout", "metrics", OriginKind.CONNECTOR)
    assert event.title.startswith("queue.length: spike, 9 (usually 0.1")
    assert len(event.data["findings"][0]["samples"]) == 60
    assert PushedSamples.objects.count() == 1


def test_a_calm_series_is_no_event(client: APIClient) -> None:
    post(client, history(200, last=calm(200 * MINUTE)))
    assert judged() == []


def test_what_one_request_taught_judges_the_next(client: APIClient) -> None:
    post(client, history(200, last=0.2))
    assert judged() == []
    post(client, told(gauge("queue.length", point(9.0, MINUTE)), service_name="checkout"))
    assert [event.event_type for event in judged(timedelta(minutes=2))] == ["metric_anomaly"]


def test_a_value_that_is_bad_by_itself_is_an_event_without_any_past(client: APIClient) -> None:
    post(client, told(DISK))
    (event,) = judged()
    assert (event.severity, event.event_type) == ("critical", "metric_anomaly")
    assert event.title == "disk.used.percent: disk in use at or above 95%, 97.5 %"


def test_a_worker_without_what_was_learned_learns_it_again_and_tells_nothing_twice(
    client: APIClient, tmp_path: Path
) -> None:
    post(client, history(200, last=9.0))
    assert len(judged()) == 1
    for kept in (tmp_path / "connectors").rglob("*.*"):
        kept.unlink()
    post(client, told(gauge("queue.length", point(0.2, 2)), service_name="checkout"))
    assert len(judged(timedelta(minutes=2))) == 1
    assert list((tmp_path / "connectors").rglob(metricwatching.TOLD))


def test_a_poll_that_dies_before_its_end_loses_nothing_and_tells_nothing_twice(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client, history(200, last=9.0))

    def dies(**_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "store", dies)
        with pytest.raises(RuntimeError):
            judged()
    assert (Event.objects.count(), Connector.objects.get().cursor) == (0, {})
    assert len(judged(timedelta(minutes=2))) == 1
    assert len(judged(timedelta(minutes=3))) == 1


def test_what_a_sender_tells_late_is_judged_too(client: APIClient) -> None:
    post(client, told(gauge("cpu", point(0.2)), service_name="checkout"))
    judged()
    post(client, history(200, last=9.0))
    assert [event.event_type for event in judged(timedelta(minutes=2))] == ["metric_anomaly"]


def test_series_that_count_anew_are_not_taken_for_more(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metricwatching, "MOST_SERIES", 1)
    for since, value in ((-900.0, 7.0), (-60.0, 1.0)):
        at = point(value, since + 50, counts_since=since)
        metric = Metric(name="paid", sum=Sum(data_points=[at], is_monotonic=True, aggregation_temporality=CUMULATIVE))
        post(client, told(metric))
    assert judged() == []
    assert not Gap.objects.exists()


def test_samples_out_of_order_are_judged_in_the_order_of_time(client: APIClient) -> None:
    past = [point(calm(at * MINUTE), (at - 200) * MINUTE) for at in range(200)]
    for part in (past[100:], past[:100]):
        post(client, told(gauge("queue.length", *part)))
    assert judged() == []
    post(client, told(gauge("queue.length", point(9.0, 1))))
    assert len(judged(timedelta(minutes=2))) == 1


def test_metrics_of_one_service_are_named_together(client: APIClient) -> None:
    request = history(200, last=9.0)
    request.MergeFrom(history(200, last=9.0, name="latency"))
    post(client, request)
    (event,) = judged()
    assert "; with " in event.title


def test_every_sender_has_a_connector_of_its_own_and_a_new_key_of_the_same_name_is_the_same(
    api: Callable[..., APIClient], engineer: User
) -> None:
    for _ in range(2):
        _, secret = credentials.create_key(
            name="shop", user=engineer, scope="ingest", actor=engineer, now=timezone.now()
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        post(client, told(DISK))
    post(api(engineer), told(DISK))
    names = Connector.objects.order_by("name").values_list("name", "config__sender")
    assert list(names) == [("otlp-engineer", "engineer"), ("otlp-engineer-shop", "engineer/shop")]
    assert AuditEntry.objects.filter(verb="connect", actor=engineer).count() == 2


@pytest.mark.parametrize(
    ("sender", "name"),
    [("ann", "otlp-ann"), ("ann/shop", "otlp-ann-shop"), ("Ann/shop", "otlp-ann-shop-"), ("a" * 90, "otlp-aaa")],
)
def test_a_connector_is_called_after_its_sender_and_no_two_alike(sender: str, name: str) -> None:
    made = name_for(sender)
    assert made.startswith(name)
    assert len(made) <= 60
    assert (made == name) == (sender in {"ann", "ann/shop"})


def test_a_request_without_points_makes_no_connector(client: APIClient) -> None:
    assert rejected(post(client, told())) == (0, "")
    assert not Connector.objects.exists()


def test_a_name_that_is_taken_is_said(client: APIClient, engineer: User) -> None:
    connect(name="otlp-engineer", kind="github", values={"secret": "x"}, actor=engineer, now=timezone.now())
    assert post(client, told(DISK)).status_code == 409


def test_a_sender_that_is_switched_off_is_told_to_come_back(client: APIClient, engineer: User) -> None:
    post(client, told(DISK))
    switch(connector=Connector.objects.get(), enabled=False, actor=engineer, now=timezone.now())
    answer = post(client, told(DISK))
    assert (answer.status_code, answer["Retry-After"]) == (503, str(otlp.RETRY_AFTER))


def test_series_beyond_what_can_be_watched_are_counted_and_the_others_kept(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "MOST_SERIES", 2)
    request = told(*(gauge(name, point(1)) for name in "abc"))
    assert rejected(post(client, request)) == (1, "2 series of a sender can be watched; this one tells of more.")
    assert rejected(post(client, told(gauge("b", point(2)), gauge("d", point(2)))))[0] == 1
    assert sorted(str(one) for one in PushedSeries.objects.all()) == ["a", "b"]
    reasons = set(Gap.objects.values_list("reason", flat=True))
    assert reasons == {"2 series of a sender can be watched; this one tells of more."}
    assert sum(PushedSamples.objects.values_list("number", flat=True)) == 3


def test_series_that_nobody_tells_of_any_more_make_room(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "MOST_SERIES", 2)
    post(client, told(gauge("a", point(1)), gauge("b", point(1))))
    PushedSeries.objects.filter(told__metric="a").update(told_at=timezone.now() - timedelta(hours=2))
    assert rejected(post(client, told(gauge("c", point(1))))) == (0, "")
    assert sorted(str(one) for one in PushedSeries.objects.all()) == ["b", "c"]


def test_a_series_that_is_told_of_stays(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "MOST_SERIES", 1)
    post(client, told(gauge("a", point(1))))
    PushedSeries.objects.update(told_at=timezone.now() - timedelta(hours=2))
    assert rejected(post(client, told(gauge("a", point(2)), gauge("b", point(1)))))[0] == 1
    assert [str(one) for one in PushedSeries.objects.all()] == ["a"]


def test_a_sender_that_tells_faster_than_it_is_judged_waits(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "MOST_WAITING", 1)
    for value in (1, 2):
        assert post(client, told(gauge("a", point(value)))).status_code == 200
    refused = post(client, told(gauge("a", point(3))))
    assert (refused.status_code, refused["Retry-After"]) == (429, str(pushing.RETRY_AFTER))
    judged()
    assert post(client, told(gauge("a", point(3)))).status_code == 200


def test_bad_points_are_counted_beside_those_that_cannot_be_watched(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "MOST_SERIES", 1)
    request = told(gauge("a", point(1)), gauge("b", point(1)), gauge("c", point(1, time_unix_nano=0)))
    assert rejected(post(client, request)) == (2, "A time is missing.")


def test_samples_go_once_they_are_judged_and_past_what_is_learned_from(client: APIClient) -> None:
    for value in (1, 2):
        post(client, told(gauge("a", point(value))))
    PushedSamples.objects.update(received_at=timezone.now() - timedelta(hours=25))
    assert retention.purge_samples(now=timezone.now()) == 0
    post(client, told(gauge("a", point(3))))
    judged()
    assert retention.purge_samples(now=timezone.now()) == 2
    assert PushedSamples.objects.count() == 1


def test_no_more_samples_are_kept_than_fit(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_SAMPLES", 2)
    for value in (1, 2, 3, 4):
        post(client, told(gauge("a", point(value))))
    judged()
    retention.purge_samples(now=timezone.now())
    assert PushedSamples.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_nothing_is_read_past_a_request_that_is_still_being_stored(
    client: APIClient, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "LOCK_PATIENCE", "200ms")
    post(client, told(DISK))
    connector = Connector.objects.get()
    held, free = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic(), shelf.storing(connector.pk):
            held.set()
            free.wait(10)
        connection.close()

    other = threading.Thread(target=slow)
    other.start()
    held.wait(10)
    with pytest.raises(OperationalError, match="lock timeout"):
        shelf.MetricShelf(connector).settled()
    free.set()
    other.join()
    before = timezone.now() - timedelta(seconds=1)
    assert shelf.MetricShelf(connector).settled() > before


@pytest.mark.django_db(transaction=True)
def test_senders_at_the_same_moment_get_one_connector_and_lose_nothing(
    api: Callable[[User], APIClient], engineer: User
) -> None:
    answers: list[Any] = []

    def send(number: int) -> None:
        answers.append(post(api(engineer), told(gauge(f"a{number % 3}", point(number, number / 1_000)))))
        connection.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [rejected(answer) for answer in answers] == [(0, "")] * 8
    assert (Connector.objects.count(), PushedSeries.objects.count(), PushedSamples.objects.count()) == (1, 3, 8)
