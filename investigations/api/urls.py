"""Doors: the addresses of investigations and what belongs to them."""

from django.urls import re_path

from investigations.api.views import InvestigationViewSet, LinkViewSet, NoteViewSet, StatusViewSet
from rcaplatform.kit.views import Router

ONE = r"^investigations/(?P<pk>[^/]+)"
PART = r"investigations/(?P<investigation_id>[^/]+)"

router = Router()
router.register("investigations", InvestigationViewSet, basename="investigation")
router.register(f"{PART}/notes", NoteViewSet, basename="note")

status = StatusViewSet.as_view({"get": "show", "post": "move", "put": "move", "patch": "move"})
unlink = LinkViewSet.as_view({"post": "reject", "delete": "reject"})
urlpatterns = [
    re_path(rf"{ONE}/status/?$", status, name="investigation-status"),
    re_path(rf"{ONE}/close/?$", StatusViewSet.as_view({"post": "close"}), name="investigation-close"),
    re_path(rf"{ONE}/reopen/?$", StatusViewSet.as_view({"post": "reopen"}), name="investigation-reopen"),
    re_path(rf"^{PART}/events/?$", LinkViewSet.as_view({"get": "list"}), name="link-list"),
    re_path(rf"^{PART}/link-event/?$", LinkViewSet.as_view({"post": "link"}), name="link-create"),
    re_path(rf"^{PART}/unlink-event/(?P<event_id>[^/]+)/?$", unlink, name="link-remove"),
    *(
        re_path(
            rf"^{PART}/events/(?P<event_id>[^/]+)/{deed}/?$",
            LinkViewSet.as_view({"post": deed}),
            name=f"link-{deed}",
        )
        for deed in ("confirm", "reject")
    ),
    *router.urls,
]
