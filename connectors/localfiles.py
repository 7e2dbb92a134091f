"""Question: which files of this machine a source may read. It only looks at names.

Whoever may make a connector sees what it reads, so what this product itself keeps from everybody is out of its reach.
"""

from pathlib import Path

from django.conf import settings

from connectors.errors import Misconfigured

_SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev")))  # environments and memories of processes, devices
_OWN = ("keys", "connectors", "postgres", "demo-password")  # below RCA_DATA_DIR


def require_readable(path: Path) -> None:
    """Return when ``path``, with every link on the way followed, holds no secret of this machine or of the product.

    Raises:
        Misconfigured: it may; ``fields`` names ``path``.
    """
    closed = (*_SYSTEM, *(Path(settings.DATA_DIR) / name for name in _OWN), Path(settings.BASE_DIR) / ".env")
    real = path.resolve()
    if any(real.is_relative_to(folder) for folder in closed):
        message = f"{path} may hold secrets of this machine or of the product: no source reads it."
        raise Misconfigured(f"path: {message}", fields={"path": message})
