"""Timing: a secret is compared in time that tells nothing of it, or found by its digest."""

import ast
import hmac
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts import apikeys, credentials
from accounts.models import ApiKey, Scope, User
from accounts.tests.factories import PASSWORD
from connectors.tests.factories import NOW, SECRET, ConnectorFactory

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for app in ("accounts", "connectors", "rcaplatform", "frontend")
    for path in sorted((ROOT / app).rglob("*.py"))
    if not {"tests", "migrations", "demo"} & set(path.parts)
]
SECRET_NAME = re.compile(r"(^|_)(secret|signature|token|password|expected|hmac|mac)s?$")


def compared(path: Path) -> list[str]:
    """Return the comparisons with ``==`` in a file in which a secret takes part, but for those with a constant."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Compare) and any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops)):
            continue
        sides = [node.left, *node.comparators]
        named = [side for side in sides if isinstance(side, ast.Name | ast.Attribute)]
        secret = any(SECRET_NAME.search(side.id if isinstance(side, ast.Name) else side.attr) for side in named)
        if secret and not any(isinstance(side, ast.Constant) for side in sides):
            found.append(f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}")
    return found


def test_no_secret_is_compared_letter_by_letter() -> None:
    assert [one for path in SOURCES for one in compared(path)] == []


def test_the_look_at_comparisons_sees_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "x.py").write_text("ok = given == self.secret\nfine = secret == ''\n")
    assert compared(tmp_path / "x.py") == ["x.py:1 given == self.secret"]


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["wrong", SECRET[:-1], SECRET])
def test_the_secret_of_a_delivery_is_compared_whole_however_right_it_begins(
    client: Client, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    seen: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def note(one: Any, other: Any) -> bool:
        seen.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", note)
    ConnectorFactory(name="shop", kind="webhook", config={})
    headers = {"Authorization": f"Bearer {given}"}
    answer = client.post("/hooks/shop", b'{"title": "x"}', content_type="application/json", headers=headers)
    assert answer.status_code == (202 if given == SECRET else 401)
    assert (given.encode(), SECRET.encode()) in seen


@pytest.mark.django_db
def test_an_api_key_is_found_by_its_digest_and_kept_nowhere(engineer: User) -> None:
    _, secret = credentials.create_key(name="x", user=engineer, scope=Scope.READ, actor=None, now=NOW)
    kept = ApiKey.objects.get()
    assert kept.digest == apikeys.digest(secret)
    assert secret not in {str(value) for value in vars(kept).values()}
    assert len(secret) - len(kept.prefix) > 24  # what is shown of it leaves out almost all


@pytest.mark.django_db
def test_a_name_that_nobody_has_costs_a_hash_like_one_that_somebody_has(
    client: Client, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    hasher = "django.contrib.auth.hashers.MD5PasswordHasher.encode"
    before = __import__("django.contrib.auth.hashers", fromlist=["x"]).MD5PasswordHasher.encode

    def note(self: Any, password: str, *rest: Any) -> str:
        hashed.append(password)
        return str(before(self, password, *rest))

    monkeypatch.setattr(hasher, note)
    counts = []
    for name in (engineer.username, "nobody-at-all"):
        hashed.clear()
        client.post("/sign-in", {"username": name, "password": f"not-{PASSWORD}"})
        counts.append(len(hashed))
    assert counts[0] == counts[1] > 0
