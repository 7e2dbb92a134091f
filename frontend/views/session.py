"""Door: sign in, by password or by single sign-on, with a code where there is a second factor; sign out."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import views
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts import identities, sessions, signin, throttling
from accounts.models import User
from accounts.secondfactor import WrongCode
from accounts.switches import RETRY_AFTER
from accounts.throttling import TooMany
from frontend import oidc
from frontend.accountforms import CodeForm
from frontend.forms import SignInForm
from frontend.views.door import onward, refuse
from rcaplatform.kit.errors import DomainError, NotAllowed, Unavailable


class SignIn(views.LoginView):
    """Ask who is there. `next` leads back to a page of this site and to no other."""

    template_name = "session/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **known: Any) -> dict[str, Any]:
        """Offer the ways in that are open."""
        ways = {"oidc": settings.OIDC, "password_sign_in": settings.PASSWORD_SIGN_IN}
        return super().get_context_data(**known) | ways

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask; lead who is in but for a second factor to where it is turned on."""
        if sessions.owing(request):
            return redirect(f"{reverse('second-factor')}?{urlencode({'next': self.get_success_url()})}")
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Take a password, where passwords are taken."""
        if not settings.PASSWORD_SIGN_IN:
            raise PermissionDenied(f"Passwords are switched off here: sign in with {settings.OIDC.name}.")
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Let somebody in, or ask for their code."""
        return _let_in(self.request, form.get_user(), by="password", wanted=self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        """Ask again; after too many attempts say when (429), and so while passwords are switched off (503)."""
        response: HttpResponse = super().form_invalid(form)
        if form.closed:
            response.status_code, response["Retry-After"] = 503, str(RETRY_AFTER)
        elif form.wait:
            response.status_code, response["Retry-After"] = 429, str(form.wait)
        return response


class SignOut(views.LogoutView):
    """End the session, on POST alone."""


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """Ask whoever has proved who they are for the code of their second factor."""
    person = signin.expected(request)
    wanted = onward(request, request.POST.get("next") or request.GET.get("next", ""))
    if person is None:
        return redirect_to_login(wanted)
    form, status, wait = CodeForm(request.POST or None), 200, 0
    form.fields["code"].widget.attrs["autofocus"] = True
    if request.method == "POST" and form.is_valid():
        try:
            signin.finish(request, person, form.cleaned_data["code"])
            return redirect(wanted)
        except WrongCode as problem:
            form.add_error("code", problem.message)
        except TooMany as problem:
            status, wait = 429, problem.seconds
            form.add_error("code", f"Too many wrong codes: try again in {wait} seconds.")
        except Unavailable as problem:  # the secret was sealed with a key that is lost
            return refuse(request, problem)
    response = render(request, "session/code.html", {"form": form, "next": wanted}, status=status)
    if wait:
        response["Retry-After"] = str(wait)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def to_the_admin(request: HttpRequest) -> HttpResponse:
    """Lead whoever wants into the admin to the one page that signs people in."""
    if request.user.is_authenticated:
        raise PermissionDenied(
            f"Your role, {request.user.get_role_display().lower()}, may not enter the administration."
        )
    return redirect_to_login(onward(request, request.GET.get("next", ""), reverse("admin:index")))


View = Callable[[HttpRequest], HttpResponse]


def _in_words(view: View) -> View:
    """Answer what goes wrong with single sign-on by a page, and nothing at all where there is none."""

    @never_cache
    @require_safe
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        if not settings.OIDC:
            raise Http404("There is no single sign-on here.")
        try:
            throttling.single_sign_on(request)
            return view(request)
        except TooMany as problem:
            response = refuse(request, NotAllowed(f"Too many attempts: try again in {problem.seconds} seconds."))
            response.status_code, response["Retry-After"] = 429, str(problem.seconds)
            return response
        except DomainError as problem:
            return refuse(request, problem)

    return answer


@_in_words
def single_sign_on(request: HttpRequest) -> HttpResponse:
    """Send somebody to the identity provider."""
    wanted = onward(request, request.GET.get("next", ""))
    return redirect(wanted) if request.user.is_authenticated else oidc.begin(request, onward=wanted)


@_in_words
def come_back(request: HttpRequest) -> HttpResponse:
    """Let in whom the identity provider vouches for, or let them sign in that way from now on."""
    said, state = oidc.come_back(request)
    if state["linking"]:
        return _link(request, str(said["sub"]), state)
    person = identities.person_of(said=said, provider=settings.OIDC, now=timezone.now())
    return _let_in(request, person, by="single sign-on", wanted=state["next"])


def _link(request: HttpRequest, subject: str, state: Any) -> HttpResponse:
    if not request.user.is_authenticated or str(request.user.pk) != state["linking"]:
        raise NotAllowed("Somebody else is signed in now: sign in and link again.")
    identities.link(user=request.user, subject=subject, provider=settings.OIDC)
    return redirect(state["next"])


def _let_in(request: HttpRequest, person: User, *, by: str, wanted: str) -> HttpResponse:
    if signin.admit(request, person, by=by):
        return redirect(wanted)
    return redirect(f"{reverse('sign-in-code')}?{urlencode({'next': wanted})}")
