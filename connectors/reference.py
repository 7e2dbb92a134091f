"""Decision: what the reference says of each kind of connector, as Markdown. Made of what its source declares."""

from inspect import getdoc
from typing import Any

from connectors.base import Pull, Push, Setting, Source
from connectors.registry import SOURCES

MADE = "<!-- Made by `manage.py connectors docs`: change the source's docstring and settings instead. -->"
_TYPES = {str: "text", int: "number", bool: "yes or no", list: "list of texts", dict: "names and texts"}


def pages() -> dict[str, str]:
    """Return every page by its file name, the index among them."""
    found = {f"{kind}.md": page(source) for kind, source in SOURCES.items()}
    return {"README.md": index(), **found}


def index() -> str:
    """Return the list of all kinds."""
    rows = [
        f"| [{source.label}]({kind}.md) | `{kind}` | {how(source)} |"
        for kind, source in sorted(SOURCES.items(), key=lambda item: item[1].label.lower())
    ]
    return "\n".join(
        [
            "# Kinds of connectors",
            "",
            MADE,
            "",
            "What they have in common is explained in [Connectors](../connectors.md).",
            "",
            "| source | kind | how |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def page(source: type[Source[Any]]) -> str:
    """Return the page of one kind."""
    settings = source.Config.settings()
    return "\n".join(
        [
            f"# {source.label}",
            "",
            MADE,
            "",
            getdoc(source) or "",
            "",
            f"Kind `{source.kind}`, {how(source)}.{_ends(source)}",
            "",
            "```sh",
            f".venv/bin/python manage.py connect {usage(source)}",
            "```",
            "",
            "| setting | type | default | |",
            "|---|---|---|---|",
            *(_row(setting) for setting in settings),
            "",
        ]
    )


def how(source: type[Source[Any]]) -> str:
    """Say how events of this kind come in."""
    ways = [way for base, way in ((Pull, "polled"), (Push, "webhook")) if issubclass(source, base)]
    return " and ".join(ways)


def _ends(source: type[Source[Any]]) -> str:
    """Say what senders may append to the address of a webhook."""
    ends = [f"`/hooks/NAME/{path}`" for path in source.paths] if issubclass(source, Push) else []
    return f" Its webhook answers at {' and '.join(ends)} too, where senders add that by themselves." if ends else ""


def usage(source: type[Source[Any]]) -> str:
    """Return the shortest command line that connects one."""
    needed = [setting for setting in source.Config.settings() if setting.required and setting.name != source.argument]
    given = " ".join(f"--{setting.name.replace('_', '-')} {'-' if setting.secret else '…'}" for setting in needed)
    return f"{source.kind} {source.argument.upper() or 'NAME'} {given}".rstrip()


def _row(setting: Setting) -> str:
    notes = [setting.help]
    if setting.choices:
        notes.append(f"One of {', '.join(choice or 'empty' for choice in setting.choices)}.")
    if setting.secret:
        notes.append("Sealed at rest, never shown again.")
    return f"| `{setting.name}` | {_TYPES[setting.type]} | {_default(setting)} | {_cell(' '.join(notes))} |"


def _default(setting: Setting) -> str:
    if setting.required:
        return "required"
    if setting.type is bool:
        return "yes" if setting.default else "no"
    return f"`{_cell(str(setting.default))}`" if setting.default not in ("", [], {}) else "empty"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
