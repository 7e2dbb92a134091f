"""Door: export and erase a person from the command line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import privacy
from accounts.models import User
from rcaplatform.kit.errors import DomainError


class Command(BaseCommand):
    """`export` writes one JSON object a line; `erase` asks for the username once more, unless told `--yes`."""

    help = "Export everything that is kept about a person, or erase them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        deeds = parser.add_subparsers(dest="deed", required=True)
        export = deeds.add_parser("export", help="Write everything that is kept about them.")
        erase = deeds.add_parser("erase", help="Empty their account to a pseudonym and delete what is theirs alone.")
        for deed in (export, erase):
            deed.add_argument("username")
        erase.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *args: Any, deed: str, username: str, yes: bool = False, **options: Any) -> None:
        """Do the deed."""
        person = User.objects.filter(username=username).first()
        if person is None:
            raise CommandError(f"There is nobody with the username {username}.")
        if deed == "export":
            for line in privacy.hand_over(person=person, actor=None, now=timezone.now()):
                self.stdout.write(line.decode(), ending="")
            return
        if not yes and _asked(f"This cannot be undone. Type {username} to erase them: ") != username:
            raise CommandError("Nobody was erased.")
        try:
            erased = privacy.erase(user=person)
        except DomainError as problem:
            raise CommandError(problem.message) from problem
        self.stdout.write(f"They are {erased.username} from now on.")


def _asked(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        raise CommandError("Nobody was erased: there is no terminal to ask at. Add --yes.") from None
