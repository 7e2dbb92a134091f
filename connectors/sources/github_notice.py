"""Decision: what every event of one GitHub delivery shares. No database here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from connectors.reading import Part, bounded_id
from events.choices import Severity, Source
from events.drafts import LIMITS, MAX_TAG, MAX_TAGS, EventDraft

MESSAGE = 10_000
_FORM_FIELD = b"payload="
# Who and where: the same in every delivery, and long. The delivery itself keeps them.
_BOILERPLATE = frozenset({"repository", "sender", "organization", "installation", "enterprise"})


def json_of(body: bytes) -> bytes:
    """Return the JSON of a delivery, sent as it is or in a form, whichever the webhook's owner chose."""
    if not body.startswith(_FORM_FIELD):
        return body
    return unquote_to_bytes(body.removeprefix(_FORM_FIELD).replace(b"+", b" "))


@dataclass(frozen=True, slots=True)
class Notice:
    """A delivery, read.

    Attributes:
        event: what GitHub calls it (``X-GitHub-Event``).
        body: its JSON.
        service: the service it is about, when the connector says so; else it is named after the repository.
        environment: where, for an event that does not say.
    """

    event: str
    body: Part
    service: str
    environment: str

    @property
    def action(self) -> str:
        """What happened to the thing the delivery is about."""
        return self.body.text("action")

    @property
    def repository(self) -> str:
        """``owner/name``.

        Raises:
            BadRecord: the delivery does not say.
        """
        return self.body["repository"].id("full_name")

    @property
    def sender(self) -> str:
        """Who caused it."""
        return self.body["sender"].text("login")

    def draft(
        self,
        *,
        source: Source,
        key: str,
        at: datetime,
        event_type: str,
        title: str,
        data: dict[str, Any],
        severity: Severity = Severity.INFO,
        url: str = "",
        service: str = "",
        environment: str = "",
        labels: list[str] | None = None,
        message: str = "",
    ) -> EventDraft:
        """Return an event of this delivery; ``key`` identifies it within the repository."""
        repository = self.repository
        return EventDraft(
            source=source,
            source_id=bounded_id(f"{repository}/{key}"),
            timestamp=at,
            event_type=event_type,
            title=title,
            severity=severity,
            data={"repository": repository, **data},
            raw_data={name: value for name, value in self.body.value.items() if name not in _BOILERPLATE},
            tags=[label[:MAX_TAG] for label in (labels or [])[:MAX_TAGS]],
            service=service or self.service_of(repository),
            environment=(environment or self.environment)[: LIMITS["environment"]],
            url=url,
            message=message,
        )

    def service_of(self, repository: str) -> str:
        """Return the service that code in ``repository`` is."""
        return (self.service or repository.rpartition("/")[2])[: LIMITS["service"]]
