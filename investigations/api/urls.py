"""Doors: the addresses of investigations and what belongs to them."""

from django.urls import re_path

from investigations.api.views import (
    ClosureViewSet,
    DecisionViewSet,
    InvestigationViewSet,
    LinkedEventViewSet,
    LinkViewSet,
    NoteViewSet,
    StatusViewSet,
)
from rcaplatform.kit.views import Router

ONE = r"^investigations/(?P<pk>[^/]+)"
PART = r"investigations/(?P<investigation_id>[^/]+)"
EVENT = r"(?P<event_id>[^/]+)"

router = Router()
router.register("investigations", InvestigationViewSet, basename="investigation")
router.register(f"{PART}/notes", NoteViewSet, basename="note")

status = StatusViewSet.as_view({"get": "show", "post": "move", "put": "move", "patch": "move"})
confirm = DecisionViewSet.as_view({"post": "decide"}, deed="confirm")
reject = DecisionViewSet.as_view({"post": "decide"}, deed="reject")
unlink = DecisionViewSet.as_view({"post": "decide", "delete": "decide"}, deed="reject")
urlpatterns = [
    re_path(rf"{ONE}/status/?$", status, name="investigation-status"),
    re_path(rf"{ONE}/close/?$", ClosureViewSet.as_view({"post": "close"}), name="investigation-close"),
    re_path(rf"{ONE}/reopen/?$", ClosureViewSet.as_view({"post": "reopen"}), name="investigation-reopen"),
    re_path(rf"^{PART}/events/?$", LinkedEventViewSet.as_view({"get": "list"}), name="link-list"),
    re_path(rf"^{PART}/events/{EVENT}/confirm/?$", confirm, name="link-confirm"),
    re_path(rf"^{PART}/events/{EVENT}/reject/?$", reject, name="link-reject"),
    re_path(rf"^{PART}/link-event/?$", LinkViewSet.as_view({"post": "link"}), name="link-create"),
    re_path(rf"^{PART}/unlink-event/{EVENT}/?$", unlink, name="link-remove"),
    *router.urls,
]
