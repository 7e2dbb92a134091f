"""Questions about dead letters that the filters of a list can ask."""
# mypy: disable-error-code="import-untyped, misc, no-any-return"

from django_filters import rest_framework as filters

from connectors.choices import DeadLetterState, Stage
from connectors.models import DeadLetter
from rcaplatform.kit.search import Filters, any_of


class DeadLetterFilters(Filters):
    """Which of one connector."""

    state = any_of(DeadLetterState, "Whether somebody still has to look at it.")
    stage = any_of(Stage, "The step at which it could not go on.")
    error = filters.CharFilter(label="The class of its error.")

    class Meta:
        model = DeadLetter
        fields = ["state", "stage", "error"]


class AllDeadLetterFilters(DeadLetterFilters):
    """Which of all."""

    connector = filters.CharFilter(field_name="connector__name", label="The name of its connector.")

    class Meta:
        model = DeadLetter
        fields = ["state", "stage", "error", "connector"]
