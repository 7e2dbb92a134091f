"""A kept connection is taken for good while it is silent, and asked about when the server has hung up."""

import pytest
from django.db import close_old_connections, connection, connections

pytestmark = pytest.mark.django_db(transaction=True)


def pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_connection_that_stands_is_not_asked_about(django_assert_num_queries: pytest.FixtureRequest) -> None:
    pid()
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert connection.is_usable()


def test_a_session_that_the_server_ended_is_replaced_before_it_is_used() -> None:
    mine = pid()
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [mine])
    other.close()
    close_old_connections()  # as each request begins
    assert pid() != mine
