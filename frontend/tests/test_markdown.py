"""What becomes of Markdown that people, or attackers, write."""

import pytest

from frontend.markdown import render


def test_words_lists_code_and_tables_become_html() -> None:
    html = render("**no** `pool`\n\n- one\n\n| a |\n|---|\n| b |")
    assert "<strong>no</strong> <code>pool</code>" in html
    assert "<li>one</li>" in html
    assert "<td>b</td>" in html


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "[click](data:text/html,<script>alert(1)</script>)",
        "![x](https://tracker.example/pixel.png)",
        "<a href='https://e.example' style='position:fixed'>x</a>",
        '[x](https://e.example "a\\" onclick=\\"alert(1)")',
    ],
)
def test_nothing_in_a_note_can_act(attack: str) -> None:
    html = render(attack)
    assert "<script" not in html
    assert "<img" not in html
    assert " onclick=" not in html.replace("&quot; onclick=&quot;", "")
    assert 'href="javascript' not in html
    assert 'href="data' not in html
    assert "<a href='https" not in html


def test_a_link_tells_its_target_nothing() -> None:
    assert 'rel="noopener noreferrer nofollow"' in render("[docs](https://example.org)")


def test_deep_nesting_is_no_bomb() -> None:
    assert len(render(">" * 5_000 + " x")) < 100_000


@pytest.mark.parametrize("flood", ["![" * 25_000, "|a" * 2_000 + "|\n" + "|-" * 2_000 + "|\n" + "x\n" * 2_000])
def test_what_would_take_seconds_to_read_is_shown_as_it_was_written(flood: str) -> None:
    assert render(flood) == f"<pre>{flood}</pre>"
