"""Door: the settings of a kind of connector as arguments of a command."""

import getpass
import sys
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Mapping
from typing import Any

from connectors.base import ConnectorConfig, Setting

FROM_INPUT = "-"


def add_settings(parser: ArgumentParser, config: type[ConnectorConfig], *, but: tuple[str, ...] = ()) -> None:
    """Declare an option for each setting, except those the command takes otherwise."""
    for setting in config.settings():
        if setting.name in but:
            continue
        given: dict[str, Any] = {"help": _help(setting), "default": None, "dest": f"set_{setting.name}"}
        flag = f"--{setting.name.replace('_', '-')}"
        if setting.type is bool:
            parser.add_argument(flag, action=BooleanOptionalAction, **given)
        elif setting.type is dict:
            parser.add_argument(flag, action="append", metavar="NAME=TEXT", **given)
        else:
            kind: Any = int if setting.type is int else str
            parser.add_argument(flag, type=kind, choices=setting.choices or None, metavar=_metavar(setting), **given)


def given_settings(config: type[ConnectorConfig], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that were given; a secret given as ``-`` is asked for, or read from standard input."""
    given = ((setting, options.get(f"set_{setting.name}")) for setting in config.settings())
    return {setting.name: _value(setting, value) for setting, value in given if value is not None}


def _value(setting: Setting, value: Any) -> Any:
    if setting.type is list:
        return [text.strip() for text in value.split(",") if text.strip()]
    if setting.type is dict:
        return dict(pair.partition("=")[::2] for pair in value)
    if setting.secret and value == FROM_INPUT:
        asked = getpass.getpass(f"{setting.name}: ") if sys.stdin.isatty() else sys.stdin.readline()
        return asked.rstrip("\n")
    return value


def _help(setting: Setting) -> str:
    said = setting.help.replace("%", "%%")
    if setting.secret:
        said += f" {FROM_INPUT} asks for it, or reads a line of standard input, so that no other user sees it."
    elif setting.required:
        said += " Required."
    return said


def _metavar(setting: Setting) -> str | None:
    if setting.choices:
        return None
    return {int: "N", list: "TEXT,…"}.get(setting.type, "TEXT")
