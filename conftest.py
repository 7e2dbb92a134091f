"""The fixed cast of every test, and how each of them reaches the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.cache import cache
from pytest_django import Settings
from redis import Redis
from rest_framework.test import APIClient

from accounts import switches
from accounts.models import Role, User
from accounts.tests.factories import UserFactory
from accounts.tokens import AccessToken
from connectors import polling
from connectors.limits import Turns
from events.services import known_origins
from rcaplatform.kit import memory
from rcaplatform.kit.paging import plenty


@pytest.fixture(autouse=True, scope="session")
def _a_folder_for_static_files() -> None:
    """Collected at no time in a test run; WhiteNoise wants to see the folder all the same."""
    configured.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Passwords of the cast guard nothing: do not spend a quarter of a second on each."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_rate_limits(settings: Settings) -> None:
    """A test that calls often is not held up; those about limits set their own."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)


@pytest.fixture(autouse=True)
def _no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source on loopback may be asked as often as a test likes."""
    monkeypatch.setattr(Turns, "wait", lambda _: None)


@pytest.fixture(autouse=True)
def _nothing_cached(request: pytest.FixtureRequest) -> None:
    """Tests that touch the database begin with an empty cache, so that none rings another's bell."""
    if request.node.get_closest_marker("django_db") or "db" in request.fixturenames:
        cache.clear()
        plenty.clear()
        known_origins.clear()


@pytest.fixture(autouse=True)
def _all_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is switched off, and nobody looks, until a test switches something."""
    monkeypatch.setattr(switches.watch, "looked", float("inf"))
    monkeypatch.setattr(switches.watch, "off", frozenset())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that does not answer is asked again at once; those about waiting look at their watch themselves."""
    monkeypatch.setattr(polling, "sleep", lambda _: None)


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis answers nothing that is counted or remembered there; afterwards nobody remembers that."""
    away: Any = configured.REDIS_OPTIONS
    monkeypatch.setattr(memory, "_redis", lambda: Redis(port=1, **away))
    monkeypatch.setattr(memory, "absence", memory.Absence())


@pytest.fixture
def admin(db: None) -> User:
    """Who may do everything."""
    return UserFactory(username="admin", role=Role.ADMIN)


@pytest.fixture
def engineer(db: None) -> User:
    """Who investigates."""
    return UserFactory(username="engineer", role=Role.ENGINEER)


@pytest.fixture
def user(db: None) -> User:
    """Who reads, and writes what is theirs."""
    return UserFactory(username="user", role=Role.USER)


@pytest.fixture
def deactivated(db: None) -> User:
    """Who was an engineer once."""
    return UserFactory(username="deactivated", role=Role.ENGINEER, is_active=False)


@pytest.fixture
def api() -> Callable[[User | None], APIClient]:
    """Return an API client for a person, signed in with an access token; for nobody without one."""

    def client_of(person: User | None = None) -> APIClient:
        client = APIClient()
        if person is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(person)}")
        return client

    return client_of
