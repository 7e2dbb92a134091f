"""Door: what a document must look like to be made an investigation of; what is not named here does not pass."""

from typing import Any

from rest_framework import serializers

from events.api.serializers import MomentField, ObjectField, TagsField
from events.choices import OriginKind, Severity, Source
from events.drafts import LIMITS, MAX_MESSAGE
from investigations import choices
from investigations.exports import gathering
from investigations.exports.report import FORMAT
from rcaplatform.kit.views import Strict

MOST_KEPT = 10  # suspects of each kind
_PEOPLE = 150


def _text(most: int, *, blank: bool = True) -> serializers.CharField:
    return serializers.CharField(max_length=most, allow_blank=blank, trim_whitespace=False)


def _name() -> serializers.CharField:
    return serializers.CharField(max_length=_PEOPLE, allow_null=True)


def _count(most: int = 2**31 - 1) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=most)


def _choice(among: Any, *, blank: bool = False) -> serializers.ChoiceField:
    return serializers.ChoiceField(among.choices, allow_blank=blank)


def _texts(most: int, longest: int) -> serializers.ListField:
    return serializers.ListField(child=_text(longest), max_length=most)


def _many(shape: type[Strict], most: int) -> Any:
    return serializers.ListSerializer(child=shape(), max_length=most)


class CaseShape(Strict):
    """The investigation itself."""

    id = serializers.UUIDField()
    title = _text(300, blank=False)
    description = _text(20_000)
    status = _choice(choices.Status)
    impact_severity = _choice(choices.ImpactSeverity)
    priority = _choice(choices.Priority)
    started_at = MomentField(allow_null=True)
    detected_at = MomentField()
    resolved_at = MomentField(allow_null=True)
    root_cause = _text(2_000)
    remediation = _text(2_000)
    lessons_learned = _text(2_000)
    cause_category = _choice(choices.CauseCategory, blank=True)
    service_affected = _text(200)
    component_affected = _text(200)
    tags = TagsField(required=True)
    impact_domain = _text(100)
    business_impact = _text(5_000)
    estimated_mttr = serializers.IntegerField(min_value=0, max_value=2**31 - 1, allow_null=True)
    automation_potential = _choice(choices.AutomationPotential, blank=True)
    metadata = ObjectField()
    created_at = MomentField()
    updated_at = MomentField()
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    created_by_name = serializers.CharField(max_length=_PEOPLE)
    assigned_to_name = _name()
    updated_by_name = _name()


class FactorShape(Strict):
    """What one strategy of linking found."""

    strategy = _text(50)
    score = serializers.FloatField(min_value=0, max_value=1, allow_null=True)
    weight = serializers.FloatField(min_value=0, max_value=1)
    reason = _text(2_000)


class EventShape(Strict):
    """An event, and who told of it."""

    id = serializers.UUIDField()
    timestamp = MomentField()
    source = _choice(Source)  # type: ignore[assignment]
    source_id = _text(LIMITS["source_id"], blank=False)
    event_type = _text(LIMITS["event_type"], blank=False)
    title = _text(LIMITS["title"], blank=False)
    severity = _choice(Severity)
    service = _text(LIMITS["service"])
    component = _text(LIMITS["component"])
    environment = _text(LIMITS["environment"])
    tags = TagsField(required=True)
    url = _text(LIMITS["url"])
    data = ObjectField()  # type: ignore[assignment]
    raw_data = serializers.JSONField(allow_null=True)
    metadata = ObjectField()
    message = _text(MAX_MESSAGE)
    dedupe_key = serializers.UUIDField()
    received_at = MomentField()
    origin_name = serializers.CharField(max_length=100)
    origin_kind = _choice(OriginKind)


class LinkedShape(EventShape):
    """An event with its link."""

    link_id = serializers.UUIDField()
    score = serializers.FloatField(min_value=0, max_value=1)
    factors = _many(FactorShape, 20)
    rule_version = _count(32_767)
    state = _choice(choices.LinkState)
    is_cause = serializers.BooleanField()
    decided_at = MomentField(allow_null=True)
    decided_by_name = _name()


class RuledOutShape(LinkedShape):
    """An event whose link somebody rejected."""

    id = None  # type: ignore[assignment]
    event = serializers.UUIDField()


