"""Composition: what must be right before the product starts, looked at without changing anything.

Each look returns what it found. `OK` is as it should be, `WARN` works and should not stay so, `BAD` does not work.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from redis import Redis, RedisError

from accounts import factors, keys
from accounts.models import Switch
from rcaplatform import broker
from rcaplatform.backups import NoBackup, tool
from rcaplatform.kit import replica
from rcaplatform.kit.errors import DomainError
from rcaplatform.kit.sealing import seal, unseal

OK, WARN, BAD = "ok", "warn", "bad"
OLDEST_POSTGRESQL = 14  # that Django supports
LITTLE, TOO_LITTLE = 2 * 2**30, 200 * 2**20  # bytes of disk
ODD, WRONG = 2.0, 60.0  # seconds between two clocks


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found."""

    level: str
    about: str
    said: str


def is_local(address: str) -> bool:
    """Tell whether nobody but this machine can use an address. Pure."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _settings(_now: datetime) -> Iterator[Finding]:
    local = is_local(settings.SITE_URL)
    if settings.DEMO and not local:
        yield Finding(WARN, "DEMO", "The demo people can sign in: set DEMO=false.")
    if not local and not settings.SITE_URL.startswith("https://"):
        yield Finding(WARN, "SITE_URL", "Passwords and cookies travel unencrypted: use https.")
    found = checks.run_checks(include_deployment_checks=not local, databases=[])
    for message in found:
        if not message.is_silenced() and message.level >= checks.WARNING:
            yield Finding(BAD if message.is_serious() else WARN, message.id or "check", " ".join(message.msg.split()))
    if not found:
        yield Finding(OK, "settings", f"{settings.SITE_URL}, version {settings.VERSION}")


def _keys(_now: datetime) -> Iterator[Finding]:
    try:
        keys.private_key()
        unseal(seal({"look": "here"}))
    except (ImproperlyConfigured, DomainError, ValueError) as problem:
        yield Finding(BAD, "keys", str(problem))
        return
    for file in sorted((settings.DATA_DIR / "keys").glob("[!.]*")):
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Finding(WARN, "keys", f"Others can read {file}: chmod 600.")
    yield Finding(OK, "keys", "Tokens can be signed, secrets sealed and opened.")


def _database(now: datetime) -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int, clock_timestamp()")
            number, there = cursor.fetchone()
    except Error as problem:
        yield Finding(BAD, "PostgreSQL", f"DATABASE_URL: {' '.join(str(problem).split())}")
        return
    major = number // 10_000
    yield Finding(OK if major >= OLDEST_POSTGRESQL else BAD, "PostgreSQL", f"Version {major}.{number % 10_000}")
    apart = abs((there - now).total_seconds())
    level = BAD if apart > WRONG else WARN if apart > ODD else OK
    yield Finding(level, "clock", f"{apart:.1f} s from PostgreSQL's; times are compared: let NTP set both.")
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        yield Finding(WARN, "migrations", f"{len(pending)} wait, {pending[0][0]} first: the start migrates.")
    else:
        yield Finding(OK, "migrations", "None wait.")


def _replica(_now: datetime) -> Iterator[Finding]:
    if replica.REPLICA not in settings.DATABASES:
        return
    found = replica.state()
    said = {
        "ok": (OK, "It follows the primary."),
        "behind": (WARN, f"It is more than {settings.REPLICA_MAX_LAG_SECONDS:g} s behind: the primary answers all."),
        "unreachable": (WARN, "DATABASE_REPLICA_URL: no standby answers there; the primary answers all."),
    }
    level, text = said[found]
    yield Finding(level, "replica", text)


def _redis(_now: datetime) -> Iterator[Finding]:
    try:
        with Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS) as client:
            version = client.info("server")["redis_version"]
    except (RedisError, ValueError) as problem:
        yield Finding(BAD, "Redis", f"REDIS_URL: {problem}")
        return
    yield Finding(OK, "Redis", f"Version {version}")


def _broker(_now: datetime) -> Iterator[Finding]:
    try:
        broker.depths(["celery"])
    except broker.AWAY as problem:
        yield Finding(BAD, "broker", f"CELERY_BROKER_URL: {' '.join(str(problem).split())}")
        return
    yield Finding(OK, "broker", "Redis" if broker.is_redis() else "RabbitMQ")


def _disk(_now: datetime) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.DATA_DIR).free
    level = BAD if free < TOO_LITTLE else WARN if free < LITTLE else OK
    yield Finding(level, "disk", f"{free / 2**30:.1f} GiB free in {settings.DATA_DIR}")
    if not os.access(settings.DATA_DIR, os.W_OK):
        yield Finding(BAD, "disk", f"{settings.DATA_DIR} cannot be written.")


def _tools(_now: datetime) -> Iterator[Finding]:
    try:
        tool("pg_dump"), tool("pg_restore")
    except NoBackup as problem:
        yield Finding(WARN, "backup", problem.message)
    if not shutil.which("git"):
        yield Finding(WARN, "git", "git is not installed: no repository can be read.")


def _switches(_now: datetime) -> Iterator[Finding]:
    try:
        off = list(Switch.objects.all())
    except Error:  # a database that is away, or not migrated yet, is told of elsewhere
        return
    for switch in off:
        yield Finding(WARN, "switch", f"{switch}{f' ({switch.reason})' if switch.reason else ''}: manage.py switch on.")


def _factors(_now: datetime) -> Iterator[Finding]:
    if not settings.REQUIRE_SECOND_FACTOR:
        return
    try:
        without = factors.missing().count()
    except Error:
        return
    roles = ", ".join(sorted(settings.REQUIRE_SECOND_FACTOR))
    said = f"Required of {roles}; people who are still to turn theirs on: {without}."
    yield Finding(WARN if without else OK, "factors", said)


LOOKS: tuple[Callable[[datetime], Iterator[Finding]], ...] = (
    _settings,
    _keys,
    _database,
    _replica,
    _redis,
    _broker,
    _disk,
    _tools,
    _switches,
    _factors,
)


def findings(now: datetime) -> Iterator[Finding]:
    """Yield what each look finds."""
    for look in LOOKS:
        yield from look(now)
