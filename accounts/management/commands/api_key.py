"""Door: make and revoke API keys from the command line."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import credentials
from accounts.models import ApiKey, Scope, User
from rcaplatform.kit.errors import DomainError

MOST_DAYS = 36_500


class Command(BaseCommand):
    """`create` prints the secret, which nobody can show again; `revoke` takes how a key begins."""

    help = "Make an API key for a program, or revoke one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        deeds = parser.add_subparsers(dest="deed", required=True)
        create = deeds.add_parser("create", help="Make a key and print it.")
        create.add_argument("name", help="What it is for.")
        create.add_argument("--user", required=True, help="The username of whom it acts for.")
        create.add_argument("--scope", choices=Scope.values, default=Scope.INGEST.value)
        create.add_argument("--days", type=int, metavar="N", help="How long it is good; for ever unless told.")
        create.add_argument(
            "--rate",
            type=int,
            metavar="N",
            help="Requests a minute, 0 for no limit; that of its scope or role unless told.",
        )
        revoke = deeds.add_parser("revoke", help="Make a key worthless.")
        revoke.add_argument("prefix", help="How it begins, as lists show it.")

    def handle(self, *args: Any, deed: str, **options: Any) -> None:
        """Do the deed."""
        try:
            self.stdout.write(self.create(**options) if deed == "create" else self.revoke(**options))
        except DomainError as problem:
            raise CommandError(problem.message) from problem

    def create(self, name: str, user: str, scope: str, days: int | None, rate: int | None, **_: Any) -> str:
        """Make a key and return it."""
        person = User.objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is nobody with the username {user}.")
        if days is not None and not 0 < days <= MOST_DAYS:
            raise CommandError(f"--days: give 1 to {MOST_DAYS}, or leave it out: for ever.")
        now = timezone.now()
        ends = None if days is None else now + timedelta(days=days)
        made: dict[str, Any] = {"name": name, "user": person, "scope": scope, "expires_at": ends, "rate_limit": rate}
        return credentials.create_key(**made, actor=None, now=now)[1]

    def revoke(self, prefix: str, **_: Any) -> str:
        """Revoke the key that begins so."""
        key = ApiKey.objects.filter(prefix=prefix).first()
        if key is None:
            raise CommandError(f"No key begins with {prefix}.")
        credentials.revoke_key(key=key, actor=None, now=timezone.now())
        return f"{key} opens nothing any more."
