"""The parts of the suspects engine: shifts, diffs and what they do, shipping, the way along the call graph."""

import numpy as np
import pytest

from investigations.suspects.diffs import diff
from investigations.suspects.effects import effects, guards, only_logs
from investigations.suspects.metrics import Facet, facet
from investigations.suspects.rollouts import contrast
from investigations.suspects.scene import Alert, Commit, Deploy, Flip, Scene, Series
from investigations.suspects.shifts import shift, shifts
from investigations.suspects.shipping import kin, shipping

START, STEP = 1.7e9, 60.0


def series(values: list[float], service: str = "shop", metric: str = "latency", **labels: str) -> Series:
    times = START + STEP * np.arange(len(values), dtype=np.float64)
    return Series(service=service, metric=metric, times=times, values=np.array(values), **labels)


def noisy(level: float, count: int, seed: int = 0) -> list[float]:
    return [float(value) for value in level * np.random.default_rng(seed).lognormal(0, 0.05, count)]


def commit(body: str, *files: str, sha: str = "a" * 40, at: float = START) -> Commit:
    return Commit(sha=sha, at=at, files=files or ("shop/main.go",), diff=body)


@pytest.mark.parametrize(
    ("metric", "about"),
    [
        ("http_5xx_per_sec", Facet.ERRORS),
        ("availability Average", Facet.HEALTH),
        ("latency Average", Facet.LATENCY),
        ("request_queue_depth", Facet.RESOURCE),
        ("requests_per_sec", Facet.TRAFFIC),
        ("PodServerLatencyP90(s)", Facet.LATENCY),
        ("CpuUsageRate(%)", Facet.RESOURCE),
        ("widgets", Facet.OTHER),
    ],
)
def test_a_metric_is_known_by_its_name(metric: str, about: Facet) -> None:
    assert facet(metric) is about


def test_a_step_is_a_shift_since_its_first_sample() -> None:
    found = shift(series(noisy(10, 40) + noisy(50, 15)), START + 43 * STEP, None)
    assert found is not None
    assert found.significant
    assert found.onset == START + 40 * STEP


def test_noise_is_no_shift() -> None:
    found = shift(series(noisy(10, 60)), START + 50 * STEP, None)
    assert found is not None
    assert not found.significant


def test_one_outlier_is_no_shift() -> None:
    values = noisy(10, 60)
    values[49] = 400.0
    found = shift(series(values), START + 50 * STEP, None)
    assert found is not None
    assert not found.significant


def test_health_that_falls_is_as_bad_as_errors_that_rise() -> None:
    found = shift(series([99.9, 100.0] * 20 + [70.0] * 15, metric="availability"), START + 43 * STEP, None)
    assert found is not None
    assert found.bad
    assert found.told() == "availability of shop fell from 99.95 to 70"


def test_errors_that_are_nothing_beside_the_largest_have_no_onset() -> None:
    large = series([0.0] * 40 + [90.0] * 15, "a", "errors_total")
    small = series([0.0] * 40 + [1.0] * 15, "b", "errors_total")
    found = {
        one.series.service: one.onset
        for one in shifts(Scene(alert=Alert(fired_at=START + 43 * STEP), series=(large, small)))
    }
    assert found["a"] is not None
    assert found["b"] is None


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (
            "deadline",
            "-ctx, c := WithTimeout(ctx, 5*time.Second)\n+ctx, c := WithTimeout(ctx, 200*time.Millisecond)",
        ),
        ("call in a loop", "+for _, id := range ids {\n+\titem, err := s.store.GetItem(ctx, id)\n+}"),
        (
            "batching removed",
            "-\tfor _, chunk := range batches(items) {\n-\t\tdb.BulkInsert(chunk)\n+\tdb.InsertAll(items)",
        ),
        ("limit removed", "-SELECT id FROM t ORDER BY id LIMIT 50\n+SELECT id FROM t ORDER BY id"),
        ("guard removed", '-if user == nil {\n-\treturn ""\n-}\n return user.Name'),
        ("contract changed", '-\tTotal int `json:"total"`\n+\tSum int `json:"sum"`'),
        ("not released", "-\tdefer rows.Close()\n"),
        ("pool shrunk", "-max_connections: 50\n+max_connections: 5"),
        ("less capacity", "-    memory: 2Gi\n+    memory: 512Mi"),
    ],
)
def test_a_diff_tells_what_it_can_break(name: str, body: str) -> None:
    assert name in {effect.mechanism.name for effect in effects(diff(commit(body)))}


