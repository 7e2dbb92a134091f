"""Door: make a new installation ready to sign in to: signing keys, schedules, the first people, the demo incident."""

import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import keys
from accounts.models import Role, User
from accounts.services import create_user, set_password
from connectors import schedules
from connectors.demo import incident
from events.models import Event
from rcaplatform.kit.keyfiles import create_once


class Command(BaseCommand):
    """Idempotent: what is there already stays as it is."""

    help = "Make signing keys and, unless DEMO is false, the demo people and the demo incident. Runs again safely."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the demo logins, one a line, or how to make the first account."""
        keys.private_key()
        schedules.keep_all()
        if not settings.DEMO:
            if not User.objects.exists():
                self.stdout.write("Nobody can sign in yet: make the first account with manage.py createsuperuser")
            return
        people = {role: _person(role) for role in Role.values}
        if not Event.objects.exists():
            incident.load(engineer=people[Role.ENGINEER][0], now=timezone.now())
        told = "(DEMO_PASSWORD)" if settings.DEMO_PASSWORD else demo_password()  # what was given needs no repeating
        for role, (_, known) in people.items():
            self.stdout.write(f"{role:<9} {told if known else '(has a password of their own)'}")


def demo_password() -> str:
    """Return the password of the demo people: the one given, or the one made at first start."""
    path = Path(settings.DATA_DIR) / "demo-password"
    return settings.DEMO_PASSWORD or create_once(path, lambda: secrets.token_urlsafe(9), variable="DEMO_PASSWORD")


def _person(role: str) -> tuple[User, bool]:
    """Return the demo person of a role, and whether the demo password is theirs.

    A password they chose stays theirs, unless the operator names another.
    """
    person = User.objects.filter(username=role).first()
    if person is None:
        return create_user(username=role, password=demo_password(), role=role, any_password=True), True
    known = person.check_password(demo_password())
    if settings.DEMO_PASSWORD and not known:
        set_password(user=person, password=settings.DEMO_PASSWORD, any_password=True)
    return person, known or bool(settings.DEMO_PASSWORD)
