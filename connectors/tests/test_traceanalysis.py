"""What is unusual is found, and who is to blame for it."""

from typing import Any

from connectors.sources.spans import Span
from connectors.sources.traceanalysis import Baseline, Tree, culprit, edges, sampled
from connectors.sources.tracepolling import explained
from events.drafts import EventDraft

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
    limits = {"payments\tPOST /charge": 300.0}
    title = next(draft.title for draft in explained(slow_checkout(), limits, slow_ms=2_200, page=""))
    assert title == "GET / took 2.4 s: checkout is slow because payments POST /charge is: 2.1 s of 2.4 s"


def test_nobody_is_blamed_without_evidence() -> None:
    (draft,) = explained(slow_checkout(), {}, slow_ms=2_200, page="")
    assert draft.title == "GET / took 2.4 s, 2.1 s of it in payments POST /charge"
    assert "culprit" not in draft.data


def test_a_call_that_failed_is_to_blame_whatever_is_usual() -> None:
    spans = slow_checkout()
    spans[1].failed = True
    title = next(draft.title for draft in explained(spans, {}, slow_ms=2_200, page=""))
    assert title == "GET / took 2.4 s: checkout is slow because payments POST /charge failed: 2.1 s of 2.4 s"


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


def drafts_of(spans: list[Span]) -> list[EventDraft]:
    return list(explained(spans, {}, slow_ms=100, page=""))


def test_of_many_like_errors_in_several_traces_three_are_kept_and_the_rest_counted() -> None:
    drafts = [draft for place in range(10) for draft in drafts_of([span(str(place), 0, 1, failed=True)])]
    assert [draft.data["like_it"] for draft in sampled(drafts)] == [7, 7, 7]


def test_of_many_slow_ones_the_slowest_and_one_in_the_middle_are_kept() -> None:
    drafts = [draft for place in range(1, 10) for draft in drafts_of([span(str(place), 0, 100 + place)])]
    assert [draft.data["duration_ms"] for draft in sampled(drafts)] == [109, 105]
