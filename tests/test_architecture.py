"""The house rules that a machine can hold: budgets, annotations, migrations, settings and their documentation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("rcaplatform", "accounts", "events", "investigations", "connectors", "frontend")
SOURCES = sorted(
    path
    for app in APPS
    for path in (ROOT / app).rglob("*.py")
    if "migrations" not in path.parts and "tests" not in path.parts
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions() -> Iterator[tuple[str, Function]]:
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, Function):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def classes(suffix: str = "") -> Iterator[tuple[str, ast.ClassDef]]:
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and node.name.endswith(suffix):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def length(node: Function | ast.ClassDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def test_no_function_is_longer_than_60_lines_and_99_of_100_not_longer_than_40() -> None:
    lengths = {name: length(node) for name, node in functions()}
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}
    assert sorted(lengths.values())[len(lengths) * 99 // 100] <= 40


def test_no_file_is_longer_than_400_lines() -> None:
    assert {str(path): lines for path in SOURCES if (lines := len(path.read_text().splitlines())) > 400} == {}


def test_no_class_is_longer_than_200_lines() -> None:
    assert {name: length(node) for name, node in classes() if length(node) > 200} == {}


def test_every_module_says_which_room_it_is() -> None:
    assert [str(path) for path in SOURCES if not ast.get_docstring(tree(path))] == []


def test_nothing_is_imported_inside_a_function() -> None:
    inside = [
        name for name, node in functions() for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


def test_no_signal_is_received() -> None:
    assert [str(path) for path in SOURCES if re.search(r"@receiver|\.connect\(\w+, sender", path.read_text())] == []


@pytest.mark.parametrize("app", ["accounts", "events", "investigations", "connectors"])
def test_only_deeds_write(app: str) -> None:
    """Doors and questions never create, save or delete rows; `services`, `linking`, `pipeline` and the like do."""
    doors = [*(ROOT / app / "api").glob("*.py"), *(ROOT / app).glob("querysets.py"), *(ROOT / app).glob("webhooks.py")]
    writing = re.compile(r"objects\.(create|bulk_create|get_or_create|update_or_create)\(|\.save\(\)")
    assert [str(path) for path in doors if writing.search(path.read_text())] == []


def test_every_setting_is_explained_and_every_explained_setting_is_read() -> None:
    read = set()
    for path in [*SOURCES, ROOT / "Makefile", ROOT / "docker-compose.yml"]:
        text = path.read_text()
        read |= set(re.findall(r"""env\.\w+\(\s*"([A-Z_]+)\"""", text))
        read |= set(re.findall(r"""environ(?:\.get\(|\[)\s*"([A-Z_]+)\"""", text))
        read |= set(re.findall(r"\$\{([A-Z_]+)", text))
    explained = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    outside = {"PATH", "HOME", "DJANGO_SETTINGS_MODULE", "CI", "PYTEST_XDIST_WORKER"}
    assert read - outside == explained


def test_the_changelog_speaks_of_the_present_version() -> None:
    version = re.search(r'__version__ = "(.+)"', (ROOT / "rcaplatform/__init__.py").read_text())
    assert version is not None
    assert f"## {version.group(1)}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_link_in_the_documentation_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)} -> {link}"
        for page in pages
        for link in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_the_repository_names_no_path_of_the_machine_it_was_made_on() -> None:
    home = str(ROOT.parent)
    named = [
        str(path.relative_to(ROOT))
        for pattern in ("*.py", "*.md", "*.toml", "*.yml", "*.txt", "*.in", "Makefile")
        for path in ROOT.rglob(pattern)
        if not {".venv", "var", "node_modules"} & set(path.parts) and f"{home}/" in path.read_text(errors="replace")
    ]
    assert len(home) < 3 or named == []
