"""The threat model names tests, and tests in this folder are named by it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", (ROOT / "docs/security.md").read_text())))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_threat_model_names_exists(path: str, name: str) -> None:
    assert f"\ndef {name}(" in (ROOT / path).read_text()


def test_the_threat_model_leaves_out_no_file_of_this_folder() -> None:
    here = {f"tests/security/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}
    assert here - {path for path, _ in NAMED} == {"tests/security/test_threat_model.py"}
