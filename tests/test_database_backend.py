"""A kept connection is taken for good while it is silent, and asked about when the server has hung up."""

import pytest
from django.db import OperationalError, close_old_connections, connection, connections

from rcaplatform.kit.postgresql.base import PLANNER

pytestmark = pytest.mark.django_db(transaction=True)


def pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(("name", "value"), PLANNER.items())
def test_the_planner_of_every_connection_knows_what_reading_costs(name: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        assert cursor.fetchone() == (value,)


def test_a_connection_that_stands_is_not_asked_about(django_assert_num_queries: pytest.FixtureRequest) -> None:
    pid()
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert connection.is_usable()


def end(session: int) -> None:
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [session])
    other.close()


def test_a_session_that_the_server_ended_is_replaced_before_it_is_used() -> None:
    mine = pid()
    end(mine)
    close_old_connections()  # as each request begins
    assert pid() != mine


def test_a_session_that_was_used_after_its_end_is_replaced_as_well() -> None:
    mine = pid()
    end(mine)
    with pytest.raises(OperationalError):
        pid()
    close_old_connections()
    assert pid() != mine
