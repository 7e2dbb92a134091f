"""The database backend (``ENGINE``): Django's, counted for /metrics, with one question to the server less a request.

It tells the planner what PostgreSQL does not assume of itself, whoever runs the server.
"""

from select import POLLIN, poll

from django_prometheus.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL

# Pages come from memory or a solid-state disk, where one at random costs little more than the next; reckoned as if the
# disk turned, the index of words is passed over for reading the table. Compiling costs more than these short queries.
PLANNER = {"random_page_cost": "1.1", "jit": "off"}


class DatabaseWrapper(PostgreSQL):  # type: ignore[misc]  # the mixin of django-prometheus is untyped
    """Keeps connections from request to request, and asks the server only about those that look lost."""

    def init_connection_state(self) -> None:
        """Tell the planner, once a connection."""
        super().init_connection_state()
        self.connection.execute("; ".join(f"SET SESSION {name} = {value}" for name, value in PLANNER.items()))
        self.connection.commit()

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
