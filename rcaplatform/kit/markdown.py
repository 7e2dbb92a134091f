"""Decision: how Markdown is read, wherever it is shown, and what would take too long to read. No database here."""

from markdown_it import MarkdownIt

# What the reader takes quadratic time over: cells that a table's short rows are filled up with, brackets left open.
MOST_CELLS, MOST_BRACKETS = 10_000, 1_000


def reader() -> MarkdownIt:
    """Return a reader that takes no HTML; its owner may teach it more."""
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


READER = reader()


def costly(text: str) -> bool:
    """Return whether reading ``text`` could take seconds: then show it as it was written."""
    lines = text.split("\n")
    return text.count("[") > MOST_BRACKETS or max(line.count("|") for line in lines) * len(lines) > MOST_CELLS
