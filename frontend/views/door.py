"""What every page's door has in common: who may pass, how a refusal reads, whole page or part."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from accounts.permissions import may
from accounts.sessions import owing
from rcaplatform.kit.errors import DomainError


class Request(HttpRequest):
    """A request that has passed the door: somebody sent it."""

    user: User
    htmx: HtmxDetails


P = ParamSpec("P")
View = Callable[Concatenate[Request, P], HttpResponse]
Door = Callable[Concatenate[HttpRequest, P], HttpResponse]


def door(*methods: str, to_second_factor: bool = False) -> Callable[[View[P]], Door[P]]:
    """Let people who are signed in through to a view; tell everybody, in words, why not.

    Args:
        methods: by which it may be asked.
        to_second_factor: let those through as well who are not before they have one.
    """

    def decorate(view: View[P]) -> Door[P]:
        @require_http_methods(methods)
        @wraps(view)
        def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                if to_second_factor and (person := owing(request)):
                    request.user = person
                # Somebody is signed in, and the middleware of htmx has seen it: it is a `Request` from here on.
                known = cast(Request, request)
                response = view(known, *args, **kwargs) if request.user.is_authenticated else _sign_in(request)
            except DomainError as problem:
                response = refuse(request, problem)
            # What one person sees is nobody else's, and a part must never be taken for its page.
            patch_cache_control(response, private=True, no_cache=True)
            patch_vary_headers(response, ["HX-Request", "HX-Target", "Cookie"])
            return response

        return answer

    return decorate


def _sign_in(request: HttpRequest) -> HttpResponse:
    """Send somebody to sign in and back; whoever posted a form returns to the page it stood on."""
    if request.headers.get("HX-Request"):
        return HttpResponse("Your session has ended. Sign in again in another tab, then repeat this.", status=401)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else came_from(request))


def came_from(request: HttpRequest) -> str:
    """Return the address on this site that the request came from, or the first page."""
    referrer = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(referrer, {request.get_host()}):
        parts = urlsplit(referrer)
        place = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if url_has_allowed_host_and_scheme(place, None):  # a path that begins with // would name another host
            return place
    return reverse("investigations")


def onward(request: HttpRequest, wanted: str, otherwise: str = "") -> str:
    """Return the page somebody wanted, if it is one of this site."""
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return otherwise or resolve_url(settings.LOGIN_REDIRECT_URL)


def back_to(request: HttpRequest, path: str, fragment: str = "") -> HttpResponse:
    """Send somebody back to the page at ``path``, as they had it: with the filters and the event they had chosen."""
    previous = came_from(request)
    return redirect(f"{previous if previous.partition('?')[0] == path else path}{fragment}")


def refuse(request: HttpRequest, problem: DomainError) -> HttpResponse:
    """Answer with an error that a person can act upon."""
    if request.headers.get("HX-Request"):
        return HttpResponse(problem.message, status=problem.status, content_type="text/plain; charset=utf-8")
    return render(request, "problem.html", {"problem": problem, "back": came_from(request)}, status=problem.status)


def require(user: User, verb: str, target: Model | type[Model]) -> None:
    """Let people pass who may do this.

    Raises:
        PermissionDenied: they may not.
    """
    if not may(user, verb, target):
        noun = (target if isinstance(target, type) else type(target)).__name__.lower()
        raise PermissionDenied(f"Your role, {user.get_role_display().lower()}, may not {verb} this {noun}.")


def wanted_part(request: Request, parts: Mapping[str, str]) -> str:
    """Return the id of the element htmx wants filled, if it is one of ``parts``; empty means the whole page."""
    target = request.htmx.target if request.htmx and not request.htmx.history_restore_request else None
    return target if target and target in parts else ""


def answer_part(
    request: Request, page: str, parts: Mapping[str, str], context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Answer with the part htmx asks for, or with the whole page.

    Args:
        request: what was asked.
        page: the template of the whole page.
        parts: the template of each part by the id of the element it fills.
        context: what either needs.
        status: of the response.
    """
    return render(request, parts.get(wanted_part(request, parts), page), context, status=status)


def answer_news(request: Request, sentence: str) -> HttpResponse:
    """Answer with a line that offers to show what is new; 204 when nothing is."""
    if not sentence:
        return HttpResponse(status=204)
    return render(request, "parts/news.html", {"sentence": sentence})
