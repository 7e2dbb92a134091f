"""Doors: where a person looks after their own account."""

from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from accounts import credentials, factors, identities, secondfactor, services, sessions
from accounts.models import ApiKey, User
from accounts.secondfactor import WrongCode
from accounts.throttling import TooMany
from frontend import oidc
from frontend.accountforms import CodeForm, OwnPassword, PasswordForm, ProfileForm, TurnOnForm
from frontend.views.door import Request, door, onward
from rcaplatform.kit.errors import Conflict, Invalid, Unavailable
from rcaplatform.kit.sealing import seal, unseal

OFFERED = "second_factor_offered"  # where a session keeps, sealed, the secret that is shown and not confirmed yet
MOST_KEYS = 100


def _page(request: Request, *, status: int = 200, **forms: BaseForm) -> HttpResponse:
    person = request.user
    context = {
        "profile": ProfileForm(instance=person),
        "password": PasswordForm(request=request) if person.has_usable_password() else None,
        "second_factor": factors.is_on(person),
        "required": factors.is_required(person),
        "codes_left": secondfactor.recovery_codes_left(person),
        "code": CodeForm(auto_id="code_%s"),
        "own": OwnPassword(request=request, auto_id="own_%s"),
        "keys": ApiKey.objects.filter(user=person, revoked_at=None).order_by("-id")[:MOST_KEYS],
        "oidc": settings.OIDC,
        "linked": bool(settings.OIDC) and identities.is_linked(person, settings.OIDC),
        **forms,
    }
    return render(request, "account/page.html", context, status=status)


@door("GET")
def show(request: Request) -> HttpResponse:
    """Show the page."""
    return _page(request)


@door("POST")
def edit(request: Request) -> HttpResponse:
    """Keep how one is named and reached."""
    form = ProfileForm(request.POST, instance=User.objects.get(pk=request.user.pk))
    if not form.is_valid():
        return _page(request, profile=form, status=422)
    services.edit_profile(user=request.user, actor=request.user, **form.cleaned_data)
    return _done(request, "Saved.")


@sensitive_post_parameters()
@door("POST")
def change_password(request: Request) -> HttpResponse:
    """Set another password; every other session ends, and every token."""
    form = PasswordForm(request.POST, request=request)
    if not request.user.has_usable_password():
        raise Conflict("You sign in without a password: an administrator can give you one.")
    if form.is_valid():
        try:
            services.set_password(user=request.user, password=form.cleaned_data["new"], actor=request.user)
        except Invalid as problem:
            form.add_error("new", problem.message.removeprefix("password: "))
        else:
            _stay(request)
            return _done(request, "The password is changed. You are signed out everywhere else.")
    return _page(request, password=form, status=422)


@door("POST")
def sign_out_elsewhere(request: Request) -> HttpResponse:
    """End every other session, and every token."""
    credentials.revoke_all(
        user=request.user,
        reason="signed out everywhere",
        api_keys=False,
        actor=request.user,
        now=timezone.now(),
    )
    _stay(request)
    return _done(request, "You are signed out everywhere else.")


@door("POST")
def revoke_key(request: Request, key: UUID) -> HttpResponse:
    """Make one's own API key worthless."""
    own = get_object_or_404(ApiKey, pk=key, user=request.user)
    credentials.revoke_key(key=own, actor=request.user, now=timezone.now())
    return _done(request, f"The key {own.name} opens nothing any more.")


