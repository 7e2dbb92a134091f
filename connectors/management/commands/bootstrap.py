"""Door: make a new installation ready to sign in to: signing keys, the first people, the demo incident."""

import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts import keys
from accounts.models import Role, User
from accounts.services import create_user
from connectors.demo import incident
from events.models import Event
from rcaplatform.kit.keyfiles import create_once


class Command(BaseCommand):
    """Idempotent: what is there already stays as it is."""

    help = "Make signing keys and, unless --no-demo is given, the demo people and the demo incident. Runs again safely."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--no-demo", action="store_true", help="No demo people and no demo incident.")

    def handle(self, *args: Any, no_demo: bool, **options: Any) -> None:
        """Print the demo logins, one a line."""
        keys.private_key()
        if no_demo:
            return
        password = demo_password()
        people = {role: _person(role, password) for role in Role.values}
        if not Event.objects.exists():
            incident.load(engineer=people[Role.ENGINEER], now=timezone.now())
        for role in people:
            self.stdout.write(f"{role:<9} {password}")


def demo_password() -> str:
    """Return the password of the demo people: the one given, or the one made at first start."""
    path = Path(settings.DATA_DIR) / "demo-password"
    return os.environ.get("DEMO_PASSWORD") or create_once(
        path, lambda: secrets.token_urlsafe(9), variable="DEMO_PASSWORD"
    )


def _person(role: str, password: str) -> User:
    """Return the demo person of a role, able to sign in with ``password``."""
    person = User.objects.filter(username=role).first()
    if person is None:
        return create_user(username=role, password=password, role=role, any_password=True)
    if not person.check_password(password):
        person.set_password(password)
        person.save(update_fields=["password"])
    return person
