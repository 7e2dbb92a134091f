"""Keys a single node makes for itself at first start, each in a file only its owner can read."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def create_once(path: Path, make: Callable[[], str], *, variable: str) -> str:
    """Return the text in ``path``, made by ``make`` if the file is not there yet.

    Processes that start together agree: the first to link its file wins and the others read it.

    Raises:
        ImproperlyConfigured: the file can be neither read nor made; names the ``variable`` to set instead.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(make())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text().strip()
    except OSError as problem:
        raise ImproperlyConfigured(f"set {variable}, or let the process write {path} ({problem.strerror})") from problem
