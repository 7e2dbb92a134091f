"""Who has an investigation open: names in Redis that fade within a minute. Where Redis is away, nobody is shown."""

from datetime import datetime, timedelta
from uuid import UUID

from redis.exceptions import RedisError

from accounts.models import User
from rcaplatform.kit.redisclient import client

FADES = timedelta(seconds=60)
SHOWN = 12


def look_in(investigation: UUID, user: User, now: datetime) -> list[str]:
    """Say that somebody looks at an investigation; return the names of the others who do, at most 12, latest first."""
    key, seen = f"here:{investigation}", now.timestamp()
    try:
        with client().pipeline(transaction=False) as pipe:
            pipe.zadd(key, {user.username: seen})
            pipe.zremrangebyscore(key, "-inf", seen - FADES.total_seconds())
            pipe.expire(key, FADES)
            pipe.zrevrange(key, 0, SHOWN)
            *_, names = pipe.execute()
    except RedisError:
        return []
    return [name for name in (raw.decode() for raw in names) if name != user.username][:SHOWN]
