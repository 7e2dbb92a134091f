"""How events of each source read: by the shapes their decoders give them."""

import pytest

from frontend.story import Fact, File, tell


def test_a_commit_tells_its_message_and_its_files() -> None:
    told = tell(
        title="payments: Fail fast",
        source_id="d119bd572e199347",
        data={
            "sha": "d119bd572e199347",
            "author": {"name": "Ada", "email": "ada@example.org"},
            "committer": {"name": "Ada", "email": "ada@example.org"},
            "authored_at": "2026-03-04T12:00:00+01:00",
            "message": "payments: Fail fast\n\nThe pool fills up.",
            "files": [
                {"path": "gateway.py", "insertions": 2, "deletions": 1},
                {"path": "logo.png", "insertions": 0, "deletions": 0, "binary": True},
            ],
            "files_changed": 301,
            "insertions": 2,
            "deletions": 1,
        },
    )
    assert told.text == "The pool fills up."
    assert told.files == [File("gateway.py", "", 2, 1), File("logo.png", "binary", 0, 0)]
    assert (told.file_count, told.insertions, told.deletions) == (301, 2, 1)
    assert told.facts == [Fact("Author", "Ada <ada@example.org>"), Fact("Authored at", "2026-03-04 11:00:00 UTC")]


def test_a_commit_from_a_webhook_names_what_it_added_and_removed() -> None:
    told = tell(title="x", source_id="1", data={"added": ["new.py"], "modified": [], "removed": ["old.py"]})
    assert told.files == [File("new.py", "added"), File("old.py", "removed")]


def test_a_log_line_tells_its_exception_and_its_context() -> None:
    told = tell(
        title="Gateway timed out",
        source_id="1",
        data={
            "message": "Gateway timed out",
            "level": "error",
            "exception": {"type": "TimeoutError", "message": "400 ms", "stack": "Traceback …"},
            "attributes": {"order": 70059, "nested": {"a": [1]}},
            "trace_id": "d2db29daa205f2d087119f81421017dc",
        },
    )
    assert (told.text, told.failure, told.stack) == ("", "TimeoutError: 400 ms", "Traceback …")
    assert told.facts == [
        Fact("Level", "error"),
        Fact("Trace id", "d2db29daa205f2d087119f81421017dc", exact=True),
        Fact("Order", "70059"),
    ]


def test_frames_stand_in_for_a_stack_that_was_not_kept() -> None:
    frames = [{"file": "pay.py", "line": 12, "function": "charge"}, "native code"]
    assert (
        tell(title="x", source_id="1", data={"exception": {"frames": frames}}).stack == "pay.py:12  charge\nnative code"
    )


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {"files": "no list"},
        {"files": [None, 7]},
        {"exception": "x"},
        {"author": {}},
        {"files_changed": True},
    ],
)
def test_whatever_an_event_holds_it_can_be_told(data: object) -> None:
    tell(title="x", source_id="1", data=data)
