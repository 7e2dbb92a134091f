"""Facts: investigations and all that belongs to them. No I/O."""

from investigations.models.cases import WRITE_UP_LIMIT, Investigation, Link, LookBack, SavedView
from investigations.models.drafts import Draft
from investigations.models.exports import Export, ImportedDocument
from investigations.models.surveys import Survey
from investigations.models.suspects import Suspect, SuspectReport
from investigations.models.writing import Comment, Evidence, Hypothesis, Note, NoteRevision

__all__ = [
    "WRITE_UP_LIMIT",
    "Comment",
    "Draft",
    "Evidence",
    "Export",
    "Hypothesis",
    "ImportedDocument",
    "Investigation",
    "Link",
    "LookBack",
    "Note",
    "NoteRevision",
    "SavedView",
    "Survey",
    "Suspect",
    "SuspectReport",
]
