"""Door: give somebody another password from the command line; of Django's own command no trail tells."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.services import set_password
from rcaplatform.kit.errors import Invalid

TRIES = 3


class Command(BaseCommand):
    """Asks for it twice, three times at most."""

    help = "Give somebody another password; their tokens and sessions end."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("username", nargs="?", help="Whose; your own name on this machine unless told.")

    def handle(self, *args: Any, username: str | None, **options: Any) -> None:
        """Ask and do it."""
        name = username or getpass.getuser()
        person = User.objects.filter(username=name).first()
        if person is None:
            raise CommandError(f"There is nobody with the username {name}.")
        for _ in range(TRIES):
            first, again = _asked(f"New password of {name}: "), _asked("Once more: ")
            if first != again:
                self.stderr.write("They are not the same.")
                continue
            try:
                set_password(user=person, password=first)
            except Invalid as problem:
                self.stderr.write(problem.fields["password"])
                continue
            self.stdout.write("The password is changed; their tokens and sessions have ended.")
            return
        raise CommandError("The password is as before.")


def _asked(question: str) -> str:
    try:
        return getpass.getpass(question)
    except EOFError:
        raise CommandError("The password is as before: there is no terminal to ask at.") from None
