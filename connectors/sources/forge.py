"""What GitHub and those that speak as it does have in common as sources: webhooks, lists, and one shape of both."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from connectors.base import Call, Push, Record, parsed
from connectors.errors import BadRecord
from connectors.http import OverHTTP
from connectors.reading import Part
from connectors.sources import github_polling
from connectors.sources.forge_config import ForgeConfig
from connectors.sources.github_notice import Notice, json_of
from connectors.windows import Windowed
from events.drafts import EventDraft

Settings = TypeVar("Settings", bound=ForgeConfig)
Decoder = Callable[[Notice], Iterable[EventDraft]]


class Forge(OverHTTP[Settings], Windowed[Settings], Push[Settings]):
    """A forge that calls us, is polled for what its webhooks missed, or both.

    Attributes:
        listing: how one of its repositories is asked.
        decoders: what makes events of a delivery, by its name.
    """

    polled_with, pushed_with = "token", "secret"
    # Lists know when a thing was made, not when it ended: what was made lately is read again until it did.
    span = overlap = timedelta(hours=6)
    floor = github_polling.SHORTEST
    listing: ClassVar[type[github_polling.Listing]]
    decoders: ClassVar[Mapping[str, Decoder]]

    def check(self) -> None:
        """Return when everything that is polled can be read of every repository."""
        for name in self.config.repositories:
            self.listing.check(self.http, name)

    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        """Return what happened in each repository from ``start`` to ``end``."""
        return github_polling.fetch(self.http, self.config.repositories, start, end, kind=self.listing)

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield the payload."""
        yield call.event, parsed(json_of(call.body))

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the events in the payload of one delivery."""
        if not isinstance(record.value, dict):
            raise BadRecord("The body is not a JSON object.")
        decoder = self.decoders.get(record.kind)
        if decoder is None:
            return ()
        about = {"service": self.config.service, "environment": self.config.environment}
        return decoder(Notice(record.kind, Part(record.value), **about))