class RevisionShape(Strict):
    """A note as it stood after one save."""

    id = serializers.UUIDField()
    number = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    body = _text(50_000)
    created_at = MomentField()
    author_name = serializers.CharField(max_length=_PEOPLE)


class NoteShape(Strict):
    """A note with its revisions."""

    id = serializers.UUIDField()
    body = _text(50_000, blank=False)
    created_at = MomentField()
    updated_at = MomentField()
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    author_name = serializers.CharField(max_length=_PEOPLE)
    revisions = _many(RevisionShape, gathering.MOST_REVISIONS)


class CommentShape(Strict):
    """A remark on one event or one note."""

    id = serializers.UUIDField()
    event = serializers.UUIDField(allow_null=True)
    note = serializers.UUIDField(allow_null=True)
    body = _text(10_000, blank=False)
    created_at = MomentField()
    author_name = serializers.CharField(max_length=_PEOPLE)


class EvidenceShape(Strict):
    """What one event says about a hypothesis. Time and title of the event stand there for readers alone."""

    id = serializers.UUIDField()
    hypothesis = serializers.UUIDField()
    event = serializers.UUIDField()
    stance = _choice(choices.Stance)
    why = _text(1_000)
    created_at = MomentField()
    updated_at = MomentField()
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    author_name = serializers.CharField(max_length=_PEOPLE)
    timestamp = MomentField()
    title = _text(LIMITS["title"])


class HypothesisShape(Strict):
    """What might have caused it."""

    id = serializers.UUIDField()
    statement = _text(500, blank=False)
    verdict = _choice(choices.Verdict)
    created_at = MomentField()
    updated_at = MomentField()
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    author_name = serializers.CharField(max_length=_PEOPLE)
    updated_by_name = _name()
    evidence = _many(EvidenceShape, gathering.MOST_EVIDENCE)


class SaidShape(Strict):
    """A sentence about a suspect, and the events it rests on."""

    text = _text(1_000)
    events = serializers.ListField(child=serializers.UUIDField(), max_length=100)


class SuspectShape(Strict):
    """A probable cause. The title is that of its event, for readers alone."""

    id = serializers.UUIDField()
    kind = _choice(choices.SuspectKind)
    name = _text(300, blank=False)
    place = serializers.IntegerField(min_value=1, max_value=MOST_KEPT)
    score = serializers.FloatField(min_value=0, max_value=1)
    evidence = _many(SaidShape, 12)
    event = serializers.UUIDField(allow_null=True)
    state = _choice(choices.SuspectState)
    decided_at = MomentField(allow_null=True)
    decided_by_name = _name()
    title = serializers.CharField(max_length=LIMITS["title"], allow_null=True)


class RankingShape(Strict):
    """What the engine of suspects answered."""

    id = serializers.UUIDField()
    engine_version = _count(32_767)
    computed_at = MomentField()
    computed_by_name = _name()
    events = _count()
    onset = MomentField(allow_null=True)
    no_change_cause = serializers.BooleanField()
    reasons = _texts(12, 1_000)
    first_failing_service = _text(200)
    blast_radius = _texts(50, 200)
    remediation = _text(40)
    problem = _text(1_000)
    suspects = _many(SuspectShape, MOST_KEPT * len(choices.SuspectKind))


class RelatedShape(Strict):
    """An investigation it has to do with. Title and status stand there for readers alone."""

    id = serializers.UUIDField()
    title = _text(300)
    status = _choice(choices.Status)


class DocumentShape(Strict):
    """All of an investigation, as `GET /investigations/{id}/export?format=json` writes it."""

    format = serializers.ChoiceField([FORMAT])
    made_at = MomentField()
    complete = serializers.BooleanField()
    left_out = serializers.DictField(child=_count())
    omissions = _texts(20, 300)
    investigation = CaseShape()
    events = _many(LinkedShape, gathering.MOST_EVENTS)
    notes = _many(NoteShape, gathering.MOST_NOTES)
    comments = _many(CommentShape, gathering.MOST_COMMENTS)
    hypotheses = _many(HypothesisShape, gathering.MOST_HYPOTHESES)
    ruled_out = _many(RuledOutShape, gathering.MOST_RULED_OUT)
    suspects = RankingShape(allow_null=True)
    other_events = _many(EventShape, gathering.MOST_OTHERS)
    related = _many(RelatedShape, gathering.MOST_RELATED)
