"""Door: how somebody gets a session. Every page that signs people in comes through here, whatever the proof was."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import audit, factors, secondfactor, sessions, switches, throttling
from accounts.models import Feature, User
from accounts.throttling import TooMany

BACKEND = "django.contrib.auth.backends.ModelBackend"
PENDING, PATIENCE = "signing_in", 300  # seconds between the first proof and the code


class CountedSignInForm(AuthenticationForm):
    """Name and password; guessing is slowed down.

    Attributes:
        wait: seconds after which another attempt may be made; 0 when this one could.
        closed: whether an operator switched passwords off.
    """

    wait, closed = 0, False

    def clean(self) -> dict[str, Any]:
        """Count the attempt, then see whether name and password belong together."""
        try:
            switches.require(Feature.PASSWORDS)
        except switches.SwitchedOff as problem:
            self.closed = True
            raise forms.ValidationError(problem.message) from problem
        try:
            throttling.sign_in(cast("HttpRequest", self.request), self.cleaned_data.get("username", ""))
        except TooMany as problem:
            self.wait = problem.seconds
            raise forms.ValidationError(f"Too many attempts: try again in {self.wait} seconds.") from problem
        return super().clean()


def admit(request: HttpRequest, person: User, *, by: str) -> bool:
    """Let in somebody who has proved who they are; False when their second factor must be asked for first.

    Args:
        by: what the proof was, for the audit trail.
    """
    person.refresh_from_db(fields=["token_generation"])  # a password hashed anew at sign-in has raised it
    if not factors.is_on(person):
        _enter(request, person, by)
        return True
    proof = {"by": by, "at": timezone.now().timestamp(), "standing": person.get_session_auth_hash()}
    request.session[PENDING] = {"person": str(person.pk), **proof}
    return False


def expected(request: HttpRequest) -> User | None:
    """Return whose code is asked for: who gave the first proof within the last minutes, and stands as they did then."""
    proof = request.session.get(PENDING)
    if not proof or timezone.now().timestamp() - proof["at"] > PATIENCE:
        return None
    person = User.objects.filter(pk=proof["person"], is_active=True).first()
    if person is None or not constant_time_compare(proof["standing"], person.get_session_auth_hash()):
        return None
    return person


def finish(request: HttpRequest, person: User, code: str) -> None:
    """Let in whom `expected` returned, by their code.

    Raises:
        WrongCode, TooMany: see `secondfactor.prove`.
    """
    secondfactor.prove(user=person, code=code, now=timezone.now())
    _enter(request, person, f"{request.session[PENDING]['by']} and code")


def _enter(request: HttpRequest, person: User, by: str) -> None:
    request.session.pop(PENDING, None)
    login(request, person, backend=BACKEND)  # under a new key: one planted before is worth nothing
    sessions.note_proof(request.session, by)
    request.session.set_expiry(timezone.now() + settings.SESSION_AGE)
    audit.record(actor=person, verb="sign in", target=person, change={"by": [None, by]})
