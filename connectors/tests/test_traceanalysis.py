"""What is unusual is found, and who is to blame for it."""

from typing import Any

from connectors.sources.spans import Span
from connectors.sources.traceanalysis import Baseline, Tree, culprit, edges, sampled
from connectors.sources.tracepolling import explained

MS = 1_000_000
AT = 1_700_000_000_000 * MS


def span(id_: str, start: int, took: int, *, parent: str = "", service: str = "checkout", **rest: Any) -> Span:
    told = {"name": "GET /", "kind": "server", "start": AT + start * MS, "duration": took * MS, **rest}
    return Span(trace_id="a" * 32, span_id=id_, parent_id=parent, service=service, **told)


def slow_checkout() -> list[Span]:
    return [
        span("1", 0, 2_400),
        span("2", 100, 2_100, parent="1", service="payments", name="POST /charge"),
        span("3", 0, 90, parent="1", service="stock"),
    ]


def test_the_span_that_took_most_of_the_time_by_itself_is_to_blame() -> None:
    spans = slow_checkout()
    found = culprit(Tree(spans), spans[0], {})
    assert found
    assert (found.span.service, found.own) == ("payments", 2_100 * MS)


def test_the_title_says_who_is_to_blame() -> None:
    titles = [draft.title for draft in explained(slow_checkout(), {}, slow_ms=2_200, page="")]
    assert titles == ["GET / took 2.4 s: checkout is slow because of payments POST /charge: 2.1 s of 2.4 s"]


def test_a_child_told_by_another_clock_is_put_into_its_caller() -> None:
    spans = [span("1", 0, 1_000), span("2", -5_000, 900, parent="1", service="payments")]
    assert [own // MS for _, own in Tree(spans).critical_path(spans[0])] == [100, 900]


def test_self_times_on_the_critical_path_add_up_to_the_whole() -> None:
    spans = slow_checkout()
    assert sum(own for _, own in Tree(spans).critical_path(spans[0])) == spans[0].duration


def test_spans_that_are_one_anothers_parents_end() -> None:
    spans = [span("1", 0, 10, parent="2"), span("2", 0, 10, parent="1")]
    assert len(Tree(spans).critical_path(spans[0])) == 2


def test_what_is_usual_is_known_after_thirty_spans_and_survives_a_cursor() -> None:
    baseline = Baseline()
    usual = [span(str(place), place, 200 + place % 5) for place in range(30)]
    baseline.learn(usual[:29])
    assert baseline.limits(usual) == {}
    baseline.learn(usual[29:])
    (limit,) = Baseline(baseline.state()).limits(usual).values()
    assert 250 < limit < 400


def test_no_more_than_five_hundred_operations_are_kept() -> None:
    baseline = Baseline()
    baseline.learn(span("1", 0, 1, name=f"op{place}") for place in range(600))
    assert len(baseline.state()) == 500


def test_calls_between_services_are_counted() -> None:
    assert [(edge.caller, edge.callee, edge.calls) for edge in edges(slow_checkout())] == [
        ("checkout", "payments", 1),
        ("checkout", "stock", 1),
    ]


def test_of_many_like_errors_three_are_kept_and_the_rest_counted() -> None:
    spans = [span(str(place), 0, 1, failed=True) for place in range(10)]
    assert [left for _, left in sampled(spans, [])] == [7, 7, 7]
