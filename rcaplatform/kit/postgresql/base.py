"""The database backend (``ENGINE``): Django's, counted for /metrics, with one question to the server less a request."""

from select import POLLIN, poll

from django_prometheus.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL


class DatabaseWrapper(PostgreSQL):  # type: ignore[misc]  # the mixin of django-prometheus is untyped
    """Keeps connections from request to request, and asks the server only about those that look lost."""

    def is_usable(self) -> bool:
        """Tell whether the connection still stands.

        A server that goes away, or ends a session, hangs up: then there is something to read, though nothing was
        asked. Only in that case is the server asked (``SELECT 1``), as Django does before each request.
        """
        if self.connection is None or self.connection.closed:
            return False  # it was found out when it was used last
        waiting = poll()
        waiting.register(self.connection.fileno(), POLLIN)
        return not waiting.poll(0) or bool(super().is_usable())
