"""Door: an incident in a folder of any layout that is known."""

from pathlib import Path

from investigations.bundles import petshop, reading
from investigations.bundles.fields import BadBundle
from investigations.suspects.scene import Scene


def read(folder: Path) -> Scene:
    """Return the incident in ``folder``.

    Raises:
        BadBundle: it is no folder, a file is malformed, or there is no alert.
        OSError: a file cannot be read.
    """
    if not folder.is_dir():
        raise BadBundle(f"{folder} is no folder.")
    return petshop.read(folder) if petshop.fits(folder) else reading.read(folder)


def headline(folder: Path, scene: Scene) -> str:
    """Return what the incident is called: what its alert says, or what it is about."""
    alert = scene.alert
    about = f"{alert.metric or 'Something'} of {alert.service}" if alert.service else "The whole system"
    return reading.headline(folder) or f"{about} is out of bounds"
