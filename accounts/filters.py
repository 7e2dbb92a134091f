"""Questions about people that the filters of a list can ask."""
# mypy: disable-error-code="import-untyped, misc, no-any-return"

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from accounts.models import AuditEntry, Notification, RevokedToken, User
from accounts.notifications.choices import Topic
from rcaplatform.kit.search import Filters, MomentFilter, YesNoFilter


def person(name: str) -> Q:
    """Match the one person whose id or username this is."""
    try:
        return Q(pk=UUID(name))
    except ValueError:
        return Q(username=name)


class PersonFilter(filters.CharFilter):
    """Keeps what has to do with a person: by id, by username, or ``me``."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return theirs."""
        if not value:
            return qs
        if value == "me":
            return qs.filter(**{self.field_name: self.parent.request.user})
        return qs.filter(**{f"{self.field_name}__in": User.objects.filter(person(value))})


class RevokedTokenFilters(Filters):
    """Whose tokens they were."""

    user = PersonFilter(label="Whose: an id, a username, or `me`.")

    class Meta:
        model = RevokedToken
        fields = ["user"]


class AuditFilters(Filters):
    """Which entries of the audit trail."""

    actor = PersonFilter(label="Who did it: an id, a username, or `me`.")
    verb = filters.CharFilter(max_length=50, label="What was done, such as `close`.")
    target_type = filters.CharFilter(max_length=50, label="The kind of thing, such as `investigation`.")
    target_id = filters.CharFilter(max_length=64, label="The thing.")
    request_id = filters.CharFilter(max_length=64, label="In this request.")
    start = MomentFilter(field_name="at", lookup_expr="gte", label="Then or later.")
    end = MomentFilter(field_name="at", lookup_expr="lte", label="Then or earlier.")

    class Meta:
        model = AuditEntry
        fields: list[str] = []


class NotificationFilters(Filters):
    """Which notifications."""

    topic = filters.ChoiceFilter(choices=Topic.choices, label="Of what.")
    unread = YesNoFilter(field_name="read_at", lookup_expr="isnull", label="Not read yet, or read.")

    class Meta:
        model = Notification
        fields: list[str] = []
