"""Young commits bring what they changed, so that suspects can be ranked by it; never more than is useful."""

from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from connectors.sources.git import GitConfig
from connectors.sources.gitmirror import MAX_DIFF
from connectors.tests.repositories import Reader, Repository
from events.terms import event_keywords

DAYS = 90  # reaches back to the commits of these repositories


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def diffs(shop: Repository, workspace: Path, **settings: object) -> dict[str, str]:
    """Return the diff of each commit by its title."""
    events = Reader.of(shop.path, workspace, **{"diff_days": DAYS, **settings}).events()
    return {event.title: event.data.get("diff", "") for event in events}


def test_a_young_commit_brings_its_lines(shop: Repository, tmp_path: Path) -> None:
    shop.commit("Begin", {"pool.py": "size = 30\n"})
    shop.commit("Shrink", {"pool.py": "size = 2\n"})
    told = diffs(shop, tmp_path / "workspace")["Shrink"]
    assert told.startswith("diff --git a/pool.py b/pool.py\n")
    assert "\n-size = 30\n+size = 2\n" in told


def test_an_old_commit_brings_none(shop: Repository, tmp_path: Path) -> None:
    shop.commit("Old")
    assert diffs(shop, tmp_path / "workspace", diff_days=7) == {"Old": ""}


def test_none_is_brought_where_nobody_wants_them(shop: Repository, tmp_path: Path) -> None:
    shop.clock = 4_000_000_000  # a clock that is far ahead
    shop.commit("Tomorrow")
    assert diffs(shop, tmp_path / "workspace", diff_days=0) == {"Tomorrow": ""}


def test_of_a_large_change_the_beginning_is_kept(shop: Repository, tmp_path: Path) -> None:
    shop.commit("Vendor", {"large.txt": "ü" * 99 + "\n" + "a line that is added\n" * 100_000})
    told = diffs(shop, tmp_path / "workspace")["Vendor"]
    assert (len(told), "ü" * 99 in told) == (MAX_DIFF, True)


def test_a_merge_leaves_it_to_its_commits(shop: Repository, tmp_path: Path) -> None:
    shop.commit("Begin")
    shop.git("checkout", "--quiet", "-b", "topic")
    shop.commit("Topic", {"topic.txt": "a\n"})
    shop.git("checkout", "--quiet", "main")
    shop.commit("Main", {"main.txt": "b\n"})
    shop.clock += 60
    shop.git("merge", "--quiet", "--no-ff", "-m", "Merge topic", "topic")
    told = diffs(shop, tmp_path / "workspace")
    assert (told["Merge topic"], bool(told["Topic"])) == ("", True)


def test_what_is_no_text_is_named_and_not_copied(shop: Repository, tmp_path: Path) -> None:
    (shop.path / "logo.png").write_bytes(b"\x89PNG\0\0\0" * 999)
    shop.commit("Logo", {})
    assert "Binary files /dev/null and b/logo.png differ" in diffs(shop, tmp_path / "workspace")["Logo"]


def test_a_commit_is_found_by_its_message_and_not_by_its_lines() -> None:
    names = {"title": "Shrink", "service": "", "component": "", "environment": "", "source_id": "a", "message": ""}
    assert "pool" not in event_keywords(**names, tags=(), data={"diff": "-pool = 3"})


def test_a_number_of_days_below_nought_is_refused() -> None:
    with pytest.raises(Misconfigured) as refusal:
        GitConfig.read({"url": "/srv/shop", "diff_days": -1})
    assert list(refusal.value.fields) == ["diff_days"]
