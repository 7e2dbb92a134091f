"""Shapes: how people are named at the API door."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.filters import person
from accounts.models import User


@extend_schema_field({"type": "string", "description": "Written as id or username, read as id."})
class PersonField(serializers.Field[Any, Any, Any, Any]):
    """Somebody who may sign in: written as id or username, read as id."""

    def to_internal_value(self, data: Any) -> User:
        """Find them."""
        found = User.objects.filter(person(data), is_active=True).first() if isinstance(data, str) else None
        if found is None:
            raise serializers.ValidationError("There is nobody active with this id or username.")
        return found

    def to_representation(self, value: User) -> str:
        """Return their id."""
        return str(value.pk)
