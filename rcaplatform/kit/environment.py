"""Variables of the environment as the settings read them: one that cannot be read stops the start by its name."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):  # type: ignore[misc]  # has no types
    """django-environ, which says what is no number and not where it stands."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        """Return the value of a variable.

        Raises:
            ImproperlyConfigured: it is missing, or must be a number and is none.
        """
        try:
            return super().get_value(var, cast=cast, default=default, parse_default=parse_default)
        except ValueError as problem:
            if cast not in {int, float}:
                raise
            kind = "a whole number" if cast is int else "a number"
            raise ImproperlyConfigured(f"{var} must be {kind}, not {self.ENVIRON.get(var)!r}") from problem
