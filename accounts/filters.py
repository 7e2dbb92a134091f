"""Questions about people that the filters of a list can ask."""
# mypy: disable-error-code="import-untyped, misc, no-any-return"

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from accounts.models import RevokedToken, User
from rcaplatform.kit.search import Filters


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
