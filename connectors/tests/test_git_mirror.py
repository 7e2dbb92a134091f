"""The copy a git source keeps: shallow sources, damage, interruptions, and nothing run that the source brings along."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path

import pytest

from connectors.errors import SourceUnavailable
from connectors.sources import gitmirror
from connectors.sources.gitmirror import Damaged, Mirror
from connectors.tests.repositories import Reader, Repository


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    shop = Repository(tmp_path / "shop")
    for number in range(3):
        shop.commit(files={"a.txt": f"{number}\n", "b/c.txt": f"{number}\n"})
    return shop


@pytest.fixture
def reader(shop: Repository, tmp_path: Path) -> Reader:
    return Reader.of(shop.path, tmp_path / "workspace")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / "mirror.git"


def shallow(shop: Repository, path: Path, depth: int) -> Repository:
    """Return a clone of ``shop`` that has only the last commits."""
    clone = Repository(path)
    clone.git(
        "fetch",
        "--quiet",
        f"--depth={depth}",
        shop.path.as_uri(),
        "+refs/heads/main:refs/heads/main",
        "--update-head-ok",
    )
    clone.clock = shop.clock
    return clone


def test_a_shallow_clone_is_read_as_far_as_it_goes(shop: Repository, tmp_path: Path) -> None:
    clone = shallow(shop, tmp_path / "clone", depth=2)
    cut, last = Reader.of(clone.path, tmp_path / "w").events()
    assert (cut.data["files"], cut.data["files_unknown"]) == ([], "The history was cut off here (shallow clone).")
    assert last.data["files_changed"] == 2


def test_a_shallow_clone_that_is_deepened_tells_of_the_older_commits(shop: Repository, tmp_path: Path) -> None:
    clone = shallow(shop, tmp_path / "clone", depth=2)
    reader = Reader.of(clone.path, tmp_path / "w")
    first = reader.ids()
    clone.git("fetch", "--quiet", "--deepen=1", shop.path.as_uri(), "main")
    assert len(set(reader.ids()) - set(first)) == 1
    clone.git("fetch", "--quiet", "--unshallow", shop.path.as_uri(), "main")
    assert len(set(reader.ids()) - set(first)) >= 1
    assert reader.ids() == []


def test_a_shallow_clone_that_is_cut_off_elsewhere_is_no_rewritten_history(shop: Repository, tmp_path: Path) -> None:
    clone = shallow(shop, tmp_path / "clone", depth=1)
    reader = Reader.of(clone.path, tmp_path / "w")
    reader.ids()
    new = shop.commit(), shop.commit()
    clone.git(
        "fetch", "--quiet", "--depth=1", shop.path.as_uri(), "+refs/heads/main:refs/heads/main", "--update-head-ok"
    )
    events = reader.events()
    assert [event.event_type for event in events] == ["commit"]
    assert events[0].source_id == new[1]


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def pack(copy: Path, suffix: str) -> Path:
    run("git", f"--git-dir={copy}", "repack", "-q", "-a", "-d")
    found = next(copy.glob(f"objects/pack/*.{suffix}"))
    found.chmod(0o644)
    return found


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no copy at all": shutil.rmtree,
    "no HEAD": lambda copy: (copy / "HEAD").unlink(),
    "an empty HEAD": lambda copy: (copy / "HEAD").write_text(""),
    "no references": lambda copy: shutil.rmtree(copy / "refs"),
    "nonsense for references": lambda copy: (copy / "packed-refs").write_text("nonsense\n"),
    "a reference to nothing": lambda copy: (copy / "refs/heads/main").write_text("1" * 40 + "\n"),
    "a pack cut short": lambda copy: os.truncate(pack(copy, "pack"), 60),
    "a pack gone": lambda copy: pack(copy, "pack").unlink(),
    "an index gone": lambda copy: pack(copy, "idx").unlink(),
    "nonsense in its settings": lambda copy: (copy / "config").write_text("[core\n"),
    "a file in its place": lambda copy: copy.rename(f"{copy}.old").with_suffix("").write_text(""),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_copy_is_made_anew_and_nothing_is_lost(
    shop: Repository, reader: Reader, copy: Path, damage: str
) -> None:
    reader.ids()
    DAMAGE[damage](copy)
    new = shop.commit()
    assert new in reader.ids()


@pytest.mark.parametrize("kind", ["commit", "tree", "blob"])
def test_objects_that_rot_in_the_copy_are_fetched_again(
    shop: Repository, reader: Reader, copy: Path, kind: str
) -> None:
    shas = reader.ids()
    listed = shop.git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")
    for name in re.findall(rf"{kind} (\S+)", listed):
        loose = copy / "objects" / name[:2] / name[2:]
        loose.chmod(0o644)
        loose.write_bytes(b"rot")
    reader.cursor = {}
    assert reader.ids() == shas


def test_damage_that_a_new_copy_shares_is_reported_and_tried_again_later(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Mirror) -> dict[str, str]:
        raise Damaged("git for-each-ref failed.")

    monkeypatch.setattr(Mirror, "references", broken)
    with pytest.raises(SourceUnavailable, match=r"git for-each-ref failed\. It is so in a new copy as well"):
        reader.pages()


def blob(text: str) -> str:
    """Return the id git gives to a file."""
    return sha1(f"blob {len(text)}\0{text}".encode(), usedforsecurity=False).hexdigest()


def test_a_copy_of_many_small_files_is_packed_and_keeps_what_was_rewritten(
    shop: Repository, reader: Reader, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitmirror, "LOOSE_OBJECTS", 1)
    # git looks into one folder of 256 and takes it for typical.
    telling = [text for text in map(str, range(2_000)) if blob(text).startswith("17")]
    shop.commit(files={f"{text}.txt": text for text in telling[:3]})
    old = reader.ids()[-1]
    assert not list(copy.glob("objects/??/*"))
    shop.git("reset", "--quiet", "--hard", "HEAD~1")
    shop.commit("instead", {f"{text}.txt": text for text in telling[3:6]})
    reader.ids()
    assert not list(copy.glob("objects/17/*"))
    assert reader.source._mirror().holds([old]) == {old}


def test_what_a_killed_fetch_left_behind_is_no_obstacle(shop: Repository, reader: Reader, copy: Path) -> None:
    reader.ids()
    for lock in ("packed-refs.lock", "shallow.lock", "config.lock", "refs/heads/main.lock"):
        (copy / lock).touch()
    half = copy / "objects" / "pack" / "tmp_pack_half"
    half.parent.mkdir(exist_ok=True)
    half.touch()
    new = shop.commit()
    assert reader.ids() == [new]
    assert not half.exists()


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hook that whoever runs the product has set for all repositories; it makes the file that is returned."""
    hook = tmp_path / "hooks" / "reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[core]\n\thooksPath = {hook.parent}\n[diff]\n\tnoprefix = true\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "sprung"


