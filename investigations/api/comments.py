"""Doors: comments on the events and notes of an investigation over the API."""

from typing import Any

from django.db.models import QuerySet

from investigations import services
from investigations.api import serializers as shapes
from investigations.api.views import PartViewSet
from investigations.filters import CommentFilters
from investigations.models import Comment


class CommentViewSet(PartViewSet):
    """What people remarked on events and notes, oldest first. A comment is deleted, but never edited."""

    queryset = Comment.objects.select_related("author", "investigation").order_by("id")
    serializer_class, row_class, filterset_class = shapes.CommentSerializer, shapes.CommentRow, CommentFilters
    deeds = {"delete": services.delete_comment, "restore": services.restore_comment}
    http_method_names = ["get", "post", "delete", "head", "options"]

    def scope(self) -> QuerySet[Any]:
        return super().scope().filter(investigation=self.parent)

    def get_queryset(self) -> QuerySet[Any]:
        return self.scope().standing()  # type: ignore[attr-defined, no-any-return]
