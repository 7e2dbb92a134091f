"""A backup brings everything back into an empty database, and nothing into any other."""

import io
import json
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from psycopg.conninfo import make_conninfo
from pytest_django import Settings

from accounts import services
from accounts.models import User
from connectors.tests.factories import SECRET, ConnectorFactory
from events.models import Event
from events.tests.factories import EventFactory
from rcaplatform import backups
from rcaplatform.kit.sealing import unseal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
KEYS = {"secret-key": b"the key of this installation", "jwt-private.pem": b"a private key"}
PLACE = ("host", "port", "user", "password")


@pytest.fixture
def installation(settings: Settings, tmp_path: Path) -> Path:
    """Return the data directory of an installation with keys, a connector and two events."""
    settings.DATA_DIR = tmp_path / "data"
    keys = tmp_path / "data/keys"
    keys.mkdir(parents=True, mode=0o700)
    for name, content in KEYS.items():
        (keys / name).write_bytes(content)
    ConnectorFactory(name="shop")
    EventFactory(title="Checkout is down")
    EventFactory()
    return tmp_path / "data"


@pytest.fixture
def saved(installation: Path, tmp_path: Path) -> Path:
    """Return a backup of it."""
    file = tmp_path / "backup.tar"
    call_command("backup", str(file), stdout=io.StringIO())
    return file


@pytest.fixture
def empty() -> Iterator[dict[str, Any]]:
    """Return the parameters of a database in which nothing is."""
    known = connection.get_connection_params()
    name = f"rca_restore_{uuid4().hex[:8]}"
    place = {key: known[key] for key in PLACE if known.get(key)}
    with psycopg.connect(make_conninfo(**place, dbname="postgres"), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        try:
            yield {**place, "dbname": name}
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def asked(database: dict[str, Any], question: bytes) -> list[tuple[Any, ...]]:
    with psycopg.connect(make_conninfo(**database)) as server:
        return server.execute(question).fetchall()


def changed(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Return a copy of a backup with other members."""
    with tarfile.open(file) as tar:
        members = {one.name: tar.extractfile(one).read() for one in tar.getmembers()}  # type: ignore[union-attr]
    change(members)
    copy = file.with_name("changed.tar")
    with tarfile.open(copy, "w") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return copy


def with_manifest(**told: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members[backups.MANIFEST] = json.dumps({**json.loads(members[backups.MANIFEST]), **told}).encode()

    return change


def test_everything_comes_back(saved: Path, empty: dict[str, Any], tmp_path: Path) -> None:
    backups.restore(saved, database=empty, data_dir=tmp_path / "elsewhere")
    stored = list(Event.objects.order_by("id").values_list("id", "title"))
    assert asked(empty, b"SELECT id, title FROM events_event ORDER BY id") == stored
    assert asked(empty, b"SELECT count(*) FROM django_migrations") == [
        (len(json.loads(manifest_of(saved))["migrations"]),)
    ]
    ((sealed,),) = asked(empty, b"SELECT secrets FROM connectors_connector WHERE name = 'shop'")
    assert unseal(sealed) == {"secret": SECRET}
    keys = {key.name: key for key in (tmp_path / "elsewhere/keys").iterdir()}
    assert {name: key.read_bytes() for name, key in keys.items()} == KEYS
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys.values()} == {0o600}


def test_no_token_or_session_of_before_stands_again(
    installation: Path, engineer: User, empty: dict[str, Any], tmp_path: Path
) -> None:
    """After the backup there were more, which were ended; counted on from it, their number would come up again."""
    call_command("backup", str(tmp_path / "backup.tar"), stdout=io.StringIO())
    held = []
    for _ in range(3):
        services.set_password(user=engineer, password=str(uuid4()))
        held.append(engineer.token_generation)
    backups.restore(tmp_path / "backup.tar", database=empty, data_dir=tmp_path / "elsewhere")
    ((restored,),) = asked(empty, b"SELECT token_generation FROM accounts_user WHERE username = 'engineer'")
    assert restored > max(held)


def manifest_of(file: Path) -> bytes:
    with tarfile.open(file) as tar:
        return tar.extractfile(backups.MANIFEST).read()  # type: ignore[union-attr]


def test_a_backup_is_readable_by_its_owner_alone_and_leaves_nothing_beside_it(saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert {entry.name for entry in saved.parent.iterdir()} == {"backup.tar", "data"}


def test_a_backup_writes_over_nothing(saved: Path) -> None:
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(saved))


def test_a_database_that_refuses_leaves_no_file(installation: Path, tmp_path: Path) -> None:
    nowhere = {**connection.get_connection_params(), "dbname": "nowhere"}
    with pytest.raises(backups.NoBackup, match='database "nowhere" does not exist'):
        backups.save(tmp_path / "backup.tar", database=nowhere, now=timezone.now())
    assert not (tmp_path / "backup.tar").exists()


def test_a_database_that_is_not_empty_is_left_alone(saved: Path) -> None:
    before = Event.objects.count()
    with pytest.raises(CommandError, match="not empty"):
        call_command("restore", str(saved))
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda members: members.update({backups.DUMP: members[backups.DUMP][:-1] + b"!"}), "damaged"),
        (lambda members: members.pop(backups.DUMP), "has no database.dump"),
        (lambda members: members.pop(backups.MANIFEST), "has no manifest.json"),
        (with_manifest(format=2), "format this version does not know"),
        (with_manifest(version="9.0", migrations=["events.9999_future"]), "version 9.0, newer than this one"),
        (lambda members: (members.pop("keys/secret-key"), with_manifest(sealing="others")(members)), "other keys"),
    ],
    ids=["damaged", "no database", "no manifest", "other format", "newer", "other keys"],
)
def test_what_is_no_good_backup_of_ours_is_refused_before_anything_is_written(
    change: Callable[[dict[str, bytes]], None], said: str, saved: Path, empty: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(backups.NoBackup, match=said):
        backups.restore(changed(saved, change), database=empty, data_dir=tmp_path / "elsewhere")
    assert asked(empty, b"SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_that_claims_another_place_is_not_put_there(saved: Path, empty: dict[str, Any], tmp_path: Path) -> None:
    sly = changed(saved, lambda members: members.update({"keys/../../sly": b"x"}))
    backups.restore(sly, database=empty, data_dir=tmp_path / "elsewhere")
    assert {key.name for key in (tmp_path / "elsewhere/keys").iterdir()} == set(KEYS)
    assert not (tmp_path / "sly").exists()


def test_a_file_that_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear operator,")
    with pytest.raises(CommandError, match="is no backup"):
        call_command("restore", str(tmp_path / "letter"))
