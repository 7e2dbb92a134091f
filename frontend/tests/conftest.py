"""Who looks at the pages, and what at."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from investigations.models import Investigation, Link
from investigations.tests.factories import InvestigationFactory, LinkFactory

Browse = Callable[[User], Client]


@pytest.fixture
def browse() -> Browse:
    """Return a browser's window in which a person is signed in."""

    def window_of(person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return window_of


@pytest.fixture
def window(browse: Browse, engineer: User) -> Client:
    """Return the engineer's."""
    return browse(engineer)


@pytest.fixture
def case(engineer: User) -> Investigation:
    """Return an open investigation of the engineer's."""
    return InvestigationFactory(title="Payments fail", created_by=engineer)


@pytest.fixture
def link(case: Investigation) -> Link:
    """Return a suggested link of that investigation."""
    return LinkFactory(investigation=case, event__title="Gateway timed out")
