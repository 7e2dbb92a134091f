"""Door: what the commands share: a poll that shows its progress, and errors of one line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, OutputWrapper
from django.utils import timezone

from connectors import polling
from connectors.models import Connector
from connectors.pipeline import Tally
from rcaplatform.kit.errors import DomainError

TERMINAL_SECONDS, LOG_SECONDS = 0.5, 10.0


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what a person can mend into one line and exit code 1."""
    try:
        yield
    except DomainError as problem:
        raise CommandError(problem.message) from problem
    except ValidationError as problem:
        wrong = problem.message_dict if hasattr(problem, "error_dict") else {"": problem.messages}
        raise CommandError("; ".join(f"{name}: {' '.join(said)}" for name, said in wrong.items())) from problem


def poll_aloud(connector: Connector, *, out: OutputWrapper, progress: OutputWrapper) -> None:
    """Poll a connector now; report progress on the one stream and what came of it on the other.

    Raises:
        DomainError: it cannot be read.
        CommandError: the poll was interrupted.
    """
    meter = _Meter(connector.name, progress)
    try:
        tally = polling.poll(connector=connector, now=timezone.now(), progress=meter)
    except KeyboardInterrupt:
        raise CommandError("Interrupted. What was read is stored; a worker goes on from there.") from None
    finally:
        meter.clear()
    if tally is None:
        out.write(f"{connector.name}: a worker is reading it just now.")
        return
    known = f"{tally.duplicates:,} known already, {tally.ignored:,} ignored, {tally.dead:,} dead letters"
    out.write(
        f"{connector.name}: {tally.stored:,} stored, {known} in {meter.seconds:.1f} s ({meter.rate(tally)} events/s)"
    )


class _Meter:
    """Shows how far a poll has come: on a terminal in place, elsewhere as a line every ten seconds."""

    def __init__(self, name: str, stream: OutputWrapper) -> None:
        self.name = name
        self.stream = stream
        self.began = self.shown = time.monotonic()
        self.pause = TERMINAL_SECONDS if stream.isatty() else LOG_SECONDS

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def rate(self, tally: Tally) -> str:
        return f"{(tally.stored + tally.duplicates) / max(self.seconds, 0.001):,.0f}"

    def __call__(self, tally: Tally) -> None:
        if time.monotonic() - self.shown < self.pause:
            return
        self.shown = time.monotonic()
        line = f"{self.name}: {tally.stored + tally.duplicates:,} events so far, {self.rate(tally)}/s"
        self.stream.write(
            f"\r{line}\033[K" if self.stream.isatty() else line, ending="" if self.stream.isatty() else "\n"
        )
        self.stream.flush()

    def clear(self) -> None:
        if self.stream.isatty():
            self.stream.write("\r\033[K", ending="")
