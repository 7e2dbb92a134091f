"""Whoever waits for a broker that is away finds it within a second of its return, and does not end with it."""

from typing import Any

import pytest
from kombu.exceptions import OperationalError
from kombu.utils import functional

from rcaplatform.celery import app


def test_a_broker_that_is_away_is_looked_for_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(functional, "sleep", slept.append)
    with app.connection_for_read("redis://127.0.0.1:1") as broker, pytest.raises(OperationalError):
        broker.ensure_connection(max_retries=5)
    assert sum(slept) == 5


def test_what_is_given_back_over_a_closed_connection_is_an_error_of_the_connection() -> None:
    connection = app.connection_for_write()
    channel: Any = connection.channel()
    connection.close()
    with pytest.raises(connection.connection_errors), channel.conn_or_acquire():
        pass