def test_a_longer_deadline_does_not_shorten_it() -> None:
    body = "-ctx, c := context.WithTimeout(ctx, 1*time.Second)\n+ctx, c := context.WithTimeout(ctx, 5*time.Second)"
    assert "deadline" not in {effect.mechanism.name for effect in effects(diff(commit(body)))}


def test_lines_that_only_moved_do_nothing() -> None:
    body = "-\tdefer rows.Close()\n-\tif x == nil { return }\n+\tif x == nil { return }\n+\tdefer rows.Close()"
    assert effects(diff(commit(body))) == ()


def test_comments_are_not_read_as_code() -> None:
    assert effects(diff(commit("-\t// limit the batch with a timeout\n+\t// nothing to say"))) == ()


def test_documentation_and_tests_are_trivial() -> None:
    assert diff(commit("-a\n+b", "docs/a.md", "pkg/x/y_test.go")).trivial


def test_a_manifest_alone_is_a_bump() -> None:
    assert diff(commit("-\tx v1.0.0\n+\tx v1.0.1", "go.mod", "go.sum")).bump


def test_a_check_that_is_added_is_known_as_one() -> None:
    assert guards(diff(commit("+\tif len(items) == 0 {\n+\t\treturn nil\n+\t}")))


def test_a_change_of_logging_alone_is_known_as_one() -> None:
    assert only_logs(diff(commit('-\tlog.Printf("a %s", b)\n+\tlogger.Info("a", "b", b)')))


def test_a_deploy_ships_the_commits_up_to_its_head() -> None:
    early, head = commit("", sha="b" * 40), commit("", sha="c" * 40, at=START + 60)
    late = commit("", sha="d" * 40, at=START + 90)
    deploy = Deploy(at=START + 100, service="shop", sha=head.sha)
    told = shipping(Scene(alert=Alert(fired_at=START + 500), commits=(early, head, late), deploys=(deploy,)))
    assert (told[early.sha].deployed, told[head.sha].head, told[late.sha].deployed) == (True, True, False)


def test_what_stands_behind_a_flag_takes_effect_with_the_flag() -> None:
    behind = commit("+if enabled('fast_checkout') {")
    scene = Scene(
        alert=Alert(fired_at=START + 500),
        commits=(behind,),
        deploys=(Deploy(at=START + 10, service="shop", sha=behind.sha),),
        flips=(Flip(at=START + 300, flag="fast_checkout"),),
    )
    assert shipping(scene)[behind.sha].at == START + 300


@pytest.mark.parametrize(
    ("path", "service", "near"),
    [
        ("services/checkout/order.go", "checkoutservice", True),
        ("ai-memory-svc/internal/x.go", "ai-memory-svc", True),
        ("services/search/query.go", "frontend", False),
        ("pkg/list/first.go", "shop", False),
    ],
)
def test_a_path_speaks_of_its_service(path: str, service: str, near: bool) -> None:
    assert (kin(path, service) >= 0.5) is near


def test_what_all_instances_suffer_from_is_not_of_the_release() -> None:
    bad = noisy(10, 40) + noisy(90, 20)
    old, new = series(bad, instance="p1"), series(bad, instance="p2")
    release = [Deploy(at=START + 20 * STEP, service="shop", sha="a" * 40, added=("p2",))]
    told = contrast(Scene(alert=Alert(fired_at=START + 45 * STEP), series=(old, new), deploys=tuple(release)), release)
    assert told is not None
    assert not told.worse


def test_what_only_new_instances_suffer_from_is_of_the_release() -> None:
    old, new = series(noisy(10, 60), instance="p1"), series(noisy(10, 40) + noisy(90, 20), instance="p2")
    release = [Deploy(at=START + 40 * STEP, service="shop", sha="a" * 40, added=("p2",))]
    told = contrast(Scene(alert=Alert(fired_at=START + 45 * STEP), series=(old, new), deploys=tuple(release)), release)
    assert told is not None
    assert told.worse
    assert told.aside
