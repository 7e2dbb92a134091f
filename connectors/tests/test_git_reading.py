"""What a git source reads: every commit and tag once, oldest first, and only what is new the next time."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.sources import gitwalk
from connectors.tests.repositories import FIRST_COMMIT, NOW, Reader, Repository
from events.drafts import EventDraft
from events.terms import said


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def reader(shop: Repository, tmp_path: Path) -> Reader:
    return Reader.of(shop.path, tmp_path / "workspace")


def kinds(events: list[EventDraft]) -> list[str]:
    return [event.event_type for event in events]


def test_a_commit_tells_who_changed_what_and_when(shop: Repository, reader: Reader) -> None:
    first = shop.commit("Open the shop", {"README.md": "one\ntwo\n"})
    sha = shop.commit("Take cards\n\nCustomers asked for it.\n", {"pay/card.py": "a\nb\n", "README.md": "one\n2\n"})
    event = reader.events()[-1]
    assert (event.source, event.source_id, event.event_type, event.severity) == ("git", sha, "commit", "info")
    assert event.content_addressed
    assert event.title == "Take cards"
    assert event.timestamp == datetime.fromtimestamp(FIRST_COMMIT + 120, UTC)
    assert (event.service, event.component, event.environment, event.url) == ("shop", "pay", "", "")
    assert event.data == {
        "repository": "shop",
        "sha": sha,
        "branch": "main",
        "parents": [first],
        "author": {"name": "Ada Lovelace", "email": "ada@example.org"},
        "committer": {"name": "Ada Lovelace", "email": "ada@example.org"},
        "authored_at": event.timestamp.isoformat(),
        "message": "Take cards\n\nCustomers asked for it.",
        "files": [
            {"path": "README.md", "insertions": 1, "deletions": 1},
            {"path": "pay/card.py", "insertions": 2, "deletions": 0},
        ],
        "files_changed": 2,
        "insertions": 3,
        "deletions": 1,
    }


def test_a_commit_can_be_found_by_its_message_and_its_files(shop: Repository, reader: Reader) -> None:
    shop.commit("Take cards\n\nCustomers asked for it.\n", {"pay/card.py": "a\n"})
    found_by = said(reader.events()[0].data)
    assert {"Take cards\n\nCustomers asked for it.", "pay/card.py"} <= set(found_by)


def test_the_settings_name_service_and_environment(shop: Repository, tmp_path: Path) -> None:
    shop.commit()
    event = Reader.of(shop.path, tmp_path / "w", service="checkout", environment="production").events()[0]
    assert (event.service, event.environment) == ("checkout", "production")


def test_the_second_read_finds_nothing_and_changes_nothing(shop: Repository, reader: Reader) -> None:
    shop.commit()
    shop.git("tag", "--annotate", "v1", "--message", "One")
    reader.events()
    after_first = reader.cursor
    assert reader.pages() == []
    assert reader.cursor == after_first


def test_each_branch_is_read_from_where_it_was(shop: Repository, reader: Reader) -> None:
    shop.commit()
    shop.git("branch", "feature")
    reader.events()
    on_main = shop.commit()
    shop.git("checkout", "--quiet", "feature")
    on_feature = shop.commit()
    assert set(reader.ids()) == {on_main, on_feature}


def test_a_new_branch_tells_only_of_commits_no_other_branch_has(shop: Repository, reader: Reader) -> None:
    shop.commit()
    reader.events()
    shop.git("checkout", "--quiet", "-b", "feature")
    assert reader.ids() == []
    new = shop.commit()
    assert reader.ids() == [new]


def test_parents_come_before_children(shop: Repository, reader: Reader) -> None:
    shas = [shop.commit() for _ in range(5)]
    assert reader.ids() == shas


def test_parents_come_before_children_though_clocks_are_wrong(shop: Repository, reader: Reader) -> None:
    shop.clock += 5_000
    parent = shop.commit("parent, dated last")
    shop.clock -= 1_000
    shop.commit("child, dated second")
    shop.git("checkout", "--quiet", "-b", "other", parent)
    shop.clock -= 3_000
    child = shop.commit("child, dated first", {"b.txt": "b\n"})
    shop.clock += 9_000
    shop.git("merge", "--quiet", "--no-ff", "main", "--message", "both")
    shop.git("checkout", "--quiet", "-B", "main")
    ids = reader.ids()
    assert ids.index(parent) < ids.index(child)


def test_a_commit_names_the_default_branch_where_that_has_it(shop: Repository, reader: Reader) -> None:
    shop.commit()
    shop.git("checkout", "--quiet", "-b", "another")
    shop.commit("only here")
    shop.git("checkout", "--quiet", "main")
    shop.git("branch", "also-there")
    branches = {event.title: event.data["branch"] for event in reader.events()}
    assert branches == {"A change": "main", "only here": "another"}


def test_a_merge_is_told_with_what_it_brought_to_its_branch(shop: Repository, reader: Reader) -> None:
    shop.commit(files={"a.txt": "1\n"})
    shop.git("checkout", "--quiet", "-b", "feature")
    shop.commit(files={"b.txt": "1\n2\n"})
    shop.git("checkout", "--quiet", "main")
    shop.commit(files={"c.txt": "1\n"})
    shop.git("merge", "--quiet", "--no-ff", "feature", "--message", "Merge it")
    merge = reader.events()[-1]
    assert (merge.event_type, merge.title, len(merge.data["parents"])) == ("merge", "Merge it", 2)
    assert merge.data["files"] == [{"path": "b.txt", "insertions": 2, "deletions": 0}]


def test_a_merge_of_three_branches_is_one_merge(shop: Repository, reader: Reader) -> None:
    shop.commit()
    for name in ("one", "two", "three"):
        shop.git("checkout", "--quiet", "-b", name, "main")
        shop.commit(files={f"{name}.txt": "x\n"})
    shop.git("checkout", "--quiet", "main")
    shop.commit(files={"main.txt": "x\n"})
    shop.git("merge", "--quiet", "one", "two", "three", "--message", "All")
    merge = next(event for event in reader.events() if event.event_type == "merge")
    assert len(merge.data["parents"]) == 4
    assert [file["path"] for file in merge.data["files"]] == ["one.txt", "three.txt", "two.txt"]


@pytest.mark.parametrize(
    ("message", "reverts"),
    [
        ('Revert "Take cards"\n\nThis reverts commit 1234567890abcdef1234567890abcdef12345678.\n', True),
        ('Revert "Take cards"\n\nIt broke.\n', False),
    ],
)
def test_a_revert_names_what_it_takes_back_where_it_says_so(
    shop: Repository, reader: Reader, message: str, *, reverts: bool
) -> None:
    shop.commit(message)
    event = reader.events()[0]
    assert event.tags == ("revert",)
    assert event.data.get("reverts") == ("1234567890abcdef1234567890abcdef12345678" if reverts else None)


def test_a_commit_without_a_message_still_has_a_title(shop: Repository, reader: Reader) -> None:
    sha = shop.commit("")
    assert reader.events()[0].title == f"Commit {sha[:12]} without a message"


def test_an_annotated_tag_tells_who_tagged_and_when(shop: Repository, reader: Reader) -> None:
    sha = shop.commit()
    shop.clock += 3600
    shop.git("tag", "--annotate", "v1.0", "--message", "The first\n\nNotes.", person=("Bob", "bob@example.org"))
    tag = reader.events()[-1]
    assert tag.source_id == f"refs/tags/v1.0@{shop.git('rev-parse', 'v1.0')}"
    assert (tag.event_type, tag.title, tag.severity) == ("tag", "Tag v1.0: The first", "info")
    assert tag.timestamp == datetime.fromtimestamp(shop.clock, UTC)
    assert tag.data["commit"] == sha
    assert tag.data["tagger"] == {"name": "Bob", "email": "bob@example.org"}


def test_a_lightweight_tag_has_the_time_of_its_commit(shop: Repository, reader: Reader) -> None:
    sha = shop.commit()
    shop.clock += 3600
    shop.git("tag", "v1.0")
    tag = reader.events()[-1]
    assert (tag.source_id, tag.title) == (f"refs/tags/v1.0@{sha}", "Tag v1.0")
    assert tag.timestamp == datetime.fromtimestamp(FIRST_COMMIT + 60, UTC)


def test_a_tag_that_was_moved_says_from_where(shop: Repository, reader: Reader) -> None:
    old = shop.commit()
    shop.git("tag", "stable")
    reader.events()
    new = shop.commit()
    shop.git("tag", "--force", "stable")
    tag = reader.events()[-1]
    assert tag.title == f"Tag stable moved from {old[:12]} to {new[:12]}"
    assert (tag.severity, tag.data["before"]) == ("medium", old)


def test_a_tag_of_something_that_is_no_commit_is_told_too(shop: Repository, reader: Reader) -> None:
    shop.commit()
    blob = shop.git("hash-object", "-w", "--stdin", stdin=b"a public key")
    shop.git("tag", "key", blob)
    shop.git("tag", "--annotate", "signed-key", blob, "--message", "A key")
    assert [event.title for event in reader.events()] == ["A change", "Tag key", "Tag signed-key: A key"]
    assert reader.ids() == []


def test_a_commit_that_only_a_tag_holds_is_read(shop: Repository, reader: Reader) -> None:
    shop.commit()
    shop.git("checkout", "--quiet", "--detach")
    lost = shop.commit()
    shop.git("tag", "--annotate", "kept", "--message", "Kept")
    events = {event.source_id: event for event in reader.events()}
    assert events[lost].data["branch"] == ""


def test_an_empty_repository_is_read_without_complaint_and_its_first_commit_later(
    shop: Repository, reader: Reader
) -> None:
    assert reader.ids() == []
    sha = shop.commit()
    assert reader.ids() == [sha]


def test_the_first_read_may_be_bounded_to_the_last_days(shop: Repository, tmp_path: Path) -> None:
    shop.commit("old")
    shop.git("tag", "old")
    shop.clock = int(NOW.timestamp()) - 86_400
    recent = shop.commit("recent")
    reader = Reader.of(shop.path, tmp_path / "w", since_days=2)
    assert reader.ids() == [recent]
    shop.clock = FIRST_COMMIT
    late = shop.commit("dated long ago, but pushed now")
    assert reader.ids() == [late]


def test_pages_are_bounded_and_each_has_a_cursor_to_go_on_from(shop: Repository, reader: Reader) -> None:
    shop.commits(1_203)
    pages = reader.pages()
    assert [len(page.records) for page in pages if page.records] == [500, 500, 203]
    assert all("walk" in page.cursor for page in pages[:-1])
    assert set(pages[-1].cursor) == {"refs", "boundary"}


def _stop_after(reader: Reader, number: int) -> list[str]:
    """Read some pages, as a process that is killed afterwards; return the ids it stored."""
    stored = []
    for count, page in enumerate(reader.source.read(reader.cursor), start=1):
        reader.cursor = page.cursor
        stored += [record.reference for record in page.records]
        if count == number:
            break
    return stored


@pytest.mark.parametrize("meanwhile", ["nothing", "a push", "a force-push", "a lost copy"])
def test_a_reader_that_was_killed_goes_on_where_it_was(
    shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    monkeypatch.setattr(gitwalk, "PAGE", 10)
    shop.commits(35)
    shop.git("tag", "v1", "main")
    expected = set(Reader.of(shop.path, tmp_path / "other").ids())
    reader = Reader.of(shop.path, tmp_path / "workspace")
    stored = _stop_after(reader, 2)
    assert len(stored) == 20
    events: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "a push": lambda: shop.commits(5, branch="later"),
        "a force-push": lambda: shop.git("update-ref", "refs/heads/main", "main~20"),
        "a lost copy": lambda: reader.source._mirror().discard(),
    }
    events[meanwhile]()
    second = reader.ids()
    assert expected <= {*stored, *second}
    if meanwhile in {"nothing", "a lost copy"}:
        assert sorted([*stored, *second]) == sorted(expected)
    assert reader.ids() == []


def test_a_reader_killed_among_the_tags_tells_the_rest_of_them(
    shop: Repository, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitwalk, "PAGE", 10)
    shop.commit()
    for number in range(25):
        shop.git("tag", f"v{number:02}")
    told = _stop_after(reader, 3) + reader.ids()
    assert [tag.partition("@")[0] for tag in told[1:]] == [f"refs/tags/v{number:02}" for number in range(25)]


def test_a_listing_that_is_not_the_one_that_was_left_is_read_from_its_beginning(
    shop: Repository, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitwalk, "PAGE", 10)
    shop.commits(35)
    _stop_after(reader, 2)
    reader.cursor["walk"]["last"] = "0" * 40
    assert len(reader.ids()) == 35


def test_reading_leaves_the_cursor_it_was_given_alone(
    shop: Repository, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitwalk, "PAGE", 10)
    shop.commits(35)
    _stop_after(reader, 2)
    given = deepcopy(reader.cursor)
    list(reader.source.read(given))
    assert given == reader.cursor
