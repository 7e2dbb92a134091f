"""Decision: Markdown as plain values that a page is set from, in which nothing is markup any more. No database here.

A block is one of ``para``, ``heading``, ``code``, ``quote``, ``list``, ``rule`` and ``table``; an inline is one of
``text``, ``code``, ``strong``, ``em``, ``strike``, ``link`` and ``break``: each a dictionary with its ``kind``.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from rcaplatform.kit.markdown import READER, costly

Node = dict[str, Any]
DEEPEST = 6  # what nests deeper is shown as it was written: whoever sets the page has a stack as well
MOST_COLUMNS = 12
WEB = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+")
# What turns the direction of text around it can make a line say something else than it does.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
_LONG = re.compile(r"\S{41,}")
_PIECE = 20
_MARKS = {"strong": "strong", "em": "em", "s": "strike"}


def clean(text: str) -> str:
    """Return ``text`` without control characters, and with a place to break in every long word."""
    return _LONG.sub(_breakable, _CONTROL.sub("", text))


def _breakable(word: re.Match[str]) -> str:
    text = word[0]
    return "\u200b".join(text[start : start + _PIECE] for start in range(0, len(text), _PIECE))


def blocks(text: str) -> list[Node]:
    """Return what ``text`` says as blocks. Raw HTML in it is text; pictures are links; only web addresses are links."""
    if costly(text):
        return [_code(text)]
    root = SyntaxTreeNode(READER.parse(text))
    if _depth(root.to_tokens()) > DEEPEST:
        return [_code(text)]
    return [block for node in root.children for block in _block(node)]


def _depth(tokens: list[Token]) -> int:
    deepest = level = 0
    for token in (one for outer in tokens for one in (outer, *(outer.children or ()))):
        level += token.nesting if token.type != "inline" else 0
        deepest = max(deepest, level)
    return deepest


def _code(text: str) -> Node:
    # Lines of code are cut by nobody: each gets places to break as well.
    return {"kind": "code", "text": clean(text.rstrip("\n"))}


def _block(node: SyntaxTreeNode) -> Iterator[Node]:
    write = _BLOCKS.get(node.type)
    if write:
        yield write(node)
    else:
        yield from (block for child in node.children for block in _block(child))


def _inside(node: SyntaxTreeNode) -> list[Node]:
    return [block for child in node.children for block in _block(child)]


def _items(node: SyntaxTreeNode) -> Node:
    start = int(node.attrs.get("start", 1))
    # Nobody's list begins there; whoever sets the page counts in 32 bits.
    return {
        "kind": "list",
        "start": min(start, 1_000_000),
        "ordered": node.type == "ordered_list",
        "items": [_inside(item) for item in node.children],
    }


def _table(node: SyntaxTreeNode) -> Node:
    rows = [[_inlines(cell) for cell in row.children] for part in node.children for row in part.children]
    if max(len(row) for row in rows) > MOST_COLUMNS:
        return {"kind": "para", "inlines": [piece for row in rows for cell in row for piece in (*cell, _BREAK)]}
    return {"kind": "table", "columns": len(rows[0]), "rows": rows}


_BREAK: Node = {"kind": "break"}
_BLOCKS: dict[str, Callable[[SyntaxTreeNode], Node]] = {
    "paragraph": lambda node: {"kind": "para", "inlines": _inlines(node)},
    "heading": lambda node: {"kind": "heading", "level": int(node.tag[1:]), "inlines": _inlines(node)},
    "fence": lambda node: _code(node.content),
    "code_block": lambda node: _code(node.content),
    "blockquote": lambda node: {"kind": "quote", "blocks": _inside(node)},
    "bullet_list": _items,
    "ordered_list": _items,
    "hr": lambda _: {"kind": "rule"},
    "table": _table,
}


def _inlines(node: SyntaxTreeNode) -> list[Node]:
    return [inline for child in node.children for inline in _inline(child)]


def _inline(node: SyntaxTreeNode) -> Iterator[Node]:
    if node.type == "text":
        yield {"kind": "text", "text": clean(node.content)}
    elif node.type == "code_inline":
        yield {"kind": "code", "text": clean(node.content)}
    elif node.type in ("softbreak", "hardbreak"):
        yield _BREAK
    elif node.type in _MARKS:
        yield {"kind": _MARKS[node.type], "inlines": _inlines(node)}
    elif node.type in ("link", "image"):
        yield from _link(str(node.attrs.get("href") or node.attrs.get("src") or ""), _inlines(node))
    else:
        yield from _inlines(node)


def _link(address: str, inlines: list[Node]) -> Iterator[Node]:
    """Yield a link to the web; of an address that leads elsewhere only what it was called."""
    if WEB.fullmatch(address):
        yield {"kind": "link", "url": address, "inlines": inlines or [{"kind": "text", "text": clean(address)}]}
    else:
        yield from inlines
