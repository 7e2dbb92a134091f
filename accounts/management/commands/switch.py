"""Door: switch features off and on from the command line, also when nobody can sign in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts import switching
from accounts.models import Feature, Switch


class Command(BaseCommand):
    """Without anything to do it lists what there is. Doing again what was done says so and is no error."""

    help = "Switch a feature off or on, on every node within two seconds; or list all."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the deeds."""
        deeds = parser.add_subparsers(dest="deed")
        off = deeds.add_parser("off", help="Switch a feature off.")
        off.add_argument("feature", choices=Feature.values)
        off.add_argument("--reason", default="", help="Why; people see it.")
        deeds.add_parser("on", help="Switch a feature on again.").add_argument("feature", choices=Feature.values)

    def handle(self, *args: Any, deed: str | None, feature: str = "", reason: str = "", **options: Any) -> None:
        """Do it."""
        if deed is None:
            self._list()
        elif deed == "off":
            done = switching.switch_off(feature=Feature(feature), actor=None, now=timezone.now(), reason=reason)
            self.stdout.write(f"{feature} is off{'' if done else ' already'}.")
        else:
            done = switching.switch_on(feature=Feature(feature), actor=None)
            self.stdout.write(f"{feature} is on{'' if done else ' already'}.")

    def _list(self) -> None:
        off = {switch.feature: switch for switch in Switch.objects.all()}
        for feature in Feature:
            switch = off.get(feature)
            state = f"off since {switch.at:%Y-%m-%d %H:%M} {switch.reason}".rstrip() if switch else "on"
            self.stdout.write(f"{feature.value:<14} {state:<6} {'' if switch else feature.label}".rstrip())
