"""Addresses of the pages and of the realtime stream."""

from django.urls import path
from django.views.generic import RedirectView

from frontend import stream
from frontend.views import (
    analytics,
    canvas,
    connectors,
    events,
    exports,
    hypotheses,
    investigations,
    links,
    notes,
    presence,
    saved,
    session,
    style,
    suspects,
    timeline,
)

_case = "investigations/<uuid:pk>/"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="investigations"), name="home"),
    path("sign-in", session.SignIn.as_view(), name="sign-in"),
    path("sign-out", session.SignOut.as_view(), name="sign-out"),
    path("investigations/", investigations.browse, name="investigations"),
    path("investigations/new", investigations.new, name="investigation-new"),
    path("investigations/views", saved.save, name="view-save"),
    path("investigations/views/<uuid:pk>/delete", saved.delete, name="view-delete"),
    path(_case, canvas.show, name="investigation"),
    path(f"{_case}export", exports.download, name="investigation-export"),
    path(f"{_case}news", canvas.whats_new, name="investigation-news"),
    path(f"{_case}timeline", timeline.bones, name="timeline"),
    path(f"{_case}timeline/rows", timeline.rows, name="timeline-rows"),
    path(f"{_case}timeline/matches", timeline.matches, name="timeline-matches"),
    path(f"{_case}edit", investigations.edit, name="investigation-edit"),
    path(f"{_case}findings", investigations.findings, name="investigation-findings"),
    path(f"{_case}status", investigations.move, name="investigation-move"),
    path(f"{_case}delete", investigations.delete, name="investigation-delete"),
    path(f"{_case}restore", investigations.restore, name="investigation-restore"),
    path(f"{_case}related", investigations.relate, name="investigation-relate"),
    path(f"{_case}suspects", suspects.rank, name="suspects-rank"),
    path(f"{_case}suspects/<uuid:suspect>", suspects.judge, name="suspect-judge"),
    path(f"{_case}links", links.link_by_hand, name="link-by-hand"),
    path(f"{_case}links/decisions", links.decide_together, name="links-decide"),
    path(f"{_case}links/<uuid:event>", links.decide, name="link-decide"),
    path(f"{_case}events/<uuid:event>/comments", links.comment, name="event-comment"),
    path(f"{_case}notes", notes.write, name="note-write"),
    path(f"{_case}notes/<uuid:note>", notes.edit, name="note-edit"),
    path(f"{_case}notes/<uuid:note>/comments", notes.comment, name="note-comment"),
    path(f"{_case}notes/<uuid:note>/delete", notes.delete, name="note-delete"),
    path(f"{_case}notes/<uuid:note>/restore", notes.restore, name="note-restore"),
    path(f"{_case}hypotheses", hypotheses.suppose, name="hypothesis-suppose"),
    path(f"{_case}hypotheses/<uuid:hypothesis>", hypotheses.judge, name="hypothesis-judge"),
    path(f"{_case}hypotheses/<uuid:hypothesis>/delete", hypotheses.delete, name="hypothesis-delete"),
    path(f"{_case}hypotheses/<uuid:hypothesis>/restore", hypotheses.restore, name="hypothesis-restore"),
    path(f"{_case}hypotheses/<uuid:hypothesis>/evidence", hypotheses.weigh, name="evidence-weigh"),
    path(
        f"{_case}hypotheses/<uuid:hypothesis>/evidence/<uuid:evidence>/delete",
        hypotheses.take_away,
        name="evidence-delete",
    ),
    path(f"{_case}here", presence.here, name="investigation-here"),
    path("events/", events.browse, name="events"),
    path("events/news", events.whats_new, name="events-news"),
    path("events/<uuid:pk>/", events.show, name="event"),
    path("events/<uuid:pk>/link", links.link_from_event, name="event-link"),
    path("connectors/", connectors.browse, name="connectors"),
    path("connectors/news", connectors.whats_new, name="connectors-news"),
    path("analytics/", analytics.show, name="analytics"),
    path("style/", style.show, name="style"),
    *(
        path(name, RedirectView.as_view(pattern_name=name, query_string=True))
        for name in ("investigations", "events", "connectors", "analytics", "style")
    ),
    path("stream/investigations/<uuid:pk>", stream.investigation, name="stream-investigation"),
    path("stream/events", stream.events, name="stream-events"),
    path("stream/connectors", stream.connectors, name="stream-connectors"),
]
