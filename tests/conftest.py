"""What tests of the whole product start and stop."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.products import Product


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """The product, not started yet; stopped without remains when the test ends."""
    made = Product(tmp_path / "var")
    yield made
    made.end()