@sensitive_post_parameters()
@door("GET", "POST", to_second_factor=True)
def turn_on(request: Request) -> HttpResponse:
    """Show a secret, and ask for codes of it from the first right one on; `next` leads on to a page of this site."""
    wanted = onward(request, request.POST.get("next") or request.GET.get("next", ""), reverse("account"))
    if factors.is_on(request.user):
        return redirect(wanted)
    form = TurnOnForm(request.POST or None, request=request)
    secret = _offered(request)
    if request.method == "POST" and form.is_valid():
        try:
            said = form.cleaned_data["code"]
            codes = secondfactor.turn_on(user=request.user, secret=secret, code=said, now=timezone.now())
        except Invalid as problem:
            form.add_error("code", problem.message)
        else:
            del request.session[OFFERED]
            _stay(request)
            sessions.note_proof(request.session, "code")
            return _codes(request, codes, wanted)
    owed = factors.reason(request.user) if sessions.owing(request) else ""
    drawing = secondfactor.drawing(request.user, secret)
    context = {"form": form, "secret": secret, "drawing": drawing, "owed": owed, "next": wanted}
    return render(request, "account/second_factor.html", context, status=422 if form.errors else 200)


@door("POST")
def turn_off(request: Request) -> HttpResponse:
    """Ask for no code any more, after a last one."""
    if refusal := _unproven(request):
        return refusal
    secondfactor.turn_off(user=request.user, actor=request.user)
    return _done(request, "The second factor is off.")


@door("POST")
def renew_recovery_codes(request: Request) -> HttpResponse:
    """Show new recovery codes, this once."""
    if refusal := _unproven(request):
        return refusal
    return _codes(request, secondfactor.renew_recovery_codes(user=request.user), reverse("account"))


@sensitive_post_parameters()
@door("POST")
def link(request: Request) -> HttpResponse:
    """Show the way to the identity provider, by which one comes back with an identity to sign in with.

    Whoever finds a page open does not know the password, and links no identity of theirs.
    A link, not a redirect: the content policy lets no form lead to another site.
    """
    if not settings.OIDC:
        raise Conflict("There is no single sign-on here.")
    form = OwnPassword(request.POST, request=request, auto_id="own_%s")
    if not form.is_valid():
        return _page(request, own=form, status=422)
    address = oidc.begin(request, onward="/account/", linking=True)["Location"]
    return render(request, "account/link.html", {"address": address, "oidc": settings.OIDC})


@sensitive_post_parameters()
@door("POST")
def unlink(request: Request) -> HttpResponse:
    """Sign in by no identity any more, where there is another way in."""
    if not (request.user.has_usable_password() and settings.PASSWORD_SIGN_IN):
        raise Conflict("It is the only way you sign in: ask an administrator.")
    form = OwnPassword(request.POST, request=request, auto_id="own_%s")
    if not form.is_valid():
        return _page(request, own=form, status=422)
    identities.unlink(user=request.user, actor=request.user)
    return _done(request, "The identity opens this account no more. Sessions go on until you sign out everywhere else.")


def _unproven(request: Request) -> HttpResponse | None:
    """Return the page again when the code that came along is not right."""
    form = CodeForm(request.POST, auto_id="code_%s")
    status = 422
    if form.is_valid():
        try:
            secondfactor.prove(user=request.user, code=form.cleaned_data["code"], now=timezone.now())
        except WrongCode as problem:
            form.add_error("code", problem.message)
        except TooMany as problem:
            status = 429
            form.add_error("code", f"Too many wrong codes: try again in {problem.seconds} seconds.")
        else:
            return None
    return _page(request, code=form, status=status)


def _offered(request: Request) -> str:
    """Return the secret on offer, the same until it is taken: a page that is loaded anew shows no other."""
    with suppress(KeyError, Unavailable):  # none yet, or sealed with a key that was retired since
        return unseal(request.session[OFFERED].encode())["secret"]
    secret = secondfactor.new_secret()
    request.session[OFFERED] = seal({"secret": secret}).decode()
    return secret


def _codes(request: Request, codes: list[str], wanted: str) -> HttpResponse:
    response = render(request, "account/recovery_codes.html", {"codes": codes, "next": wanted})
    response["Cache-Control"] = "no-store"
    return response


def _stay(request: Request) -> None:
    """Let this session stand on what its person is now."""
    update_session_auth_hash(request, request.user)


def _done(request: Request, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return redirect("account")
