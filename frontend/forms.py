"""What pages take in: the shape of each form. Rules that hold everywhere live in the services."""

from datetime import date, datetime
from typing import Any, ClassVar, cast
from zoneinfo import available_timezones

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.http import QueryDict

from accounts.models import User
from accounts.notifications.choices import Digest
from accounts.signin import CountedSignInForm
from events.drafts import EARLIEST, LATEST
from frontend.days import MOST_DAYS, PRESETS, USUAL, Days
from investigations.models import WRITE_UP_LIMIT, Investigation, Note
from rcaplatform.kit.errors import DomainError


class SignInForm(CountedSignInForm):
    """Name and password, in the words of the pages."""

    error_messages = {
        "invalid_login": "This name and password do not belong together. Both are case-sensitive.",
        "inactive": "This account is switched off.",
    }


class Moment(forms.DateTimeField):
    """A time in UTC, to the second."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput({"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")
        super().__init__(widget=widget, **options)


class Tags(SimpleArrayField):
    """Words between commas; empty ones and repetitions fall away."""

    def __init__(self, **options: Any) -> None:
        super().__init__(forms.CharField(max_length=100, required=False), max_length=50, required=False, **options)

    def clean(self, value: Any) -> list[str]:
        """Return each tag once, in order."""
        return [tag for tag in dict.fromkeys(super().clean(value)) if tag]


class PageField(forms.BoundField):
    """A field as a page shows it."""

    form: "VersionedForm"

    @property
    def theirs(self) -> str | None:
        """After a conflict, what somebody else saved here meanwhile; None where both agree."""
        return self.form.theirs.get(self.name)

    @property
    def limit(self) -> int | None:
        """How many characters may be written, where the page counts them."""
        limit: int | None = self.field.widget.attrs.get("data-limit")
        return limit


class VersionedForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no type argument when it runs
    """A form that remembers which version of the row it was filled from."""

    version = forms.IntegerField(widget=forms.HiddenInput({"autocomplete": "off"}), required=False)
    bound_field_class = PageField

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.theirs: dict[str, str] = {}
        self.initial.setdefault("version", self.instance.version)
        for field in self.fields.values():
            if isinstance(field, forms.TypedChoiceField) and not field.required:
                field.choices = [("", "Not chosen"), *cast(Any, field.choices)[1:]]

    @property
    def changes(self) -> dict[str, Any]:
        """Return the values to write."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("version", "id")}

    def _post_clean(self) -> None:
        """Leave the row alone: services write it, and need to see what it held before."""

    def compare(self, row: Investigation | Note) -> None:
        """After a conflict: tell at each field that differs what ``row`` holds now, and be ready to write over that."""
        for name, mine in self.changes.items():
            theirs = getattr(row, name)
            if theirs != mine:
                self.theirs[name] = _words(theirs)
        data = cast(QueryDict, self.data).copy()
        data[self.add_prefix("version")] = str(row.version)
        self.data = data

    def blame(self, problem: DomainError) -> None:
        """Show an error of a service at the fields it names, or above them."""
        seen = {name for name, field in self.fields.items() if not field.widget.is_hidden}
        here = {name: message for name, message in problem.fields.items() if name in seen}
        for name, message in here.items():
            self.add_error(name, message)
        if not here:
            self.add_error(None, problem.message)


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return "" if value is None else str(value)


class InvestigationForm(VersionedForm):
    """An investigation's own facts."""

    title = forms.CharField(max_length=300, widget=forms.TextInput({"autofocus": True}))
    started_at = Moment(label="Onset (UTC)", required=False, help_text="When things began to go wrong.")
    detected_at = Moment(label="Detected (UTC)", required=False, help_text="Empty means now.")
    tags = Tags(help_text="Separated by commas.")
    assigned_to = forms.ModelChoiceField(
        User.objects.filter(is_active=True), required=False, label="Assignee", empty_label="Nobody"
    )

    class Meta:
        model = Investigation
        fields: ClassVar[tuple[str, ...]] = (
            "title",
            "impact_severity",
            "priority",
            "assigned_to",
            "service_affected",
            "component_affected",
            "started_at",
            "detected_at",
            "description",
            "tags",
        )
        labels = {
            "impact_severity": "Severity",
            "service_affected": "Service",
            "component_affected": "Component",
        }
        widgets = {"description": forms.Textarea({"rows": 4})}


class InvestigationEditForm(InvestigationForm):
    """The same with what is known later."""

    detected_at = Moment(label="Detected (UTC)")
    resolved_at = Moment(label="Resolved (UTC)", required=False)

    class Meta(InvestigationForm.Meta):
        fields: ClassVar[tuple[str, ...]] = (
            *InvestigationForm.Meta.fields,
            "resolved_at",
            "impact_domain",
            "business_impact",
            "estimated_mttr",
            "automation_potential",
        )
        labels = {**InvestigationForm.Meta.labels, "estimated_mttr": "Estimated minutes to resolve"}
        widgets = {**InvestigationForm.Meta.widgets, "business_impact": forms.Textarea({"rows": 2})}


