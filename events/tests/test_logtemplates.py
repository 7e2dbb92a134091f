"""Lines that say the same thing have one template, whatever numbers and names they say it with."""

import orjson
import pytest

from events.logtemplates import Templates

SAME = [
    ("charge of order 4711 failed after 30 ms", "charge of order 12 failed after 7 ms"),
    ("GET https://bank.example/pay/1 returned 503", "GET https://bank.example/pay/2?x=1 returned 502"),
    ("worker 0f8fad5b-d9cb-469f-a165-70867728950e died", "worker 7c9e6679-7425-40de-944b-e07fc1f90ae7 died"),
    ("lost 10.0.0.7:5432 again", "lost 10.0.0.8:5433 again"),
    ("cannot open '/srv/a' for writing", "cannot open '/srv/b' for writing"),
    ("session of alice was closed by peer", "session of bob was closed by peer"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_lines_that_differ_by_values_have_one_template(one: str, other: str) -> None:
    templates = Templates()
    assert templates.of(one).id == templates.of(other).id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connection refused", "connection reset"),
        ("payment failed", "payment retried"),
        ("disk full", "disk full on node"),
    ],
)
def test_lines_that_say_something_else_have_not(one: str, other: str) -> None:
    templates = Templates()
    assert templates.of(one).id != templates.of(other).id


def test_a_template_grows_more_general_and_keeps_its_id() -> None:
    templates = Templates()
    before = templates.of("session of alice was closed by peer")
    after = templates.of("session of bob was closed by peer")
    assert (before.text, after.text) == (
        "session of alice was closed by peer",
        "session of <*> was closed by peer",
    )
    assert before.id == after.id


def test_what_is_known_goes_on_where_it_stopped() -> None:
    first = Templates()
    told = [first.of(line).id for pair in SAME for line in pair]
    second = Templates(orjson.loads(orjson.dumps(first.state())))
    assert [second.of(line).id for pair in SAME for line in pair] == told
    assert second.state() == first.state()


def test_the_template_not_met_for_longest_is_forgotten_first() -> None:
    templates = Templates(most=2)
    for line in ("alpha broke", "beta vanished now", "alpha broke", "gamma stood still here"):
        templates.of(line)
    assert [text for _, text in templates.state()] == ["alpha broke", "gamma stood still here"]
    assert templates.of("beta vanished now").text == "beta vanished now"


@pytest.mark.parametrize("line", ["", " ", "\n", "x" * 10_000, "a " * 10_000, "<*>", "\ud800", "{" * 400])
def test_any_text_has_a_template(line: str) -> None:
    templates = Templates()
    assert templates.of(line) == templates.of(line)
    assert len(templates.of(line).text) <= 300
