"""Composition: every address this product answers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.urls import include, path, re_path, reverse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

import accounts.api.urls
import connectors.api.urls
import events.api.urls
import investigations.api.urls
from accounts.api.views import key_set
from frontend.views.session import SignOut, to_the_admin
from rcaplatform import docs, health, metrics
from rcaplatform.kit.problems import problem_response

API = "/api"


@csrf_exempt
def to_v1(request: HttpRequest) -> HttpResponse:
    """Send the client on to the present version with method, body and query kept (308)."""
    rest = request.get_full_path().removeprefix(API)
    return HttpResponsePermanentRedirect(f"{API}/v1{rest}", preserve_request=True)


def entrance(request: HttpRequest) -> HttpResponse:
    """Name the ways into the API."""
    names = {
        "events": "event-list",
        "investigations": "investigation-list",
        "search": "search",
        "me": "me",
        "docs": "docs",
        "schema": "schema",
        "collection": "collection",
    }
    return JsonResponse({name: request.build_absolute_uri(reverse(f"api:{view}")) for name, view in names.items()})


@csrf_exempt
def no_such_address(request: HttpRequest) -> HttpResponse:
    """Answer a program in its own language that there is nothing here."""
    return problem_response(404, f"There is nothing at {request.path}; see {API}/v1/docs.", code="not_found")


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that this is our fault, to a program as a problem, to a person as a page."""
    if request.path.startswith((f"{API}/", "/otlp/")):
        return problem_response(500, "The error is logged; quote the request id of the headers.", code="server_error")
    return defaults.server_error(request)


handler500 = server_error

api: list[Any] = [
    *accounts.api.urls.urlpatterns,
    *events.api.urls.urlpatterns,
    *investigations.api.urls.urlpatterns,
    *connectors.api.urls.urlpatterns,
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^docs/?$", docs.Swagger.as_view(), name="docs"),
    re_path(r"^redoc/?$", docs.Redoc.as_view(), name="redoc"),
    re_path(r"^collection/?$", docs.Collection.as_view(), name="collection"),
    re_path(r"^", no_such_address),
]
# The browsable API asks for these two by name; both are the pages' own doors.
browsable = [
    path("api/v1/-/sign-in", RedirectView.as_view(pattern_name="sign-in", query_string=True), name="login"),
    path("api/v1/-/sign-out", SignOut.as_view(), name="logout"),
]

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", metrics.expose, name="metrics"),
    path(".well-known/jwks.json", key_set, name="jwks"),
    path("admin/login/", to_the_admin),  # before the admin's own: one page signs people in
    # Where guesses are counted, tokens end at once, and it is recorded: the admin's own page does none of that.
    path("admin/password_change/", RedirectView.as_view(pattern_name="account")),
    path("admin/", admin.site.urls),
    path("", include((browsable, "rest_framework"))),
    re_path(r"^api/v1/?$", entrance),
    path("api/v1/", include((api, "api"))),
    re_path(r"^api(?:/|$)", to_v1),
    path("", include("connectors.urls")),
    path("", include("frontend.urls")),
]
