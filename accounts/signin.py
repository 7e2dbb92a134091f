"""Door: a form to sign in with name and password, which counts the attempts; the pages and the admin use it."""

from typing import Any, cast

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest

from accounts import switches, throttling
from accounts.models import Feature
from accounts.throttling import TooMany


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


class AdminSignInForm(CountedSignInForm, AdminAuthenticationForm):
    """The admin's own door: the same count, so that it is no way around the other's."""
