"""What tests of the whole product start and stop."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rcaplatform.embedded import socket_dir
from tests.products import Product


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """The product, not started yet; stopped without remains when the test ends."""
    made = Product(tmp_path / "var")
    yield made
    if made.supervisor:
        made.supervisor.kill()
        made.supervisor.wait()
    for number in made.alive():
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    shutil.rmtree(socket_dir(made.data_dir), ignore_errors=True)
