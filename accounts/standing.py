"""Questions about a genuine credential: does it still stand, whose is it, and how often was it used this minute?

The database knows; Redis remembers a verdict for some seconds, together with the stamps of everything it rests on
(the person, the token, its sign-in, the key). Whoever changes one of these gives it a new stamp after the commit, and
a verdict under other stamps is no verdict. The stamps are read before the database is asked, so that an answer older
than a change can never pass for a newer one (docs/adr/0009-token-revocation.md).
"""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.apikeys import KeyFacts
from accounts.models import Scope, User
from accounts.tokens import BadToken, Claims
from rcaplatform.kit import ratelimit
from rcaplatform.kit.ids import uuid7
from rcaplatform.kit.memory import Script, write
from rcaplatform.kit.ratelimit import Quota

KEPT = 15  # seconds a verdict is remembered: the longest a change goes unnoticed that could not be told to Redis
SLOW = 30  # seconds after which the database's answer is too old to be remembered
STAMPED = 120  # seconds a stamp is remembered: longer than any verdict that rests on the one before (KEPT + SLOW)
# What a request may need of a person, in the order of the model's columns, as `from_db` wants it.
_PERSON = (
    "is_superuser", "username", "first_name", "last_name", "email", "is_staff", "is_active", "id", "role",
    "token_generation",
)  # fmt: skip
# Written out, because who is not remembered waits for it: to put the same together takes the ORM six times as long.
_SHOWN = ", ".join(f"person.{name}" for name in _PERSON)
_TOKEN = f"""
SELECT EXISTS (SELECT FROM accounts_revokedtoken WHERE jti IN (%s, %s)), {_SHOWN}
FROM accounts_user person WHERE person.id = %s AND person.is_active
"""  # noqa: S608 - the columns named above
_KEY = f"""
SELECT key.scope, key.rate_limit, {_SHOWN}
FROM accounts_apikey key JOIN accounts_user person ON person.id = key.user_id
WHERE key.id = %s AND key.revoked_at IS NULL AND (key.expires_at IS NULL OR key.expires_at > %s) AND person.is_active
"""  # noqa: S608 - the columns named above
# Returns the stamps, the verdict if it was found under the same, and what was counted where it names a limit.
_ASK = Script(
    ratelimit.TAKE
    + """
local stamps = redis.call('MGET', unpack(KEYS, 3))
for number = 1, #KEYS - 2 do stamps[number] = stamps[number] or '' end
local seen = table.concat(stamps, ' ')
local kept = redis.call('HMGET', KEYS[1], 'stamps', 'said', 'limit')
if kept[1] ~= seen then return {seen, false, false} end
local limit = tonumber(kept[3])
return {seen, kept[2], limit > 0 and take(KEYS[2], limit, tonumber(ARGV[1]))}
"""
)
_KEEP = Script(
    ratelimit.TAKE
    + """
redis.call('HSET', KEYS[1], 'stamps', ARGV[2], 'said', ARGV[3], 'limit', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
local limit = tonumber(ARGV[4])
return {limit > 0 and take(KEYS[2], limit, tonumber(ARGV[1]))}
"""
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a credential: why it is refused, or whom it lets in, with which scope and limit."""

    refused: str = ""
    person: tuple[Any, ...] = ()
    scope: str = ""
    limit: int = 0

    def user(self) -> User:
        """Return the person; what a request hardly needs is read from the database when it is asked for.

        Raises:
            BadToken: the credential is refused.
        """
        if self.refused:
            raise BadToken(self.refused)
        values = dict(zip(_PERSON, self.person, strict=True))
        user = User.from_db("default", _PERSON, {**values, "id": UUID(str(values["id"]))}.values())
        user.scope = self.scope
        return user


@dataclass(frozen=True, slots=True)
class Admission:
    """Who was let in; where they stand with their limit; and whether the database was asked for it."""

    user: User
    quota: Quota | None
    asked: bool


def admitted(credential: Claims | KeyFacts) -> Admission:
    """Return whose credential this is, having counted this request.

    Raises:
        BadToken: it was revoked, has expired, or its person may not come in.
    """
    rests_on, counted_as = _subjects(credential)
    keys = [f"rca:verdict:{rests_on[-1]}", ratelimit.name(counted_as), *map(_stamp, rests_on)]
    began = time.time()
    asked = _ASK.run(keys, began)
    stamps, said, counted = asked or (None, None, None)
    if said is not None:
        verdict = Verdict(*orjson.loads(said))
    else:
        verdict = looked_up(credential)
        if stamps is not None and time.time() - began < SLOW:
            kept = orjson.dumps([verdict.refused, verdict.person, verdict.scope, verdict.limit])
            (counted,) = _KEEP.run(keys[:2], began, stamps, kept, verdict.limit, KEPT) or (None,)
    quota = ratelimit.quota(verdict.limit, counted, began) if counted else None
    return Admission(verdict.user(), quota, asked=said is None)


def looked_up(credential: Claims | KeyFacts) -> Verdict:
    """Return what the database says of a credential."""
    return _of_token(credential) if isinstance(credential, Claims) else _of_key(credential)


def recall(*subjects: UUID | str) -> None:
    """Make every verdict that rests on one of these void once the present transaction has committed."""
    stamps = {_stamp(str(subject)): uuid7().hex for subject in subjects}
    transaction.on_commit(lambda: write(stamps, STAMPED), robust=True)


def _stamp(subject: str) -> str:
    return f"rca:stamp:{subject}"


def _subjects(credential: Claims | KeyFacts) -> tuple[tuple[str, ...], str]:
    """Return what a verdict rests on, the credential itself last; and what its requests are counted under."""
    if isinstance(credential, KeyFacts):
        return (str(credential.user_id), str(credential.id)), str(credential.id)
    return (str(credential.person), credential.family, credential.jti), credential.family


def _of_token(claims: Claims) -> Verdict:
    found = _one(_TOKEN, claims.jti, claims.family, claims.person)
    if found is None:
        return Verdict("This person may not sign in.")
    revoked, *person = found
    known = dict(zip(_PERSON, person, strict=True))
    if revoked or known["token_generation"] != claims.generation:
        return Verdict("This token was revoked.")
    return Verdict(person=tuple(person), limit=settings.RATE_LIMITS[known["role"]])


def _of_key(facts: KeyFacts) -> Verdict:
    found = _one(_KEY, facts.id, timezone.now())
    if found is None:
        return Verdict("This API key was revoked, has expired, or its person may not sign in.")
    scope, own, *person = found
    usual = settings.RATE_LIMITS[scope if scope == Scope.INGEST else person[_PERSON.index("role")]]
    return Verdict(person=tuple(person), scope=scope, limit=usual if own is None else own)


def _one(statement: str, *values: Any) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row
