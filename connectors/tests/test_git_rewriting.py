"""What is done to a history that was read already: force-pushes, deletions, and whole repositories replaced."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.tests.repositories import NOW, Reader, Repository


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def reader(shop: Repository, tmp_path: Path) -> Reader:
    return Reader.of(shop.path, tmp_path / "workspace")


def test_a_force_push_tells_of_the_rewriting_and_of_the_new_commits(shop: Repository, reader: Reader) -> None:
    base = shop.commit()
    old = shop.commit()
    reader.events()
    shop.git("reset", "--quiet", "--hard", base)
    new = shop.commit("instead")
    commit, rewritten = reader.events()
    assert commit.source_id == new
    assert (rewritten.event_type, rewritten.severity) == ("history_rewritten", "medium")
    assert rewritten.title == f"History of main rewritten since {base[:12]}: {old[:12]} became {new[:12]}"
    assert rewritten.data == {
        "repository": "shop",
        "branch": "main",
        "before": old,
        "after": new,
        "merge_base": base,
    }
    assert rewritten.timestamp == NOW
    assert not rewritten.content_addressed


def test_a_branch_that_was_set_back_is_rewritten_though_no_commit_is_new(shop: Repository, reader: Reader) -> None:
    base = shop.commit()
    shop.commit()
    reader.events()
    shop.git("reset", "--quiet", "--hard", base)
    assert [event.event_type for event in reader.events()] == ["history_rewritten"]
    assert reader.ids() == []


def test_the_same_force_push_on_another_day_is_another_event(shop: Repository, reader: Reader) -> None:
    base = shop.commit()
    tip = shop.commit()
    reader.events()
    seen = []
    for day in range(2):
        reader.source.now = NOW + timedelta(days=day)
        shop.git("reset", "--quiet", "--hard", base)
        seen += reader.ids()
        shop.git("reset", "--quiet", "--hard", tip)
        assert reader.ids() == [tip]
    assert len(set(seen)) == 2


def test_a_deleted_branch_and_a_deleted_tag_are_told(shop: Repository, reader: Reader) -> None:
    sha = shop.commit()
    shop.git("branch", "feature/cards")
    shop.git("tag", "v1")
    reader.events()
    shop.git("branch", "--delete", "--force", "feature/cards")
    shop.git("tag", "--delete", "v1")
    branch, tag = reader.events()
    assert (branch.event_type, branch.title, branch.severity) == (
        "branch_deleted",
        "Branch feature/cards deleted",
        "low",
    )
    assert branch.data == {"repository": "shop", "branch": "feature/cards", "before": sha}
    assert (tag.event_type, tag.title, tag.severity) == ("tag_deleted", "Tag v1 deleted", "low")
    assert reader.ids() == []


def test_a_branch_may_take_the_place_of_a_folder_of_branches(shop: Repository, reader: Reader) -> None:
    shop.commit()
    shop.git("branch", "release/1")
    reader.events()
    shop.git("branch", "--delete", "release/1")
    shop.git("branch", "release")
    assert [event.title for event in reader.events()] == ["Branch release/1 deleted"]


def test_another_repository_in_its_place_is_read_as_a_replaced_history(shop: Repository, reader: Reader) -> None:
    old = shop.commit()
    reader.events()
    shutil.rmtree(shop.path)
    other = Repository(shop.path)
    other.clock += 500
    new = [other.commit("new one"), other.commit("new two")]
    events = reader.events()
    assert [event.source_id for event in events[:2]] == new
    assert events[2].title == f"History of main replaced: {old[:12]} became {new[1][:12]}"
    assert events[2].data["merge_base"] is None
    assert reader.ids() == []


def test_a_repository_of_another_object_format_in_its_place_is_read(shop: Repository, reader: Reader) -> None:
    shop.commit()
    reader.events()
    shutil.rmtree(shop.path)
    new = Repository(shop.path, "--object-format=sha256").commit()
    assert len(new) == 64
    assert new in reader.ids()


def test_history_that_was_rewritten_while_the_copy_was_lost_is_still_noticed(shop: Repository, reader: Reader) -> None:
    base = shop.commit()
    shop.commit()
    reader.events()
    shop.git("reset", "--quiet", "--hard", base)
    new = shop.commit("instead")
    shop.git("reflog", "expire", "--expire=now", "--all")
    shop.git("gc", "--quiet", "--prune=now")
    reader.source._mirror().discard()
    events = {event.event_type: event for event in reader.events()}
    assert events["history_rewritten"].data["after"] == new
    assert reader.ids() == []
