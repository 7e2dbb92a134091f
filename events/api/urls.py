"""Doors: the addresses of events."""

from django.urls import re_path

from events.api.topology import TopologyViewSet
from events.api.views import EventViewSet, TagViewSet
from rcaplatform.kit.views import Router

ONE = r"^events/(?P<pk>[^/]+)"

router = Router()
router.register("events", EventViewSet, basename="event")

tags = TagViewSet.as_view({"get": "show", "put": "replace", "post": "add"})
urlpatterns = [
    *router.urls,
    re_path(r"^topology/?$", TopologyViewSet.as_view({"get": "show"}), name="topology"),
    re_path(rf"{ONE}/tags/?$", tags, name="event-tags"),
    re_path(rf"{ONE}/tags/(?P<tag>(?s:.+?))/?$", TagViewSet.as_view({"delete": "remove"}), name="event-tag"),
]
