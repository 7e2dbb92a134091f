"""Doors: the events of an investigation folded into bursts, and what people make of a whole burst, over the API."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from events.choices import Severity, Source
from investigations import bursts, linking
from investigations.api.views import DecisionViewSet, LinkedEventViewSet
from investigations.choices import LinkState
from investigations.filters import BurstFilters
from rcaplatform.kit.paging import COUNTED, Pages
from rcaplatform.kit.rest import refuse
from rcaplatform.kit.views import Rows


class BurstRow(Rows):
    """Events that say the same thing, with no silence of over five minutes between them."""

    event_id = serializers.UUIDField(help_text="The first of them; names the burst.")
    fingerprint = serializers.CharField(help_text="Equal for events that say the same thing.")
    title = serializers.CharField(help_text="Of the first.")
    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]
    service = serializers.CharField()
    component = serializers.CharField()
    environment = serializers.CharField()
    event_type = serializers.CharField()
    severity = serializers.ChoiceField(Severity.choices, help_text="The worst.")
    count = serializers.IntegerField(help_text="How many events.")
    undecided = serializers.IntegerField(help_text="How many of them nobody confirmed or rejected.")
    is_cause = serializers.BooleanField(help_text="One of them was named a cause.")
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    score = serializers.FloatField(help_text="The best, 0 to 1.")

    @classmethod
    def of(cls, queryset: QuerySet[Any]) -> QuerySet[Any, dict[str, Any]]:
        """Return what bursts are folded from."""
        return bursts.linked(queryset)

    @classmethod
    def shown(cls, row: dict[str, Any]) -> dict[str, Any]:
        """Return a burst as it is shown: its number is longer than JavaScript counts."""
        first, told = row["first_id"], {name: value for name, value in row.items() if name != "first_id"}
        return {**told, "event_id": first, "fingerprint": str(row["fingerprint"])}


class BurstPages(Pages):
    """By number alone: where a burst begins and ends depends on all of its events."""

    folded = 0

    def read(self, queryset: QuerySet[Any], start: int, stop: int) -> list[Any]:
        """Fold, and remember how many bursts there are."""
        rows, self.folded = bursts.fold(queryset, offset=start, limit=stop - start)
        return rows

    def count(self, queryset: QuerySet[Any]) -> int:
        """Return how many there are; beyond the last page that has to be asked again."""
        total = self.folded or bursts.fold(bursts.linked(queryset), offset=0, limit=1)[1]
        self.complete = total < COUNTED
        return min(total, COUNTED)

    def read_on(self, queryset: QuerySet[Any], cursor: str) -> list[Any]:
        """Refuse."""
        refuse("cursor", "Bursts have no cursor: use page.")

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters in OpenAPI."""
        return [named for named in super().get_schema_operation_parameters(view) if named["name"] != "cursor"]


class BurstViewSet(LinkedEventViewSet):
    """The events of an investigation, folded: a flood is one line with a count."""

    row_class, filterset_class, pagination_class = BurstRow, BurstFilters, BurstPages


class BurstDecision(serializers.Serializer[Any]):
    """What became of a burst."""

    state = serializers.ChoiceField(LinkState.choices)
    changed = serializers.IntegerField(help_text="How many links were changed.")


class BurstDecisionViewSet(DecisionViewSet):
    """What people make of a burst."""

    states = {"confirm": LinkState.CONFIRMED, "reject": LinkState.REJECTED}

    @extend_schema(request=None, responses={200: BurstDecision})
    def decide(self, request: Request, **_: str) -> Response:
        """Confirm or reject a burst at once: of its events, those that stand as the one does that names it."""
        state = self.states[self.deed]
        changed = linking.decide_burst(link=self.get_object(), state=state, **self.by())
        return Response({"state": state, "changed": changed})
