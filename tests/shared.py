"""Real payloads and incidents that lie beside the repository: tests read them in place."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def payloads(*parts: str) -> Path:
    """Return a folder or file below ``../shared/payloads`` (``RCA_SHARED`` names another ``shared``).

    Where it is absent the test says so and is skipped; under ``CI`` it fails.
    """
    return _found("payloads", *parts)


def incidents(*parts: str) -> Path:
    """Return a folder or file below ``../shared/incidents``, or skip likewise."""
    return _found("incidents", *parts)


def _found(kind: str, *parts: str) -> Path:
    shared = Path(os.environ.get("RCA_SHARED") or ROOT.parent / "shared")
    found = shared.joinpath(kind, *parts)
    if not found.exists():
        message = f"{'/'.join(parts)} is absent: set RCA_SHARED to the folder that holds {kind}/"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message, allow_module_level=True)
    return found
