"""Test data: investigations, links and notes, written directly so that a test says which row it wants."""
# mypy: disable-error-code="attr-defined, no-untyped-call, untyped-decorator"

from datetime import timedelta

import factory
from django.utils import timezone

from accounts.tests.factories import RowFactory, UserFactory
from events.terms import keywords
from events.tests.factories import EventFactory
from investigations.choices import LinkState, Stance
from investigations.models import (
    Comment,
    Draft,
    Evidence,
    Export,
    Hypothesis,
    Investigation,
    Link,
    Note,
    NoteRevision,
    SavedView,
    Suspect,
    SuspectReport,
)


class InvestigationFactory(RowFactory[Investigation]):
    """An open investigation, each detected an hour before the one made before it."""

    class Meta:
        model = Investigation

    title = factory.Sequence(lambda number: f"Investigation number {number}")
    detected_at = factory.Sequence(lambda number: timezone.now() - timedelta(hours=number))
    created_by = factory.SubFactory(UserFactory)
    description = service_affected = component_affected = ""
    tags = factory.LazyFunction(list)
    keywords = factory.LazyAttribute(
        lambda case: keywords(case.title, case.service_affected, case.component_affected, *case.tags, case.description)
    )


class LinkFactory(RowFactory[Link]):
    """A suggested link."""

    class Meta:
        model = Link

    investigation = factory.SubFactory(InvestigationFactory)
    event = factory.SubFactory(EventFactory)
    score = 0.75
    factors = factory.LazyFunction(
        lambda: [{"strategy": "time", "score": 0.75, "weight": 1.0, "reason": "Two minutes before the onset."}]
    )
    rule_version = 1
    state = LinkState.SUGGESTED


class NoteFactory(RowFactory[Note]):
    """A note with its first revision."""

    class Meta:
        model = Note
        skip_postgeneration_save = True

    investigation = factory.SubFactory(InvestigationFactory)
    author = factory.SubFactory(UserFactory)
    body = "The pool was exhausted."

    @factory.post_generation
    def first_revision(self, create: bool, _extracted: object, **_: object) -> None:
        """Keep how the note began, as the service does."""
        if create and isinstance(self, Note):
            NoteRevision.objects.create(note=self, number=1, body=self.body, author=self.author)


class CommentFactory(RowFactory[Comment]):
    """A remark on an event that is linked to the investigation."""

    class Meta:
        model = Comment

    investigation = factory.SubFactory(InvestigationFactory)
    event = factory.LazyAttribute(
        lambda comment: None if comment.note else LinkFactory(investigation=comment.investigation).event
    )
    note = None
    author = factory.SubFactory(UserFactory)
    body = "I have seen this before."


class HypothesisFactory(RowFactory[Hypothesis]):
    """An open hypothesis."""

    class Meta:
        model = Hypothesis

    investigation = factory.SubFactory(InvestigationFactory)
    author = factory.SubFactory(UserFactory)
    statement = "The pool was exhausted."


class EvidenceFactory(RowFactory[Evidence]):
    """An event of the investigation that supports a hypothesis."""

    class Meta:
        model = Evidence

    hypothesis = factory.SubFactory(HypothesisFactory)
    event = factory.LazyAttribute(lambda evidence: LinkFactory(investigation=evidence.hypothesis.investigation).event)
    stance = Stance.SUPPORTS
    author = factory.SubFactory(UserFactory)


class SavedViewFactory(RowFactory[SavedView]):
    """A view of what is being worked on, for its owner alone."""

    class Meta:
        model = SavedView

    name = factory.Sequence(lambda number: f"View number {number}")
    query = "status=active"
    owner = factory.SubFactory(UserFactory)


class SuspectReportFactory(RowFactory[SuspectReport]):
    """What the engine answered: a change that is to blame."""

    class Meta:
        model = SuspectReport

    investigation = factory.SubFactory(InvestigationFactory)
    engine_version = 1
    computed_at = factory.LazyFunction(timezone.now)
    events = 12
    no_change_cause = False


class SuspectFactory(RowFactory[Suspect]):
    """A commit that is suspected."""

    class Meta:
        model = Suspect

    report = factory.SubFactory(SuspectReportFactory)
    kind = "change"
    name = "a688323da1d0513cd42f21abafd54bf3097d5443"
    place = factory.Sequence(lambda number: number % 1_000 + 1)
    score = 0.8
    evidence = [{"text": "It came 2 min before the first traces of trouble.", "events": []}]


class ExportFactory(RowFactory[Export]):
    """An export that waits for a worker."""

    class Meta:
        model = Export

    investigation = factory.SubFactory(InvestigationFactory)
    written_in = "markdown"
    events = 0
    created_by = factory.SubFactory(UserFactory)
    created_at = touched_at = factory.LazyFunction(timezone.now)


class FinishedExportFactory(ExportFactory):
    """An export with its file."""

    state = "done"
    content = b"# All of it"
    size = 11
    finished_at = factory.LazyFunction(timezone.now)


class DraftFactory(RowFactory[Draft]):
    """A summary that waits for a worker."""

    class Meta:
        model = Draft

    investigation = factory.SubFactory(InvestigationFactory)
    kind = "summary"
    created_by = factory.SubFactory(UserFactory)
    created_at = touched_at = factory.LazyFunction(timezone.now)


class ReadyDraftFactory(DraftFactory):
    """A summary of one sentence that cites an event of the investigation."""

    class Meta:
        model = Draft
        exclude = ("link",)

    link = factory.LazyAttribute(lambda draft: LinkFactory(investigation=draft.investigation))
    state = "ready"
    model = "small:1b"
    sentences = factory.LazyAttribute(
        lambda draft: [
            {
                "section": "summary",
                "text": "Payments failed.",
                "cites": [
                    {
                        "kind": "event",
                        "id": str(draft.link.event_id),
                        "at": draft.link.event.timestamp.isoformat(),
                    }
                ],
            }
        ]
    )
    given = 1
    finished_at = factory.LazyFunction(timezone.now)
