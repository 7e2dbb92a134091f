"""Whatever people have put into a repository becomes events: odd bytes, odd dates, odd files, and very much of them."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from connectors.base import Record
from connectors.errors import BadRecord
from connectors.sources import gitmirror, gitwalk
from connectors.tests.repositories import FIRST_COMMIT, Reader, Repository
from events.drafts import EventDraft


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def reader(shop: Repository, tmp_path: Path) -> Reader:
    return Reader.of(shop.path, tmp_path / "workspace")


def only(reader: Reader) -> EventDraft:
    (event,) = reader.events()
    return event


def person(name: bytes, when: bytes) -> bytes:
    who = name + b" <x@example.org> " + when
    return b"author " + who + b"\ncommitter " + who + b"\n"


def test_text_that_is_not_utf_8_is_kept_readable(shop: Repository, reader: Reader) -> None:
    shop.raw_commit(person(b"J\xfcrgen", b"1700000000 +0100") + b"\nGr\xfc\xdfe\n")
    event = only(reader)
    assert event.data["author"]["name"] == "J\\xfcrgen"
    assert event.title == "Gr\\xfc\\xdfe"


def test_text_whose_encoding_is_declared_is_converted(shop: Repository, reader: Reader) -> None:
    shop.raw_commit(person(b"J\xfcrgen", b"1700000000 +0100") + b"encoding ISO-8859-1\n\nGr\xfc\xdfe\n")
    event = only(reader)
    assert (event.data["author"]["name"], event.title) == ("Jürgen", "Grüße")


NAMES = [
    "tab\there",
    "line\nbreak",
    "\n1\t2\tlike a count",
    '"quoted"',
    "ümläut",
    "white space ",
    "-dash",
    ":(glob)*",
    "0123456789012345678901234567890123456789",
    "a" * 255,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_have_any_name(shop: Repository, reader: Reader, name: str) -> None:
    shop.commit(files={name: "1\n", "next": "1\n2\n"})
    assert {file["path"]: file["insertions"] for file in only(reader).data["files"]} == {name: 1, "next": 2}


def test_a_file_name_that_is_not_utf_8_is_kept_readable(shop: Repository, reader: Reader) -> None:
    (shop.path / "caf\udce9").write_text("1\n")
    shop.commit()
    assert "caf\\xe9" in [file["path"] for file in only(reader).data["files"]]


def test_a_renamed_file_says_what_it_was_called(shop: Repository, reader: Reader) -> None:
    shop.commit(files={"old name": "one\ntwo\n", "untouched": "x\n"})
    reader.events()
    shop.git("mv", "old name", "new name")
    shop.commit(files={"untouched": "y\n"})
    assert only(reader).data["files"] == [
        {"path": "new name", "insertions": 0, "deletions": 0, "from": "old name"},
        {"path": "untouched", "insertions": 1, "deletions": 1},
    ]


def test_a_binary_file_has_no_lines(shop: Repository, reader: Reader) -> None:
    (shop.path / "logo.png").write_bytes(b"\x00\x01" * 50)
    shop.commit(files={})
    event = only(reader)
    assert event.data["files"] == [{"path": "logo.png", "insertions": 0, "deletions": 0, "binary": True}]
    assert (event.data["files_changed"], event.data["insertions"]) == (1, 0)


def test_a_submodule_is_a_file_like_any_other(shop: Repository, reader: Reader) -> None:
    shop.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/library")
    shop.git("commit", "--quiet", "--message", "Add a library")
    event = only(reader)
    assert [file["path"] for file in event.data["files"]] == ["vendor/library"]


@pytest.mark.parametrize(
    ("when", "occurred"),
    [
        (b"0 +0000", datetime(1970, 1, 1, tzinfo=UTC)),
        (b"-86400 +0000", datetime(1970, 1, 1, tzinfo=UTC)),
        (b"4102444800 +0000", datetime(2100, 1, 1, tzinfo=UTC)),
        (b"99999999999999 +0000", datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"18446744073709551615 +0000", None),
        (b"nonsense", None),
        (b"1700000000 +9999", datetime.fromtimestamp(1_700_000_000, UTC)),
    ],
)
def test_a_date_may_be_nonsense(shop: Repository, reader: Reader, when: bytes, occurred: datetime | None) -> None:
    shop.raw_commit(person(b"X", when) + b"\nOdd\n")
    timestamp = only(reader).timestamp
    assert timestamp == occurred or (occurred is None and timestamp.year in {1970, 2199})


def test_commits_out_of_order_in_time_are_all_read(shop: Repository, reader: Reader) -> None:
    shas = []
    for jump in (0, -10_000_000, 20_000_000, -30_000_000):
        shop.clock += jump
        shas.append(shop.commit())
    assert reader.ids() == shas
    shop.clock = FIRST_COMMIT - 90_000_000
    assert [shop.commit()] == reader.ids()


def test_a_commit_without_author_or_message_is_read(shop: Repository, reader: Reader) -> None:
    sha = shop.raw_commit(b"\n")
    event = only(reader)
    assert (event.source_id, event.title) == (sha, f"Commit {sha[:12]} without a message")


def test_a_commit_of_many_files_is_counted_in_full_and_listed_in_part(shop: Repository, reader: Reader) -> None:
    lines = "".join(f"M 100644 inline lib/part{n % 700}/f{n}.txt\ndata 2\nx\n" for n in range(1_000))
    shop.git(
        "fast-import",
        "--quiet",
        stdin=f"commit refs/heads/main\ncommitter X <x> 1700000000 +0000\ndata 1\nx\n{lines}".encode(),
    )
    event = only(reader)
    assert (event.data["files_changed"], event.data["insertions"], len(event.data["files"])) == (1_000, 1_000, 300)
    assert event.component == "lib"


def test_a_path_without_end_is_cut(shop: Repository, reader: Reader) -> None:
    path = "deep/" * 1_000 + "end"
    commit = f"commit refs/heads/main\ncommitter X <x> 1700000000 +0000\ndata 1\nx\nM 100644 inline {path}\ndata 1\nx\n"
    shop.git("fast-import", "--quiet", stdin=commit.encode())
    assert [file["path"] for file in only(reader).data["files"]] == [path[:1_000]]


def test_a_page_is_full_when_it_is_large(shop: Repository, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitwalk, "PAGE_BYTES", 15_000)
    for _ in range(3):
        shop.commit("word\n\n" + "word " * 2_000)
    assert [len(page.records) for page in reader.pages() if page.records] == [2, 1]


def test_an_endless_message_is_cut(shop: Repository, reader: Reader) -> None:
    shop.commit("Start\n\n" + "word " * 100_000)
    event = only(reader)
    assert event.title == "Start"
    assert len(event.data["message"]) == 10_000


def test_a_message_that_does_not_end_does_not_fill_the_memory() -> None:
    (token,) = gitmirror._tokens([b"x" * 100_000] * 50 + [b"\0"])
    assert len(token) <= gitmirror.MAX_TOKEN


def test_a_title_of_many_lines_is_shortened(shop: Repository, reader: Reader) -> None:
    shop.commit("one\ntwo\n" + "three " * 200)
    title = only(reader).title
    assert title.startswith("one two three")
    assert len(title) == 500


def test_a_message_of_control_characters_is_read(shop: Repository, reader: Reader) -> None:
    shop.commit("\x1b[31mred\x07\n\nbody \x01 \ufffe\n")
    assert "red" in only(reader).title


def test_branches_may_have_long_and_odd_names(shop: Repository, reader: Reader) -> None:
    sha = shop.commit()
    long = "very/" * 40 + "long"
    for name in (long, "ünïcode", "quo\"te'$(x)", "line\u2028break", "next\x85line"):
        shop.git("branch", name)
    (shop.path / ".git" / "packed-refs").write_bytes(
        b"# pack-refs with: peeled\n" + sha.encode() + b" refs/tags/caf\xe9\n"
    )
    assert "refs/tags/caf\\xe9" in " ".join(reader.ids())
    shop.git("branch", "--delete", "--force", long)
    event = only(reader)
    assert len(event.source_id) < 300
    assert event.title.startswith("Branch very/very/")


def test_what_cannot_be_understood_is_a_bad_record(reader: Reader) -> None:
    for facts in ({"kind": "gossip"}, {}):
        raw = orjson.dumps(facts)
        with pytest.raises(BadRecord, match="nothing a repository tells of"):
            list(reader.source.decode(Record("x", raw, raw)))
