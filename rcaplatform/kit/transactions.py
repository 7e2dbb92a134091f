"""Transactions that are run again when the database gave them up for another's sake."""

from collections.abc import Callable
from functools import wraps
from time import sleep
from typing import ParamSpec, TypeVar

import structlog
from django.db import OperationalError
from psycopg.errors import DeadlockDetected

log = structlog.get_logger(__name__)
Given = ParamSpec("Given")
Result = TypeVar("Result")
ATTEMPTS, PAUSE = 3, 0.05


def repeat_deadlocked(deed: Callable[Given, Result]) -> Callable[Given, Result]:
    """Run an atomic ``deed`` again when it lost a deadlock, three times in all; then the error goes to the caller."""

    @wraps(deed)
    def repeated(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        for _ in range(ATTEMPTS - 1):
            try:
                return deed(*args, **kwargs)
            except OperationalError as problem:
                if not isinstance(problem.__cause__, DeadlockDetected):
                    raise
                log.warning("transaction.deadlocked", deed=deed.__qualname__)
                sleep(PAUSE)  # the other one gets the lock it waits for, and does not meet this one again
        return deed(*args, **kwargs)

    return repeated
