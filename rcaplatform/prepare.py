"""Composition: what must be done before the processes start: reach both stores, migrate, make keys, users and assets.

Progress goes to standard error; what the bootstrap command tells the user (addresses, logins) to standard output.
"""

import gc
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import urlsplit

import django
import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import Error, connection

from rcaplatform.kit import figures


def main() -> None:
    """Prepare everything, or end with one line that names the setting to change."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcaplatform.settings")
    gc.disable()  # this process ends in seconds; to look for garbage took a quarter of them
    warnings.simplefilter("ignore")
    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")
    os.environ.setdefault("LOG_LEVEL", "ERROR")  # the steps below are the log
    try:
        _require_address("DATABASE_URL", {"postgres", "postgresql"}, "postgres://user:password@host:5432/name")
        _require_address("REDIS_URL", {"redis", "rediss", "unix"}, "redis://host:6379/0")
        figures.forget()
        _step("Settings read", django.setup)
        _reach_database()
        _reach_redis()
        _step("Database migrated", lambda: call_command("migrate", interactive=False, verbosity=0))
        _step("Static files collected", lambda: call_command("collectstatic", interactive=False, verbosity=0))
        _step("Keys, users and demo at hand", lambda: call_command("bootstrap"))
    except ImproperlyConfigured as problem:
        _fail(f"Setting missing or wrong: {problem}")
    except CommandError as problem:
        _fail(str(problem))


def _step(done: str, work: Callable[[], object]) -> None:
    started = time.monotonic()
    work()
    sys.stderr.write(f"{done} ({time.monotonic() - started:.1f} s)\n")
    sys.stderr.flush()


def _require_address(variable: str, schemes: set[str], example: str) -> None:
    """Check an address if it is given; it is not shown, as it may carry a password."""
    try:
        parts = urlsplit(os.environ.get(variable, ""))
        usable = parts.scheme in schemes and parts.port != 0
    except ValueError:
        usable = False
    if os.environ.get(variable) and not usable:
        _fail(f"{variable} must be an address such as {example}.")


def _reach_database() -> None:
    try:
        connection.ensure_connection()
    except Error as problem:
        _fail(f"DATABASE_URL: PostgreSQL cannot be reached: {problem}")


def _reach_redis() -> None:
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5).ping()
    except (redis.RedisError, ValueError) as problem:
        _fail(f"REDIS_URL: Redis cannot be reached: {problem}")


def _fail(problem: str) -> NoReturn:
    sys.exit(" ".join(problem.split()))


if __name__ == "__main__":
    main()
