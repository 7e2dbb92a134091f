"""What the pages about one's own account take in: the shape of each form."""

from typing import Any, cast

from django import forms
from django.http import HttpRequest

from accounts import throttling
from accounts.models import User
from accounts.throttling import TooMany


class CodeForm(forms.Form):
    """A code of a second factor, or a recovery code."""

    code = forms.CharField(
        max_length=20,
        help_text="Six digits from your authenticator, or one of your recovery codes.",
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no type argument when it runs
    """How one is named and reached."""

    class Meta:
        model = User
        fields = ["first_name", "last_name", "email"]
        labels = {"email": "E-mail"}


class OwnPassword(forms.Form):
    """The password of who is asking, asked for again; guessing is slowed down. People who have none are not asked."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=1_000,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.person = request, cast("User", request.user)
        if not self.person.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        """Check it."""
        said: str = self.cleaned_data["password"]
        try:
            throttling.sign_in(self.request, self.person.username)
        except TooMany as problem:
            raise forms.ValidationError(f"Too many attempts: try again in {problem.seconds} seconds.") from problem
        if not self.person.check_password(said):
            raise forms.ValidationError("This is not your password.")
        return said


class PasswordForm(OwnPassword):
    """Another password for oneself."""

    new = forms.CharField(
        label="New password",
        strip=False,
        max_length=1_000,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text="At least eight characters, and not one of the common ones.",
    )
    again = forms.CharField(
        label="The new one again",
        strip=False,
        max_length=1_000,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """See whether it was typed alike twice."""
        said = super().clean() or {}
        if said.get("new") != said.get("again"):
            self.add_error("again", "The two are not alike.")
        return said


class TurnOnForm(OwnPassword):
    """The first code of a new second factor."""

    code = forms.CharField(
        label="Code",
        max_length=20,
        help_text="The six digits that your authenticator shows now.",
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
