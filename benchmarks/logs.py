"""What the log costs a request, in microseconds: `python -m benchmarks.logs`.

A view that answers at once, bare and behind the middleware that numbers the request, counts its statements and tells of
it in a line of JSON. No database is asked. The best of several rounds, so that neighbours do not count.
"""

import os
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import django

os.environ.update(DJANGO_SETTINGS_MODULE="rcaplatform.settings", LOG_LEVEL="INFO")
django.setup()

from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import RequestFactory  # noqa: E402

from benchmarks.report import Row, at_most, table  # noqa: E402
from rcaplatform.kit.logging import configure  # noqa: E402
from rcaplatform.kit.middleware import RequestContext  # noqa: E402

REQUESTS, ROUNDS, LIMIT = 5_000, 7, 100.0  # the limit in microseconds a request


def answer(_: HttpRequest) -> HttpResponse:
    """Answer at once."""
    return HttpResponse()


def best(door: Callable[[HttpRequest], HttpResponse], request: HttpRequest) -> float:
    """Return the microseconds that ``door`` takes for a request, in the best round."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(REQUESTS):
            door(request)
        rounds.append((time.perf_counter() - began) / REQUESTS * 1e6)
    return min(rounds)


def main() -> None:
    """Measure bare, with the middleware alone, and with its line; print the table."""
    request = RequestFactory().get("/api/v1/events")
    bare = best(answer, request)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        configure(level="WARNING", console=False)
        silent = best(RequestContext(answer), request)
        configure(level="INFO", console=False)
        told = best(RequestContext(answer), request)
    print(
        table(
            [
                Row("a view that answers at once", f"{bare:.1f} us"),
                Row("and the id of a request", f"{silent - bare:.1f} us more"),
                at_most("and a line of JSON", told - bare, LIMIT, "us"),
            ]
        )
    )


if __name__ == "__main__":
    main()
