"""What knowing who asks costs a request, in microseconds: `python -m benchmarks.tokens [REVOKED] [ROUNDS]`.

Authenticates requests in this process, one after another, first with no revoked token and then with a million of them.
Uses a test database of DATABASE_URL and REDIS_URL where given, else embedded servers of its own.
"""

import atexit
import os
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import django

from tests.servers import stores

running = ExitStack()
atexit.register(running.close)
running.enter_context(stores())  # before the settings are read
os.environ.update(DJANGO_SETTINGS_MODULE="rcaplatform.settings", LOG_LEVEL="ERROR")
django.setup()

import jwt  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework.request import Request  # noqa: E402

from accounts import credentials, keys, services  # noqa: E402
from accounts.authentication import CredentialAuthentication  # noqa: E402
from accounts.models import Role, User  # noqa: E402
from accounts.tokens import AccessToken  # noqa: E402
from rcaplatform.kit import memory  # noqa: E402

FILL = """
INSERT INTO accounts_revokedtoken (id, jti, user_id, reason, revoked_at, expires_at)
SELECT gen_random_uuid(), md5(n::text), %s, 'benchmark', now(), now() + interval '1 day' FROM generate_series(1, %s) n
"""
authenticate = CredentialAuthentication().authenticate


def main(revoked: int, rounds: int) -> None:
    """Measure without and with revoked tokens, and print both."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 10**9)  # counted, never reached
    person = services.create_user(username="engineer", password=secrets.token_hex(), role=Role.ENGINEER)
    none = measured(person, rounds)
    with connection.cursor() as cursor:
        cursor.execute(FILL, [person.pk, revoked])
        cursor.execute("VACUUM ANALYZE accounts_revokedtoken")
    many = measured(person, rounds)
    print(f"microseconds a request         no revoked token    {revoked:,} revoked   ratio of p50")
    print("                                 p50      p95        p50      p95")
    for name, (before, after) in {name: (none[name], many[name]) for name in none}.items():
        figures = f"{before[0]:8.0f} {before[1]:8.0f}   {after[0]:8.0f} {after[1]:8.0f}"
        print(f"{name:<28} {figures}   {after[0] / before[0]:8.2f}")


def measured(person: User, rounds: int) -> dict[str, tuple[float, float]]:
    """Return p50 and p95 of each way a credential can be met."""
    fresh = [bearer(str(AccessToken.for_user(person))) for _ in range(rounds)]
    _, secret = credentials.create_key(name="x", user=person, scope="ingest", actor=None, now=timezone.now())
    token, key = str(AccessToken.for_user(person)), bearer(secret)
    known = bearer(token)
    bare = [token] * rounds
    cache.clear()
    authenticate(known), authenticate(key)
    found = {
        "bare: signature and one query": timed(signature_and_query, bare),
        "never seen": timed(authenticate, fresh),
        "seen, verdict remembered": timed(authenticate, [known] * rounds),
        "API key, verdict remembered": timed(authenticate, [key] * rounds),
        "seen, verdict forgotten": timed(authenticate, [known] * rounds, forget),
    }
    memory.absence.until = float("inf")
    found["seen, Redis away"] = timed(authenticate, [known] * rounds)
    memory.absence.until = 0.0
    return found


def bearer(token: str) -> Request:
    """Return a request that carries a credential."""
    request: HttpRequest = RequestFactory().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    return Request(request)


def signature_and_query(token: str) -> User:
    """Do the least that knowing a person by a token takes without remembering anything or knowing of revocation."""
    claims = jwt.decode(token, keys.public_key(), algorithms=["RS256"])
    return User.objects.get(pk=claims["sub"])


def forget() -> None:
    """Make Redis forget everything."""
    cache.clear()


def timed(
    deed: Callable[..., object], arguments: Iterable[object], before: Callable[[], object] | None = None
) -> tuple[float, float]:
    """Return p50 and p95 of a deed in microseconds; what comes ``before`` each is not counted."""
    spent = []
    for argument in arguments:
        if before:
            before()
        began = time.perf_counter_ns()
        deed(argument)
        spent.append((time.perf_counter_ns() - began) / 1000)
    cuts = statistics.quantiles(spent, n=20)
    return cuts[9], cuts[18]


if __name__ == "__main__":
    amount, times = [*map(int, sys.argv[1:]), *(1_000_000, 2_000)[len(sys.argv) - 1 :]]
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        main(amount, times)
    finally:
        teardown_databases(databases, verbosity=0)
