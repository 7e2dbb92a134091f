"""What a data point of OTLP is as a sample: its form, its name, its time."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    Sum,
    Summary,
    SummaryDataPoint,
)

from connectors.sources.metricseries import Form, Series
from connectors.sources.metricwatch import Watch
from connectors.sources.otlp_metrics import points
from connectors.sources.pushedmetrics import identity, packed, unpacked
from connectors.tests.otlp import gauge, nanoseconds, point, told
from rcaplatform.kit.errors import DomainError

DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
MINUTE = 60.0


def read(*metrics: Metric, **resource: str) -> list[Any]:
    return list(points(told(*metrics, **resource), now=timezone.now()))


def one(metric: Metric, **resource: str) -> Series:
    ((series,),) = read(metric, **resource)
    assert isinstance(series, Series)
    return series


def summed(*points: Any, temporality: Any = CUMULATIVE, monotonic: bool = True) -> Metric:
    return Metric(name="paid", sum=Sum(data_points=points, is_monotonic=monotonic, aggregation_temporality=temporality))


def measured(total: float, count: int, temporality: Any, seconds: float = 0.0, **fields: Any) -> Metric:
    at = HistogramDataPoint(time_unix_nano=nanoseconds(seconds), sum=total, count=count, **fields)
    return Metric(name="took", histogram=Histogram(data_points=[at], aggregation_temporality=temporality))


def test_a_gauge_is_what_it_says() -> None:
    series = one(gauge("queue", point(7, attributes={"queue": "mail"}), unit="{job}"), service_name="shop")
    assert (series.metric, series.form, series.unit, series.service) == ("queue", Form.GAUGE, "{job}", "shop")
    assert (series.component, [value for _, value in series.samples]) == ("mail", [7])


def test_of_a_cumulative_sum_the_rate_is_watched_and_since_when_it_counts_is_kept() -> None:
    series = one(summed(point(7, counts_since=-MINUTE)))
    assert (series.metric, series.form) == ("paid per second", Form.COUNTER)
    assert series.samples[0][0] - series.since == pytest.approx(MINUTE, abs=1)


def test_a_delta_is_a_rate_by_itself() -> None:
    series = one(summed(point(120, counts_since=-MINUTE), temporality=DELTA))
    assert (series.metric, series.form) == ("paid per second", Form.GAUGE)
    assert series.samples[0][1] == pytest.approx(2, abs=0.1)


def test_a_delta_that_does_not_say_how_long_it_counted_is_an_amount() -> None:
    series = one(summed(point(120), temporality=DELTA))
    assert (series.metric, [value for _, value in series.samples]) == ("paid", [120])


def test_a_sum_that_goes_up_and_down_is_a_gauge() -> None:
    assert one(summed(point(3), monotonic=False)).form is Form.GAUGE


def test_of_a_histogram_the_mean_is_watched_in_either_temporality() -> None:
    assert one(measured(6, 3, DELTA)).samples[0][1] == 2
    series = one(measured(6, 3, CUMULATIVE))
    assert (series.metric, series.form, series.samples[0][1]) == ("took mean", Form.RATIO, (6, 3))


def test_of_an_exponential_histogram_the_mean_is_watched() -> None:
    at = ExponentialHistogramDataPoint(time_unix_nano=nanoseconds(0), sum=6, count=3)
    told = ExponentialHistogram(data_points=[at], aggregation_temporality=DELTA)
    assert one(Metric(name="took", exponential_histogram=told)).samples[0][1] == 2


def test_a_summary_is_a_gauge_of_each_quantile() -> None:
    values = [SummaryDataPoint.ValueAtQuantile(quantile=share, value=share * 10) for share in (0.5, 0.99)]
    at = SummaryDataPoint(time_unix_nano=nanoseconds(0), quantile_values=values)
    ((half, most),) = read(Metric(name="took", summary=Summary(data_points=[at])))
    assert [(one.labels["quantile"], one.samples[0][1]) for one in (half, most)] == [("0.5", 5), ("0.99", 9.9)]


@pytest.mark.parametrize(
    "metric",
    [
        gauge("a", point(0, flags=DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)),
        gauge("a", point(float("nan"))),
        measured(0, 0, DELTA),
        measured(float("inf"), 3, CUMULATIVE),
        Metric(name="a", histogram=Histogram(data_points=[HistogramDataPoint(time_unix_nano=nanoseconds(0), count=3)])),
    ],
    ids=["no value", "no number", "nothing measured", "endless", "no sum"],
)
def test_a_point_that_measured_nothing_is_a_sample_of_no_series(metric: Metric) -> None:
    assert read(metric) == [[]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (gauge("a", point(1, time_unix_nano=0)), "A time is missing."),
        (gauge("a", point(1, 3_600)), "A time is more than 10 minutes ahead."),
        (gauge("a", point(1, -25 * 3_600)), "A time is more than 24 hours ago."),
        (gauge("", point(1)), "A metric has no name."),
    ],
)
def test_a_point_that_cannot_be_judged_is_no_good(given: Metric, said: str) -> None:
    (problem,) = read(given)
    assert isinstance(problem, DomainError)
    assert problem.message == said


def test_what_is_kept_comes_back_in_the_order_of_time_and_apart_where_counting_began_anew() -> None:
    labels = {"service": "shop"}
    early = Series("paid", labels, [(2.0, 20.0), (1.0, 10.0)], Form.COUNTER, since=0.5)
    late = Series("paid", labels, [(4.0, 40.0)], Form.COUNTER, since=3.5)
    stranger = Series("other", labels, [(1.0, 1.0)])
    bodies = [packed([late, stranger]), packed([early])]
    first, second = unpacked(bodies, {early.key: identity(early)})
    assert (first.samples, first.since, first.key) == ([(1.0, 10.0), (2.0, 20.0)], 0.5, early.key)
    assert (second.samples, second.since, second.form) == ([(4.0, 40.0)], 3.5, Form.COUNTER)


def test_sum_and_count_come_back_as_a_pair() -> None:
    ratio = Series("took mean", {}, [(1.0, (6.0, 3.0))], Form.RATIO)
    (back,) = unpacked([packed([ratio])], {ratio.key: identity(ratio)})
    assert back.samples == [(1.0, (6.0, 3.0))]


def counted(*samples: tuple[float, float], since: float) -> Series:
    return Series("paid", {}, [(MINUTE * at, value) for at, value in samples], Form.COUNTER, since=since)


def test_a_counter_that_restarted_gives_no_rate_even_where_it_is_higher_than_before() -> None:
    watch = Watch()
    watch.look(counted((1, 60), (2, 120), since=1))
    watch.look(counted((3, 9_000), (4, 9_060), since=150))
    (judge,) = watch.judges.values()
    assert [value for _, value in judge.recent] == [1.0, 1.0]


def test_what_comes_too_often_is_passed_over_unless_it_is_bad_by_itself() -> None:
    watch = Watch(apart=30)
    values = {60.0: 50.0, 70.0: 51.0, 90.0: 52.0, 100.0: 97.5, 110.0: 98.0}
    findings = watch.look(Series("disk.used.percent", {}, list(values.items()), unit="%"))
    (judge,) = watch.judges.values()
    assert [at for at, _ in judge.recent] == [60.0, 90.0, 100.0]
    assert [(found.at, found.severity) for found in findings] == [(100.0, "critical")]


def test_times_at_the_border_are_taken() -> None:
    ((ahead,), (old,)) = read(gauge("a", point(1, 9 * MINUTE)), gauge("a", point(1, -23.9 * 60 * MINUTE)))
    assert timedelta(seconds=ahead.samples[0][0] - old.samples[0][0]) > timedelta(hours=24)
