"""Variables of the environment as the settings read them: one that is wrong stops the start by its name."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):  # type: ignore[misc]  # has no types
    """django-environ, which says what is no number and not where it stands.

    No number of ours is below 0: "keep for -1 days", which elsewhere means for ever, would forget everything.
    """

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        """Return the value of a variable.

        Raises:
            ImproperlyConfigured: it is missing, or must be a number and is none, or is below 0.
        """
        try:
            value = super().get_value(var, cast=cast, default=default, parse_default=parse_default)
        except ValueError as problem:
            if cast not in {int, float}:
                raise
            kind = "a whole number" if cast is int else "a number"
            raise ImproperlyConfigured(f"{var} must be {kind}, not {self.ENVIRON.get(var)!r}") from problem
        if cast in {int, float} and value < 0:
            raise ImproperlyConfigured(f"{var} must be 0 or more, not {value}")
        return value