class FindingsForm(VersionedForm):
    """What was found out in the end."""

    class Meta:
        model = Investigation
        fields = ("root_cause", "cause_category", "remediation", "lessons_learned")
        labels = {"cause_category": "Kind of cause"}
        widgets = {
            name: forms.Textarea({"rows": 3, "data-limit": WRITE_UP_LIMIT})
            for name in ("root_cause", "remediation", "lessons_learned")
        }


class NoteForm(VersionedForm):
    """A note in Markdown; ``id`` is the writer's own, under which it may have been saved by itself before."""

    id = forms.UUIDField(widget=forms.HiddenInput({"autocomplete": "off"}), required=False)

    class Meta:
        model = Note
        fields = ("body",)
        labels = {"body": "Note"}
        widgets = {
            "body": forms.Textarea({"rows": 3, "placeholder": "What did you see, try, rule out? Markdown works."})
        }

    def stored(self, body: str) -> None:
        """Tell the page what the server has of the note, where the field shows something that is not saved."""
        self.fields["body"].widget.attrs["data-base"] = body


class DaysForm(forms.Form):
    """Which days a page speaks of: the last few, or from one to another."""

    days = forms.TypedChoiceField(choices=[(count, f"{count} days") for count in PRESETS], coerce=int, required=False)
    first = forms.DateField(required=False, label="From (UTC)", widget=forms.DateInput({"type": "date"}))
    last = forms.DateField(required=False, label="To (UTC)", widget=forms.DateInput({"type": "date"}))

    def clean_first(self) -> date | None:
        """Refuse a day before all that may be stored."""
        first: date | None = self.cleaned_data["first"]
        if first and first < EARLIEST.date():
            raise forms.ValidationError(f"Nothing is older than {EARLIEST:%Y-%m-%d}.")
        return first

    def clean_last(self) -> date | None:
        """Refuse a day after all that may be stored."""
        last: date | None = self.cleaned_data["last"]
        if last and last >= LATEST.date():
            raise forms.ValidationError(f"Nothing is as late as {LATEST:%Y-%m-%d}.")
        return last

    def clean(self) -> dict[str, Any]:
        """Refuse a span that is turned round, or longer than ten years."""
        values = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if bool(first) != bool(last) and not self.errors:
            self.add_error("last" if first else "first", "Give both days, or neither.")
        if first and last and first > last:
            self.add_error("first", "This is after the last day.")
        elif first and last and Days(first, last).count > MOST_DAYS:
            self.add_error("first", f"A span has at most {MOST_DAYS:,} days.")
        return values

    def asked(self, today: date) -> Days:
        """Return the days that were asked for, of a form that is valid."""
        first, last = self.cleaned_data["first"], self.cleaned_data["last"]
        return Days(first, last) if first and last else Days.until(today, self.cleaned_data["days"] or USUAL)


# What is kept sealed of somebody's own, as it is called.
SEALED = {"webhook_secret": "The key that signs", "slack_url": "The address of Slack's webhook"}


class NotificationForm(forms.Form):
    """Where and when somebody wants to be told; topics and channels stand beside it."""

    digest = forms.ChoiceField(choices=Digest.choices, label="How often")
    quiet_from = forms.TimeField(required=False, widget=forms.TimeInput({"type": "time"}), label="Quiet from")
    quiet_until = forms.TimeField(required=False, widget=forms.TimeInput({"type": "time"}), label="Quiet until")
    time_zone = forms.ChoiceField(choices=[(zone, zone) for zone in sorted(available_timezones())], label="Time zone")
    webhook_url = forms.URLField(required=False, max_length=500, label="Webhook", assume_scheme="https")
    webhook_secret = forms.CharField(
        required=False,
        max_length=200,
        label="Key that signs it",
        help_text="Kept sealed, never shown. Empty: as before.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    slack_url = forms.URLField(
        required=False,
        max_length=500,
        label="Address of Slack's webhook",
        assume_scheme="https",
        help_text="Kept sealed, never shown. Empty: as before.",
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
    )

    forget = forms.MultipleChoiceField(required=False, choices=list(SEALED.items()))

    @property
    def kept(self) -> list[tuple[str, str, bool]]:
        """Each secret that is kept, by its name and label, and whether it is asked to be forgotten."""
        known, ticked = self.initial.get("kept", ()), self["forget"].value() or ()
        return [(name, label, name in ticked) for name, label in SEALED.items() if name in known]

    def own(self) -> dict[str, Any]:
        """Return what was said; a secret that was left out stays as it is, unless it is to be forgotten."""
        said = dict(self.cleaned_data)
        forgotten = dict.fromkeys(said.pop("forget"), "")
        return forgotten | {name: value for name, value in said.items() if value or name not in SEALED}
