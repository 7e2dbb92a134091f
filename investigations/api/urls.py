"""Doors: the addresses of investigations and what belongs to them."""

from django.urls import re_path

from investigations.api.analytics import EventAnalytics, InvestigationAnalytics
from investigations.api.bursts import BurstDecisionViewSet, BurstViewSet
from investigations.api.calibration import CalibrationViewSet
from investigations.api.comments import CommentViewSet
from investigations.api.differences import DifferenceViewSet
from investigations.api.drafts import DraftViewSet
from investigations.api.export import ExportViewSet
from investigations.api.exports import ExportsViewSet
from investigations.api.hypotheses import EvidenceViewSet, HypothesisViewSet
from investigations.api.imports import ImportViewSet
from investigations.api.relations import RelatedViewSet, SimilarViewSet
from investigations.api.reliability import ReliabilityViewSet
from investigations.api.savedviews import SavedViewViewSet
from investigations.api.search import SearchView
from investigations.api.suspects import SuspectReportViewSet, SuspectViewSet
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
router.register("views", SavedViewViewSet, basename="view")
router.register(f"{PART}/notes", NoteViewSet, basename="note")
router.register(f"{PART}/comments", CommentViewSet, basename="comment")
router.register(f"{PART}/hypotheses", HypothesisViewSet, basename="hypothesis")
router.register(f"{PART}/drafts", DraftViewSet, basename="draft")
router.register(f"{PART}/exports", ExportsViewSet, basename="export")
router.register(rf"{PART}/hypotheses/(?P<hypothesis_id>[^/]+)/evidence", EvidenceViewSet, basename="evidence")

status = StatusViewSet.as_view({"get": "show", "post": "move", "put": "move", "patch": "move"})
confirm = DecisionViewSet.as_view({"post": "decide"}, deed="confirm")
reject = DecisionViewSet.as_view({"post": "decide"}, deed="reject")
unlink = DecisionViewSet.as_view({"post": "decide", "delete": "decide"}, deed="reject")
related = RelatedViewSet.as_view({"get": "list", "post": "relate"})
unrelate = RelatedViewSet.as_view({"delete": "unrelate"})
by_source = EventAnalytics.as_view({"get": "by_source"})
by_severity = EventAnalytics.as_view({"get": "by_severity"})
timeline = InvestigationAnalytics.as_view({"get": "timeline"})
severities = InvestigationAnalytics.as_view({"get": "severities"})
mttr = InvestigationAnalytics.as_view({"get": "mttr"})
components = InvestigationAnalytics.as_view({"get": "components"})
analytics = [
    re_path(r"^analytics/events/by-source/?$", by_source, name="analytics-by-source"),
    re_path(r"^analytics/events/by-severity/?$", by_severity, name="analytics-by-severity"),
    re_path(r"^analytics/sources/?$", EventAnalytics.as_view({"get": "sources"}), name="analytics-sources"),
    re_path(r"^analytics/investigation-timeline/?$", timeline, name="analytics-timeline"),
    re_path(r"^analytics/severity-distribution/?$", severities, name="analytics-severities"),
    re_path(r"^analytics/mttr/?$", mttr, name="analytics-mttr"),
    re_path(r"^analytics/components/?$", components, name="analytics-components"),
]
suspects = SuspectReportViewSet.as_view({"get": "show", "post": "compute"})
suspect = SuspectViewSet.as_view({"patch": "judge"})
confirm_burst = BurstDecisionViewSet.as_view({"post": "decide"}, deed="confirm")
reject_burst = BurstDecisionViewSet.as_view({"post": "decide"}, deed="reject")
urlpatterns = [
    re_path(r"^search/?$", SearchView.as_view(), name="search"),
    *analytics,
    re_path(r"^investigations/import/?$", ImportViewSet.as_view({"post": "bring"}), name="investigation-import"),
    re_path(rf"{ONE}/status/?$", status, name="investigation-status"),
    re_path(rf"{ONE}/close/?$", ClosureViewSet.as_view({"post": "close"}), name="investigation-close"),
    re_path(rf"{ONE}/reopen/?$", ClosureViewSet.as_view({"post": "reopen"}), name="investigation-reopen"),
    re_path(rf"^{PART}/events/?$", LinkedEventViewSet.as_view({"get": "list"}), name="link-list"),
    re_path(rf"^{PART}/events/{EVENT}/confirm/?$", confirm, name="link-confirm"),
    re_path(rf"^{PART}/events/{EVENT}/reject/?$", reject, name="link-reject"),
    re_path(rf"^{PART}/bursts/?$", BurstViewSet.as_view({"get": "list"}), name="burst-list"),
    re_path(rf"^{PART}/bursts/{EVENT}/confirm/?$", confirm_burst, name="burst-confirm"),
    re_path(rf"^{PART}/bursts/{EVENT}/reject/?$", reject_burst, name="burst-reject"),
    re_path(rf"^{PART}/link-event/?$", LinkViewSet.as_view({"post": "link"}), name="link-create"),
    re_path(rf"^{PART}/unlink-event/{EVENT}/?$", unlink, name="link-remove"),
    re_path(rf"^{PART}/related/?$", related, name="related-list"),
    re_path(rf"^{PART}/related/(?P<other_id>[^/]+)/?$", unrelate, name="related-remove"),
    re_path(rf"^{PART}/similar/?$", SimilarViewSet.as_view({"get": "show"}), name="investigation-similar"),
    re_path(rf"^{PART}/suspects/?$", suspects, name="suspect-report"),
    re_path(rf"^{PART}/suspects/(?P<suspect_id>[^/]+)/?$", suspect, name="suspect"),
    re_path(rf"^{PART}/differences/?$", DifferenceViewSet.as_view({"get": "show"}), name="differences"),
    re_path(rf"^{PART}/export/?$", ExportViewSet.as_view({"get": "export"}), name="investigation-export"),
    re_path(r"^suspects/calibration/?$", ReliabilityViewSet.as_view({"get": "show"}), name="suspect-calibration"),
    re_path(r"^links/calibration/?$", CalibrationViewSet.as_view({"get": "show"}), name="link-calibration"),
    *router.urls,
]