def test_hooks_and_settings_of_whoever_runs_the_product_are_not_heeded(
    shop: Repository, reader: Reader, trap: Path
) -> None:
    assert len(reader.ids()) == 3
    assert not trap.exists()
    run("git", f"--git-dir={shop.path / '.git'}", "update-ref", "refs/heads/control", "main")
    assert trap.exists()


def test_variables_meant_for_git_are_not_passed_on(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_EXEC_PATH"):
        monkeypatch.setenv(name, "/nowhere")
    assert len(reader.ids()) == 3


@pytest.fixture
def foreign(shop: Repository, tmp_path: Path) -> Repository:
    """A repository with a linked worktree beside it, both of another user."""
    if os.getuid() != 0:
        pytest.skip("only root can give a file away")
    linked = tmp_path / 'odd "name"'
    shop.git("worktree", "add", "--quiet", str(linked), "-b", "linked")
    for path in (shop.path, linked, *shop.path.rglob("*"), *linked.rglob("*")):
        os.chown(path, 65_534, 65_534)
    return shop


@pytest.mark.parametrize("place", ["shop", "shop/.git", 'odd "name"'])
def test_root_reads_the_repository_of_another_user(foreign: Repository, tmp_path: Path, place: str) -> None:
    assert len(Reader.of(tmp_path / place, tmp_path / "workspace").ids()) == 3
