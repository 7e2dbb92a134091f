"""Door: the audit trail on the command line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import sealing, trail
from accounts.models import AuditEntry


class Command(BaseCommand):
    """`verify` exits 1 at the first entry that is not what was sealed."""

    help = "Verify, seal or export the audit trail."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        deeds = parser.add_subparsers(dest="deed", required=True)
        verify = deeds.add_parser("verify", help="Reckon the whole chain of seals anew.")
        verify.add_argument("--expect", default="", metavar="DIGEST", help="A head noted earlier, which must be there.")
        deeds.add_parser("head", help="Seal what is new and print the head, to be kept elsewhere.")
        deeds.add_parser("export", help="Write every entry as a line of JSON.")

    def handle(self, *args: Any, deed: str, expect: str = "", **options: Any) -> None:
        """Do the deed."""
        now = timezone.now()
        if deed == "export":
            for line in trail.exported(AuditEntry.objects.order_by("id")):
                self.stdout.write(line.decode(), ending="")
            return
        if deed == "head":
            sealing.seal(now=now)
        verdict = sealing.verify(now=now, expect=expect)
        if verdict.fault:
            raise CommandError(f"{verdict.fault} {verdict.links} links before it are right.")
        self.stdout.write(verdict.head if deed == "head" else f"{verdict.links} links are right; head {verdict.head}")
