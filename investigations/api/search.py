"""Door: one search over investigations, events and notes."""

from typing import Any

from django.db.models import TextChoices
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.api.serializers import EventHit
from events.filters import EventSearch
from events.models import Event
from investigations.api.serializers import InvestigationHit, NoteHit
from investigations.filters import InvestigationSearch, NoteSearch
from investigations.models import Investigation, Note
from rcaplatform.kit.paging import capped_count, order_of
from rcaplatform.kit.replica import may_lag
from rcaplatform.kit.search import RANK, RANKED
from rcaplatform.kit.views import Strict, asked

PER_PAGE, MOST_PER_PAGE = 5, 20


class Kind(TextChoices):
    """What can be found."""

    INVESTIGATION = "investigation"
    EVENT = "event"
    NOTE = "note"


FOUND: dict[str, tuple[Any, Any, Any]] = {
    Kind.INVESTIGATION: (Investigation, InvestigationSearch, InvestigationHit),
    Kind.EVENT: (Event, EventSearch, EventHit),
    Kind.NOTE: (Note, NoteSearch, NoteHit),
}


class SearchRequest(Strict):
    """What to look for, and among what."""

    q = serializers.CharField(max_length=500, help_text='Words, "a phrase", OR, -not.')
    kind = serializers.MultipleChoiceField(
        choices=Kind.choices, required=False, help_text="Only these kinds; all unless told."
    )
    per_page = serializers.IntegerField(
        min_value=1, default=PER_PAGE, help_text=f"Results of each kind; more than {MOST_PER_PAGE} are cut to it."
    )


class InvestigationsFound(serializers.Serializer[Any]):
    """The best matches of one kind."""

    count = serializers.IntegerField(help_text="How many match; no further than 1,000.")
    capped = serializers.BooleanField(help_text="There may be more than count says.")
    sort = serializers.CharField(help_text="rank; where more match than can be ranked, the newest come first.")
    results = InvestigationHit(many=True)


class EventsFound(InvestigationsFound):
    """The best matches of one kind."""

    results = EventHit(many=True)  # type: ignore[assignment]


class NotesFound(InvestigationsFound):
    """The best matches of one kind."""

    results = NoteHit(many=True)  # type: ignore[assignment]


class SearchAnswer(serializers.Serializer[Any]):
    """What was found, by kind; a kind that was not asked for is left out."""

    q = serializers.CharField()
    investigations = InvestigationsFound(required=False)
    events = EventsFound(required=False)
    notes = NotesFound(required=False)


class SearchView(APIView):
    """Everything that people and systems said."""

    @extend_schema(parameters=[SearchRequest], responses=SearchAnswer)
    def get(self, request: Request) -> Response:
        """Find investigations, events and notes by what they say: of each kind the best matches, with an excerpt."""
        question = asked(SearchRequest, request)
        may_lag(request)
        kinds = question.get("kind") or Kind.values
        per_page = min(question["per_page"], MOST_PER_PAGE)
        found = {f"{kind}s": _best(kind, question["q"], per_page, request) for kind in Kind.values if kind in kinds}
        return Response({"q": question["q"], **found})


def _best(kind: str, text: str, per_page: int, request: Request) -> dict[str, Any]:
    model, filters, shape = FOUND[kind]
    asking = filters({"q": text}, model.objects.visible_to(request.user), request=request)
    matches = asking.qs
    rows = list(shape.of(matches)[: per_page + 1])
    return {
        "count": len(rows) if len(rows) <= per_page else capped_count(matches, RANKED),
        "capped": not asking.complete,
        "sort": RANK if asking.complete else order_of(matches)[0],
        "results": [shape.shown(row) for row in rows[:per_page]],
    }
