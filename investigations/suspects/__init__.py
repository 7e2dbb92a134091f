"""Decision: who or what caused an incident. `rank` takes a `Scene` and returns an `Answer`; pure, no database."""

from investigations.suspects.answer import Answer, Evidence, Suspect
from investigations.suspects.engine import ENGINE_VERSION, rank
from investigations.suspects.scene import Scene

__all__ = ["ENGINE_VERSION", "Answer", "Evidence", "Scene", "Suspect", "rank"]
