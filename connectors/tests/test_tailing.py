"""A growing file is followed through every way of rotating it: no line is lost, none comes twice."""

import gzip
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sources import tailing
from connectors.sources.tailing import MAX_LINE, LogFile, Place, follow


class Follower:
    """Reads on where it stopped, as a connector does; its cursor survives as plain values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cursor: dict[str, int | str] = {}

    def poll(self) -> list[str]:
        """Return the new lines."""
        lines = []
        for block in follow(self.path, Place.of(self.cursor)):
            assert block.end >= block.start + sum(map(len, block.lines)) + len(block.lines) - 1
            self.cursor = asdict(block.file.place(block.end))
            lines += [line.decode() for line in block.lines]
        return lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def follower(log: Path) -> Follower:
    return Follower(log)


def append(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(lines) + end)


def rolled(log: Path, suffix: str = ".1") -> Path:
    return log.with_name(log.name + suffix)


def copy_and_truncate(log: Path, suffix: str = ".1") -> Path:
    shutil.copy(log, rolled(log, suffix))
    os.truncate(log, 0)
    return rolled(log, suffix)


def compress(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    facts = path.stat()
    with path.open("rb") as plain, gzip.open(packed, "wb") as archive:
        shutil.copyfileobj(plain, archive)
    os.utime(packed, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    path.unlink()
    return packed


def test_what_is_appended_comes_once(log: Path, follower: Follower) -> None:
    append(log, "a", "b")
    assert follower.poll() == ["a", "b"]
    assert follower.poll() == []
    append(log, "c")
    assert follower.poll() == ["c"]


def test_a_line_without_its_end_waits(log: Path, follower: Follower) -> None:
    append(log, "a", "half", end="")
    assert follower.poll() == ["a"]
    append(log, " and whole")
    assert follower.poll() == ["half and whole"]


def test_blank_lines_carriage_returns_and_nuls_keep_their_place(log: Path, follower: Follower) -> None:
    append(log, "a\r", "", "\x00b")
    assert follower.poll() == ["a\r", "", "\x00b"]


def test_a_file_that_never_was_is_an_error_and_one_that_vanished_is_waited_for(log: Path, follower: Follower) -> None:
    with pytest.raises(FileNotFoundError):
        follower.poll()
    append(log, "a")
    follower.poll()
    log.unlink()
    assert follower.poll() == []
    append(log, "b")
    assert follower.poll() == ["b"]


def test_after_renaming_the_rest_of_the_old_file_comes_first(log: Path, follower: Follower) -> None:
    append(log, "a")
    follower.poll()
    append(log, "b")
    log.rename(rolled(log))
    append(log, "c")
    assert follower.poll() == ["b", "c"]
    append(log, "d")
    assert follower.poll() == ["d"]


def test_the_old_file_is_not_left_before_the_new_one_has_a_line(log: Path, follower: Follower) -> None:
    append(log, "a")
    follower.poll()
    old = log.rename(rolled(log))
    log.touch()
    append(old, "still written to", "half", end="")
    assert follower.poll() == ["still written to"]
    append(old, " and whole")
    append(log, "c")
    assert follower.poll() == ["half and whole", "c"]


def test_a_last_line_that_will_never_end_comes_when_the_writer_has_moved_on(log: Path, follower: Follower) -> None:
    append(log, "a", "cut", end="")
    follower.poll()
    log.rename(rolled(log))
    append(log, "c")
    assert follower.poll() == ["cut", "c"]


def test_files_rolled_since_the_last_look_come_in_their_order(log: Path, follower: Follower) -> None:
    append(log, "before")
    os.utime(log, ns=(1, 1))
    log.rename(rolled(log, ".9"))
    append(log, "a")
    follower.poll()
    for moment, line in enumerate("bcdefg", start=2):
        append(log, line)
        os.utime(log, ns=(moment, moment))
        log.rename(rolled(log, f".{moment % 4}{moment}"))
    compress(rolled(log, ".04"))
    rolled(log, ".15.gz").write_bytes(gzip.compress(b"e\n"))
    append(log, "h")
    append(rolled(log, ".errors"), "of another log")
    assert follower.poll() == list("bcdefgh")
    assert follower.poll() == []


def test_after_copying_and_truncating_the_rest_of_the_copy_comes_first(log: Path, follower: Follower) -> None:
    append(log, "a")
    follower.poll()
    append(log, "b")
    copy_and_truncate(log)
    assert follower.poll() == ["b"]
    append(log, "c")
    assert follower.poll() == ["c"]


def test_a_truncated_file_is_read_from_its_start(log: Path, follower: Follower) -> None:
    append(log, "first and long")
    follower.poll()
    os.truncate(log, 0)
    append(log, "b")
    assert follower.poll() == ["b"]


def test_a_truncated_file_that_outgrew_its_old_length_is_read_from_its_start(log: Path, follower: Follower) -> None:
    append(log, "first")
    follower.poll()
    os.truncate(log, 0)
    append(log, "second", "and longer than before")
    assert follower.poll() == ["second", "and longer than before"]


def test_a_truncated_file_that_begins_as_before_is_read_from_its_start(log: Path, follower: Follower) -> None:
    append(log, "banner", "a")
    follower.poll()
    os.truncate(log, 0)
    append(log, "banner")
    assert follower.poll() == ["banner"]


def test_a_truncated_file_that_begins_as_before_and_outgrew_its_old_length_is_read_from_its_start(
    log: Path, follower: Follower
) -> None:
    append(log, "banner", "a", "b")
    follower.poll()
    os.truncate(log, 0)
    append(log, "banner", "c", "d", "e", "f")
    assert follower.poll() == ["banner", "c", "d", "e", "f"]


def test_a_copy_of_a_truncated_file_is_finished_before_the_file_that_begins_as_it_did(
    log: Path, follower: Follower
) -> None:
    append(log, "banner", "a")
    follower.poll()
    append(log, "b")
    copy_and_truncate(log)
    append(log, "banner", "c", "d", "e", "f")
    assert follower.poll() == ["b", "banner", "c", "d", "e", "f"]


def test_a_place_of_an_earlier_release_is_read_on_from(log: Path, follower: Follower) -> None:
    append(log, "a")
    follower.poll()
    del follower.cursor["tail"]
    append(log, "b")
    assert follower.poll() == ["b"]
    assert follower.cursor["tail"]


def test_a_file_that_gets_its_first_lines_while_it_is_opened_comes_once(log: Path, follower: Follower) -> None:
    log.touch()
    with LogFile(log) as opened:
        append(log, "a", "b")
        assert list(opened.blocks(0, final=False)) == []
    assert follower.poll() == ["a", "b"]
    assert follower.poll() == []


def when_listed(monkeypatch: pytest.MonkeyPatch, times: int, deed: Callable[[], object]) -> None:
    """Do something after the files beside a log were listed so many times."""
    listing, counted = tailing._listing, iter(range(1, 10))

    def listing_and_deed(path: Path, place: Place) -> Any:
        found = listing(path, place)
        if next(counted) == times:
            deed()
        return found

    monkeypatch.setattr(tailing, "_listing", listing_and_deed)


def test_a_rotation_before_the_look_around_brings_nothing_twice(
    log: Path, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, "a")
    os.utime(log, ns=(1, 1))
    follower.poll()
    log.rename(rolled(log, ".2"))
    append(log, "b")
    listing = tailing._listing

    def rotate_and_list(path: Path, place: Place) -> Any:
        if not rolled(log).exists():
            log.rename(rolled(log))
            append(log, "c")
        return listing(path, place)

    monkeypatch.setattr(tailing, "_listing", rotate_and_list)
    assert follower.poll() == ["b"]
    assert follower.poll() == ["c"]


CASCADE = [(".2", ".3"), (".1", ".2"), ("", ".1")]


@pytest.mark.parametrize("renamed", [CASCADE, CASCADE[:2], CASCADE[:1], [(".1", ".5")]])
@pytest.mark.parametrize("times", [1, 2])
def test_files_renamed_during_the_look_around_are_not_mistaken_for_one_another(
    log: Path, follower: Follower, monkeypatch: pytest.MonkeyPatch, renamed: list[tuple[str, str]], times: int
) -> None:
    append(log, "a")
    follower.poll()
    append(log, "b")
    os.utime(log, ns=(1, 1))
    log.rename(rolled(log, ".2"))
    append(log, "c")
    log.rename(rolled(log, ".1"))
    append(log, "d")
    when_listed(
        monkeypatch, times, lambda: [rolled(log, before).rename(rolled(log, after)) for before, after in renamed]
    )
    with pytest.raises(OSError, match=r"rotated|No such file"):
        follower.poll()
    monkeypatch.undo()
    assert follower.poll() == ["b", "c", "d"]


def test_a_file_beside_the_log_that_may_not_be_read_holds_nothing_up(
    log: Path, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, "a")
    follower.poll()
    append(log, "b")
    os.utime(log, ns=(1, 1))
    log.rename(rolled(log))
    append(log, "c")
    append(rolled(log, ".2"), "of others")
    rolled(log, ".3").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path != rolled(log, ".2"))
    assert follower.poll() == ["b", "c"]


def test_a_folder_that_vanished_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "app.log"
    log.parent.mkdir()
    append(log, "a")
    follower = Follower(log)
    follower.poll()
    shutil.rmtree(log.parent)
    assert follower.poll() == []


def test_a_link_beside_the_log_is_not_one_of_its_files(log: Path, follower: Follower) -> None:
    append(log, "a")
    follower.poll()
    append(log, "b")
    os.utime(log, ns=(1, 1))
    log.rename(rolled(log))
    append(log, "c")
    other = log.with_name("other.log")
    append(other, "of others")
    rolled(log, ".9").symlink_to(other)
    assert follower.poll() == ["b", "c"]


def test_files_that_begin_with_the_same_line_are_told_apart(log: Path, follower: Follower) -> None:
    append(log, "banner", "a")
    follower.poll()
    append(log, "b")
    os.utime(log, ns=(1, 1))
    log.rename(rolled(log, ".2"))
    append(log, "banner", "c", "d")
    log.rename(rolled(log))
    append(log, "banner", "e", "f", "g")
    assert follower.poll() == ["b", "banner", "c", "d", "banner", "e", "f", "g"]


def test_the_unread_rest_of_a_file_that_was_compressed_meanwhile_comes_once(log: Path, follower: Follower) -> None:
    append(log, "a")
    follower.poll()
    append(log, "b", "c")
    log.rename(rolled(log))
    compress(rolled(log))
    append(log, "d")
    assert follower.poll() == ["b", "c", "d"]
    assert follower.poll() == []


def test_a_broken_archive_gives_what_it_holds_and_holds_nothing_up(log: Path, follower: Follower) -> None:
    append(log, "a")
    follower.poll()
    append(log, *(os.urandom(500).hex() for _ in range(500)))
    log.rename(rolled(log))
    packed = compress(rolled(log))
    os.truncate(packed, packed.stat().st_size // 2)
    append(log, "last")
    lines = follower.poll()
    assert 100 < len(lines) < 400
    assert lines[-1] == "last"


def test_an_archive_that_breaks_before_the_place_holds_nothing_up(log: Path, follower: Follower) -> None:
    append(log, *(os.urandom(500).hex() for _ in range(500)))
    follower.poll()
    append(log, "lost")
    log.rename(rolled(log))
    packed = compress(rolled(log))
    os.truncate(packed, packed.stat().st_size // 2)
    append(log, "last")
    assert follower.poll() == ["last"]


def test_another_file_with_the_old_inode_is_read_from_its_start(log: Path, follower: Follower) -> None:
    append(log, "a")
    follower.poll()
    follower.cursor["head"] = "of another file"
    append(log, "b")
    assert follower.poll() == ["a", "b"]


def test_a_link_is_followed_to_where_its_files_are_rotated(tmp_path: Path) -> None:
    log = tmp_path / "pods" / "0.log"
    log.parent.mkdir()
    append(log, "a")
    follower = Follower(tmp_path / "link.log")
    follower.path.symlink_to(log)
    follower.poll()
    append(log, "b")
    log.rename(rolled(log, ".20260301-120000"))
    append(log, "c")
    assert follower.poll() == ["b", "c"]


def test_lines_longer_than_the_limit_are_cut_and_the_next_is_whole(log: Path, follower: Follower) -> None:
    append(log, "a", "x" * (3 * tailing.BLOCK_BYTES), "b", "y" * (MAX_LINE + 1), "c", "z" * MAX_LINE, "d")
    lines = follower.poll()
    assert [line[:1] for line in lines] == list("axbyczd")
    assert len(lines[1]) == MAX_LINE + 1
    assert len(lines[5]) == MAX_LINE
    assert follower.poll() == []


def test_a_long_line_that_goes_on_waits_and_one_of_a_finished_file_does_not(log: Path, follower: Follower) -> None:
    append(log, "a", "x" * (2 * tailing.BLOCK_BYTES), end="")
    assert follower.poll() == ["a"]
    log.rename(rolled(log))
    append(log, "c")
    assert [line[:1] for line in follower.poll()] == ["x", "c"]


def test_the_hole_a_writer_leaves_after_a_truncation_is_skipped(log: Path, follower: Follower) -> None:
    with log.open("w") as file:
        file.write("a" * 3_000_000 + "\n")
        file.flush()
        follower.poll()
        os.truncate(log, 0)
        file.write("after the hole\n")
    assert [line.lstrip("\0") for line in follower.poll()] == ["after the hole"]


def test_a_long_line_is_never_held_in_memory_whole(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(200 * 2**20)
        file.seek(1)
        file.write(b"x")
        file.seek(0, os.SEEK_END)
        file.write(b"\nb\n")
    sizes = [sum(map(len, block.lines)) for block in follow(log, None)]
    assert max(sizes) <= MAX_LINE + 1


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_only_a_regular_file_is_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    path.mkdir() if kind == "directory" else os.mkfifo(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="regular"):
        LogFile(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_writer_at_work_through_rotations_loses_nothing(log: Path, follower: Follower) -> None:
    expected = [f"line {number}" for number in range(6_000)]

    def write() -> None:
        for start in range(0, len(expected), 100):
            with log.open("a", buffering=1) as file:
                file.writelines(line + "\n" for line in expected[start : start + 100])
            time.sleep(0.003)
            if start % 1_000 == 900:
                log.rename(rolled(log, f".{start}"))

    append(log, "first")
    lines, polls = follower.poll(), 1
    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        lines += follower.poll()
        polls += 1
    assert polls > 10
    assert [*lines, *follower.poll()] == ["first", *expected]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(min_value=1, max_value=7))
def test_any_bytes_in_blocks_of_any_size_are_the_lines_between_line_ends(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], size: int
) -> None:
    log = tmp_path_factory.mktemp("log") / "app.log"
    read = []
    place: Place | None = None
    with pytest.MonkeyPatch.context() as patch, log.open("ab", buffering=0) as file:
        patch.setattr(tailing, "BLOCK_BYTES", size)
        patch.setattr(tailing, "BLOCK_LINES", 2)
        for chunk in chunks:
            file.write(chunk)
            for block in follow(log, place):
                assert len(block.lines) <= 2
                read += block.lines
                place = block.file.place(block.end)
    *full, rest = b"".join(chunks).split(b"\n")
    assert read == full
    assert place is None or place.offset == len(b"".join(chunks)) - len(rest)
