"""A sample is judged by the past of its series, by nothing else, and the same way whatever the unit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.anomaly.detector import LEARNING, PAST, QUIET, THRESHOLD, Detector, Ring
from connectors.anomaly.judgement import severity_of, shape_of
from connectors.anomaly.kinds import OTHER, kind_of, violation
from events.choices import Severity

START, STEP = 1_900_000_000.0, 300.0
RNG = np.random.default_rng(7)
CALM = [float(value) for value in 100 + 10 * np.sin(np.arange(1_200) / 46) + RNG.normal(0, 1, 1_200)]


def scores(values: list[float], detector: Detector | None = None, first: int = 0) -> list[float]:
    made = detector or Detector()
    return [made.update(START + STEP * (first + place), value).score for place, value in enumerate(values)]


def with_spike(at: int = 1_000, height: float = 400.0) -> list[float]:
    return [*CALM[:at], height, *CALM[at + 1 :]]


def test_a_value_never_seen_before_is_an_anomaly() -> None:
    found = [place for place, score in enumerate(scores(with_spike())) if score >= THRESHOLD]
    assert 1_000 in found


def test_a_series_that_goes_on_as_ever_raises_hardly_any_alarm() -> None:
    assert sum(score >= THRESHOLD for score in scores(CALM)) <= 4


def test_another_level_is_an_anomaly_soon() -> None:
    shifted = CALM[:1_000] + [value + 60 for value in CALM[1_000:]]
    assert any(score >= THRESHOLD for score in scores(shifted)[1_000:1_020])


def test_a_series_that_falls_silent_at_zero_is_an_anomaly() -> None:
    assert any(score >= THRESHOLD for score in scores(CALM[:1_000] + [0.0] * 10)[1_000:])


@pytest.mark.parametrize("length", [60, 700, 1_050])
def test_a_score_knows_nothing_of_what_comes_after(length: int) -> None:
    assert scores(with_spike())[:length] == scores(with_spike()[:length])


@pytest.mark.parametrize(("factor", "offset"), [(1_024.0, 0.0), (1 / 64, 0.0), (1.0, 4_096.0)])
def test_the_unit_does_not_matter(factor: float, offset: float) -> None:
    whole = [float(round(value * 4)) for value in with_spike()]  # sums of these are exact in either unit
    changed = scores([value * factor + offset for value in whole])
    assert np.allclose(changed, scores(whole), atol=0.05)


def test_a_detector_that_was_put_away_goes_on_as_if_it_was_not() -> None:
    values = with_spike()
    detector = Detector()
    scores(values[:701], detector)
    again = Detector.restore(detector.state())
    assert scores(values[701:], again, 701) == scores(values)[701:]


def test_what_it_remembers_is_bounded() -> None:
    detector = Detector()
    rng = np.random.default_rng(1)
    for place, value in enumerate(rng.normal(size=PAST + 500)):
        detector.update(START + place, float(value))
    assert detector.state().nbytes < 8 * 9 * PAST


def test_after_an_alarm_it_is_quiet_for_a_while() -> None:
    found = scores([*CALM[:1_000], *([400.0, 900.0] * 40)])
    first = next(place for place, score in enumerate(found) if place >= 1_000 and score >= THRESHOLD)
    assert not any(found[first + 1 : first + 1 + min(QUIET, 60)])


def test_it_learns_before_it_judges() -> None:
    assert not any(scores([1.0] * (LEARNING - 5) + [99.0])[:LEARNING])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e10), st.floats()), max_size=150))
def test_no_sample_whatever_its_time_and_value_breaks_it(samples: list[tuple[float, float]]) -> None:
    detector = Detector()
    assert all(0 <= detector.update(at, value).score <= 1 for at, value in samples)


def test_a_ring_keeps_the_newest_in_order() -> None:
    ring = Ring(3)
    for number in range(10):
        ring.add(number)
    assert list(ring.all) == [7, 8, 9]


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("disk used ratio", "disk in use"),
        ("node_filesystem_avail_percent", "disk free"),
        ("CPUUtilization", "cpu in use"),
        ("error ratio", "error share"),
        ("http_request_duration_seconds", "latency"),
        ("kafka_consumer_lag", "saturation"),
        ("up", "target up"),
        ("requests per second", "traffic"),
        ("colour", "other"),
    ],
)
def test_a_metric_is_known_by_its_name(metric: str, name: str) -> None:
    assert kind_of(metric).name == name


@pytest.mark.parametrize(
    ("metric", "unit", "value", "severity"),
    [
        ("disk used ratio", "", 0.96, Severity.CRITICAL),
        ("disk used percent", "", 96, Severity.CRITICAL),
        ("system.disk.usage", "%", 91, Severity.HIGH),
        ("disk used ratio", "", 0.5, None),
        ("up", "", 0, Severity.HIGH),
        ("up", "", 1, None),
        ("error ratio", "", 0.3, Severity.CRITICAL),
        ("certificate expires in days", "", 1, Severity.CRITICAL),
        ("queue length", "", 1e9, None),
    ],
)
def test_some_values_are_bad_by_themselves(metric: str, unit: str, value: float, severity: Severity | None) -> None:
    found = violation(kind_of(metric), value, metric=metric, unit=unit)
    assert (found.severity if found else None) == severity


def reading(value: float) -> Any:
    detector = Detector()
    for place, known in enumerate(CALM[:600]):
        detector.update(START + STEP * place, known)
    return detector.update(START + STEP * 600, value)


@pytest.mark.parametrize(("value", "shape"), [(400.0, "spike"), (20.0, "dip"), (0.0, "drop to zero")])
def test_an_anomaly_has_a_shape(value: float, shape: str) -> None:
    assert shape_of([*CALM[540:600], value], reading(value)) == shape


def test_the_further_and_the_longer_the_worse() -> None:
    near, far = severity_of(OTHER, 116, reading(116)), severity_of(OTHER, 400, reading(400))
    lasting = severity_of(OTHER, 116, reading(116), lasted=3_600)
    assert (near, far, lasting) == (Severity.LOW, Severity.HIGH, Severity.MEDIUM)


def test_less_latency_is_no_harm() -> None:
    assert severity_of(kind_of("latency"), 1, reading(1)) == Severity.INFO
