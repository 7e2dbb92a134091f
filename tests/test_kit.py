"""What every app stands on: sealed secrets, JSON that PostgreSQL keeps, keys made once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from rcaplatform.kit import jsonio
from rcaplatform.kit.errors import Unavailable
from rcaplatform.kit.keyfiles import create_once
from rcaplatform.kit.sealing import seal, unseal

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_a_sealed_secret_opens_again_and_does_not_show() -> None:
    sealed = seal({"token": "hush"})
    assert b"hush" not in sealed
    assert unseal(sealed) == {"token": "hush"}


def test_an_old_key_still_opens_what_it_sealed(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.SEALING_KEYS = [old]
    sealed = seal({"token": "hush"})
    settings.SEALING_KEYS = [new, old]
    assert unseal(sealed) == {"token": "hush"}
    settings.SEALING_KEYS = [new]
    with pytest.raises(Unavailable):
        unseal(sealed)


@given(anything)
def test_any_json_is_dumped_as_postgresql_can_keep_it(value: object) -> None:
    text = jsonio.dumps(value)
    text.encode()
    json.loads(text)
    assert "\\u0000" not in text.replace("\\\\", "")


def test_a_backslash_before_u0000_is_text_and_stays() -> None:
    assert json.loads(jsonio.dumps({"path": "C:\\u0000"})) == {"path": "C:\\u0000"}


@pytest.mark.parametrize(("value", "depth"), [(1, 0), ([], 1), ({"a": [1]}, 2), ([[], {"a": {}}], 3)])
def test_depth_counts_levels(value: object, depth: int) -> None:
    assert jsonio.depth(value) == depth


def test_depth_stops_counting_what_is_too_deep() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert jsonio.depth(deep) == jsonio.MAX_DEPTH + 1


def test_processes_that_start_together_agree_on_a_key(tmp_path: Path) -> None:
    barrier, keys = Barrier(8), []

    def start(number: int) -> None:
        barrier.wait()
        keys.append(create_once(tmp_path / "keys" / "key", lambda: f"made by {number}", variable="KEY"))

    threads = [Thread(target=start, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["key"]
    assert (tmp_path / "keys" / "key").stat().st_mode & 0o077 == 0


def test_a_key_that_cannot_be_made_names_the_variable_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ImproperlyConfigured, match="set KEY"):
        create_once(tmp_path / "file" / "key", str, variable="KEY")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PROXIES": "1    how many"}, "PROXIES must be a whole number, not '1    how many'"),
        ({"RETENTION_DAYS": ""}, "RETENTION_DAYS must be a whole number, not ''"),
        ({"RETENTION_DAYS": "-1"}, "RETENTION_DAYS must be 0 or more, not -1"),
        ({"RATE_LIMIT_SIGN_IN": "-1"}, "RATE_LIMIT_SIGN_IN must be 0 or more, not -1"),
        ({"REPLICA_MAX_LAG_SECONDS": "soon"}, "REPLICA_MAX_LAG_SECONDS must be a number, not 'soon'"),
        ({"SESSION_HOURS": "0"}, "SESSION_HOURS must be 1 or more"),
        ({"SESSION_IDLE_MINUTES": "-1"}, "SESSION_IDLE_MINUTES must be 0 or more, not -1"),
        (
            {"REQUIRE_SECOND_FACTOR": "admin, root"},
            "REQUIRE_SECOND_FACTOR must name roles (admin, engineer, user), not",
        ),
    ],
)
def test_a_value_that_will_not_do_stops_the_start_by_its_name(variables: dict[str, str], said: str) -> None:
    start = [sys.executable, "-c", "import rcaplatform.settings"]
    ended = subprocess.run(start, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert ended.returncode
    assert said in ended.stderr.splitlines()[-1]
