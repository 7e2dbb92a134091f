"""To which service a commit belongs when one repository holds many."""

from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from connectors.sources.gitevents import place
from connectors.tests.repositories import Reader, Repository

ROOTS = ["services", "apps/backend"]


@pytest.mark.parametrize(
    ("directories", "touched", "service", "component"),
    [
        ({"services/pay/api": 2}, ["pay"], "pay", "api"),
        ({"services/pay": 2}, ["pay"], "pay", ""),
        ({"apps/backend/search/index": 1}, ["search"], "search", "index"),
        ({"services/pay/api": 3, "services/cart": 1}, ["pay", "cart"], "pay", "api"),
        ({"services/pay": 1, "services/cart": 1}, ["pay", "cart"], "", ""),
        ({"services/pay": 1, "docs": 9, "": 4}, ["pay"], "pay", ""),
        ({"docs/how-to": 1, "lib/core": 3}, [], "", "lib"),
        ({"services": 1}, [], "", "services"),
        ({"servicestation/x": 1}, [], "", "servicestation"),
        ({"": 2}, [], "", ""),
        ({}, [], "", ""),
    ],
)
def test_a_commit_belongs_to_the_service_that_has_most_of_its_files(
    directories: dict[str, int], touched: list[str], service: str, component: str
) -> None:
    assert place(directories, ROOTS) == (touched, service, component)


def test_without_roots_the_component_is_the_top_directory_most_touched() -> None:
    assert place({"services/pay": 3, "docs": 1}, []) == ([], "", "services")


def test_a_commit_is_tagged_with_every_service_it_touches(tmp_path: Path) -> None:
    shop = Repository(tmp_path / "shop")
    shop.commit(files={"services/pay/a": "1\n", "services/pay/b": "1\n", "services/cart/a": "1\n"})
    shop.commit(files={"README.md": "1\n"})
    for roots in (["services"], ["/services/"]):
        both, neither = Reader.of(shop.path, tmp_path / "w", service_roots=roots).events()
        assert (both.service, both.tags) == ("pay", ("pay", "cart"))
        assert (neither.service, neither.tags) == ("shop", ())


@pytest.mark.parametrize("roots", [["/"], [""]])
def test_a_root_must_be_a_directory(tmp_path: Path, roots: list[object]) -> None:
    with pytest.raises(Misconfigured) as refused:
        Reader.of(tmp_path, tmp_path, service_roots=roots)
    assert refused.value.fields == {"service_roots": "Name directories."}


def test_what_no_event_could_carry_is_refused_as_a_setting(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        Reader.of(tmp_path, tmp_path, service="s" * 201, environment="e" * 101, since_days=-1)
    assert set(refused.value.fields) == {"service", "environment", "since_days"}
