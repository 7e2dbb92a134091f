"""Decision: what every payload of GitLab shares, from a webhook or from a list. No database here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.errors import BadRecord
from connectors.moments import moment
from connectors.reading import Part, bounded_id, fit
from connectors.sources.ci_config import CIConfig
from events.choices import Severity, Source
from events.drafts import EventDraft

_BOILERPLATE = frozenset({"project", "repository", "user", "commits"})


@dataclass(frozen=True, slots=True)
class Notice:
    """A payload, read."""

    body: Part
    config: CIConfig

    @property
    def about(self) -> Part:
        """What it is about: under a name of its own, or the payload itself."""
        attributes = self.body["object_attributes"]
        return attributes if attributes.value else self.body

    @property
    def project(self) -> str:
        """What identifies the project, whoever tells of it.

        Raises:
            BadRecord: it does not say.
        """
        number = self.body["project"].number("id") or self.body.number("project_id") or self.about.number("project_id")
        return str(number) if number is not None else self.body["project"].id("path_with_namespace")

    @property
    def path(self) -> str:
        """The project as people call it."""
        return self.body["project"].text("path_with_namespace") or self.body.text("project_name")

    @property
    def service(self) -> str:
        """The service that code in the project is."""
        return fit("service", self.config.service or self.path.rpartition("/")[2])

    @property
    def author(self) -> str:
        """Who caused it."""
        user = self.body["user"]
        return (
            user.text("username") or user.text("name") or self.body.text("user_username") or self.body.text("user_name")
        )

    def time(self, *names: str) -> datetime:
        """Return the first time among ``names`` of what it is about.

        Raises:
            BadRecord: none is there.
        """
        found = self.time_or_none(*names)
        if found is None:
            raise BadRecord(f"{' or '.join(names)} is not a time.", fields={" or ".join(names): "Not a time."})
        return found

    def time_or_none(self, *names: str) -> datetime | None:
        """Return the first time among ``names``, or nothing."""
        return next((at for name in names if (at := moment(self.about[name].value))), None)

    def draft(
        self,
        *,
        key: str,
        at: datetime,
        event_type: str,
        title: str,
        data: dict[str, Any],
        url: str = "",
        severity: Severity = Severity.INFO,
        source: Source = Source.GIT,
        message: str = "",
    ) -> EventDraft:
        """Return an event of this payload; ``key`` identifies it within the project."""
        return EventDraft(
            source=source,
            source_id=bounded_id(f"{self.project}/{key}"),
            timestamp=at,
            event_type=event_type,
            title=title,
            severity=severity,
            data={"repository": self.path, "author": self.author, **data},
            raw_data={name: value for name, value in self.body.value.items() if name not in _BOILERPLATE},
            service=self.service,
            environment=fit("environment", self.config.environment),
            url=url,
            message=message,
        )
