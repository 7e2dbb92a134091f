"""Several nodes on one PostgreSQL and one Redis: each a set of processes with a folder of its own."""

from collections.abc import Iterator

import pytest

from benchmarks import nodes as program
from benchmarks.cluster import until
from benchmarks.nodes import Nodes, Source
from benchmarks.report import Row

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with Source() as made:
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def nodes(source: Source) -> Iterator[Nodes]:
    with program.running(source=source.server_port) as made:
        yield made


def missed(*rows: Row) -> list[Row]:
    """Return the figures that are not as they should be."""
    return [row for row in rows if row.met is False]


def test_a_sign_in_holds_on_every_node_and_ends_on_all_at_once(nodes: Nodes) -> None:
    assert not missed(*program.identity(nodes))


def test_what_one_node_is_told_another_one_reads(nodes: Nodes) -> None:
    assert not missed(program.written(nodes))


def test_a_page_on_one_node_hears_of_a_note_on_another_one(nodes: Nodes) -> None:
    assert not missed(program.heard(nodes, times=5))


def test_two_beats_and_two_pollers_ask_a_source_once_an_interval(nodes: Nodes, source: Source) -> None:
    until(lambda: source.asked > 0)
    assert not missed(program.polled(source, 3 * program.INTERVAL))


def test_nodes_that_are_killed_lose_nothing_and_nothing_is_stored_twice(nodes: Nodes) -> None:
    assert not missed(*program.killed(nodes, seconds=12, per_second=20))


def test_each_node_counts_what_it_answered(nodes: Nodes) -> None:
    for node in nodes.web:
        assert node.answers()
    assert not missed(program.counted(nodes))
