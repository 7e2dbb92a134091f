"""Door: forms for a connector, made of the settings its kind declares. Secrets go in and never come out."""

from typing import Any

from django import forms

from connectors import services
from connectors.base import Setting
from connectors.models import Connector
from connectors.registry import SOURCES
from rcaplatform.kit.errors import DomainError

_KEPT = "Empty: it stays as it is."


class Lines(forms.CharField):
    """A list of texts, one a line."""

    widget = forms.Textarea(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        """Show a line for each."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Read a line for each."""
        return [line.strip() for line in str(super().to_python(value)).splitlines() if line.strip()]


class Pairs(forms.CharField):
    """Names and texts, one ``name = text`` a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        """Show a line for each."""
        return "\n".join(f"{name} = {text}" for name, text in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        """Read a line for each.

        Raises:
            ValidationError: a line has no equals sign.
        """
        pairs = {}
        for line in filter(str.strip, str(super().to_python(value)).splitlines()):
            name, equals, text = line.partition("=")
            if not equals or not name.strip():
                raise forms.ValidationError(f"Give a line as name = text, not {line.strip()[:50]!r}.")
            pairs[name.strip()] = text.strip()
        return pairs


class ConnectorForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an administrator sets: its name when it is made, how often it is polled, and the settings of its kind."""

    kind = ""
    settings: tuple[Setting, ...] = ()

    class Meta:
        model = Connector
        fields: tuple[str, ...] = ("interval",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {**self.initial, **self.instance.config}

    def values(self) -> dict[str, Any]:
        """Return the settings as filled in, without those that are as they would be unasked and empty secrets."""
        values = {}
        for setting in self.settings:
            value = self.cleaned_data.get(setting.name)
            unasked = "" if setting.secret else setting.default
            if value is not None and (value != unasked or setting.name in self.instance.config):
                values[setting.name] = value
        return values

    def clean(self) -> None:
        """Refuse settings the connector cannot work with, each at its field."""
        super().clean()
        try:
            services.checked(kind=self.kind, connector=self.instance, values=self.values())
        except DomainError as problem:
            for name, message in problem.fields.items():
                self.add_error(name if name in self.fields else None, message)
            if not problem.fields:
                raise forms.ValidationError(problem.message) from problem


def form_for(kind: str, *, new: bool) -> type[ConnectorForm]:
    """Return the form of a connector of this kind; one whose kind is gone has an interval alone."""
    settings = tuple(SOURCES[kind].Config.settings()) if kind in SOURCES else ()
    meta = type("Meta", (ConnectorForm.Meta,), {"fields": ("name", "interval") if new else ("interval",)})
    fields = {setting.name: _field(setting, new=new) for setting in settings}
    return type("ConnectorForm", (ConnectorForm,), {"Meta": meta, "kind": kind, "settings": settings, **fields})


def _field(setting: Setting, *, new: bool) -> forms.Field:
    given: dict[str, Any] = {
        "required": setting.required and (new or not setting.secret),
        "help_text": setting.help,
        "initial": None if setting.required or setting.secret else setting.default,
    }
    if setting.secret:
        given["help_text"] += "" if new else f" {_KEPT}"
        return forms.CharField(strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"}), **given)
    if setting.choices:
        return forms.ChoiceField(choices=[(choice, choice or "—") for choice in setting.choices], **given)
    if setting.type is bool:
        return forms.BooleanField(**given | {"required": False})
    if setting.type is int:
        return forms.IntegerField(min_value=setting.at_least, **given)
    kinds: dict[type, type[forms.CharField]] = {list: Lines, dict: Pairs, str: forms.CharField}
    return kinds[setting.type](**given)
