"""Figures for /metrics that the processes of one node count together. Imported before anything that counts."""

import os
import re
import socket
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from prometheus_client import REGISTRY, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@cache  # asked with everything that is counted, some twenty times a request
def _process() -> str:
    """Name this process in the shared folder: containers that share a volume have the same numbers in it."""
    return f"{re.sub(r'[^A-Za-z0-9-]', '-', socket.gethostname())}-{os.getpid()}"


os.register_at_fork(after_in_child=_process.cache_clear)


def share() -> None:
    """Count in files of the folder that the environment names, if any, so that whichever process is asked tells all."""
    if folder := os.environ.get(VARIABLE):
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        values.ValueClass = values.MultiProcessValue(_process)  # type: ignore[no-untyped-call]


def forget() -> None:
    """Take out what processes of an earlier start counted: their files would be added up for ever."""
    if folder := os.environ.get(VARIABLE):
        for file in Path(folder).glob("*.db"):
            file.unlink(missing_ok=True)


class Counted(Collector):
    """What all processes of the node counted; this one alone where nothing is shared."""

    def collect(self) -> Iterable[Metric]:
        """Return every figure."""
        if folder := os.environ.get(VARIABLE):
            return MultiProcessCollector(None, folder).collect()  # type: ignore[no-any-return, no-untyped-call]
        return REGISTRY.collect()
