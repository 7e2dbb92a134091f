"""Doors: saved views of the list of investigations over the API."""

from typing import Any, ClassVar

from rest_framework import serializers

from investigations import savedviews
from investigations.filters import SavedViewFilters
from investigations.models import SavedView
from rcaplatform.kit.views import Rows, ScopedViewSet, StrictSerializer


class SavedViewSerializer(StrictSerializer):
    """A query of the list of investigations under a name."""

    owner_name = serializers.CharField(source="owner.username", read_only=True)

    class Meta:
        model = SavedView
        fields = ["id", "name", "query", "shared", "owner", "owner_name", "created_at", "updated_at", "version"]
        read_only_fields = ["owner", "created_at", "updated_at", "version"]
        validators: ClassVar[list[Any]] = []  # the deed sees to it that a name is given once

    def create(self, validated_data: dict[str, Any]) -> SavedView:
        """Keep it by its deed."""
        return savedviews.save(**validated_data)

    def update(self, instance: SavedView, validated_data: dict[str, Any]) -> SavedView:
        """Change it by its deed."""
        by = {name: validated_data.pop(name) for name in ("actor", "now")}
        return savedviews.edit(savedview=instance, changes=validated_data, **by)


class SavedViewRow(Rows):
    """One saved view in a list."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    query = serializers.CharField()
    shared = serializers.BooleanField()
    owner = serializers.UUIDField()
    owner_name = serializers.CharField(source="owner.username")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class SavedViewViewSet(ScopedViewSet):
    """The views you saved, and those that others share, oldest first. Deleted, a view is gone for good."""

    queryset = SavedView.objects.select_related("owner").order_by("id")
    serializer_class, row_class, filterset_class = SavedViewSerializer, SavedViewRow, SavedViewFilters
    deeds = {"delete": savedviews.delete}
    restore = None  # type: ignore[assignment]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
