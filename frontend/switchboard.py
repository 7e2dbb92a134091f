"""Question of every page: what is switched off that people would miss."""

from django.http import HttpRequest

from accounts.models import Feature
from accounts.switches import watch


def switched_off(request: HttpRequest) -> dict[str, list[str]]:
    """Return, for the templates, what each feature that is off is called; to people who are signed in."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"switched_off": []}
    off = watch.look()
    return {"switched_off": [feature.label for feature in Feature if feature in off]}
