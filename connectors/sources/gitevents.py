"""Decision: what the facts of a repository mean as events. Values in, drafts out; no git, no database, no clock."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from connectors.errors import BadRecord
from connectors.sources.gitaddress import Address
from events.choices import Severity, Source
from events.drafts import EARLIEST, LATEST, LIMITS, EventDraft

MAX_MESSAGE = 10_000
MAX_NAME = 120
MAX_SERVICES = 10
SHORT = 12
_REVERTS = re.compile(r"This reverts commit ([0-9a-f]{7,64})")
_REVERT = re.compile(r"(?:Revert|Reapply|Revert:) \"")
_LAST = int(LATEST.timestamp()) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What is the same for every event of one repository.

    Attributes:
        name: what it is called.
        service: whose its events are, where ``roots`` say nothing else.
        roots: directories whose sub-directories are services.
    """

    address: Address
    name: str
    service: str
    roots: Sequence[str]
    environment: str

    def draft(self, facts: Mapping[str, Any]) -> EventDraft:
        """Return the event that ``facts`` tell of.

        Raises:
            BadRecord: there is no such kind of fact.
        """
        tell = {
            "commit": self._commit,
            "tag": self._tag,
            "deleted": self._deleted,
            "history_rewritten": self._rewritten,
        }.get(facts.get("kind", ""))
        if tell is None:
            raise BadRecord(f"kind: {facts.get('kind')!r} is nothing a repository tells of.")
        return tell(facts)

    def _commit(self, facts: Mapping[str, Any]) -> EventDraft:
        parents = facts["parents"].split()
        services, service, component = place(facts["directories"], self.roots)
        reverts = _REVERTS.search(facts["body"])
        is_revert = bool(reverts or _REVERT.match(facts["subject"]))
        data = {
            "repository": self.name,
            "sha": facts["sha"],
            "branch": facts["branch"],
            "parents": parents,
            "author": {"name": facts["author_name"], "email": facts["author_email"]},
            "committer": {"name": facts["committer_name"], "email": facts["committer_email"]},
            "authored_at": moment(facts["authored"]).isoformat(),
            "message": f"{facts['subject']}\n\n{facts['body'].strip()}".strip()[:MAX_MESSAGE],
            "files": facts["files"],
            "files_changed": facts["count"],
            "insertions": facts["insertions"],
            "deletions": facts["deletions"],
        }
        if reverts:
            data["reverts"] = reverts[1]
        if diff := facts.get("diff"):  # records that were kept before diffs were read have none
            data["diff"] = diff
        if facts["cut"]:
            data["files_unknown"] = "The history was cut off here (shallow clone)."
        return EventDraft(
            source=Source.GIT,
            source_id=facts["sha"],
            content_addressed=True,
            event_type="merge" if len(parents) > 1 else "commit",
            timestamp=moment(facts["committed"]),
            title=_title(facts["subject"], facts["sha"]),
            service=service[: LIMITS["service"]] or self.service,
            component=component[: LIMITS["component"]],
            environment=self.environment,
            tags=[*(name[:100] for name in services[:MAX_SERVICES]), *(["revert"] if is_revert else [])],
            url=self.address.commit_page(facts["sha"]),
            data=data,
        )

    def _tag(self, facts: Mapping[str, Any]) -> EventDraft:
        name, commit, before = label(facts["ref"]), facts["target"] or facts["sha"], facts["before"]
        data = {"tag": name, "sha": facts["sha"], "commit": commit, "annotated": facts["type"] == "tag"}
        if facts["tagger_name"]:
            data["tagger"] = {"name": facts["tagger_name"], "email": facts["tagger_email"].strip("<>")}
        if before:
            data["before"] = before
        moved = f" moved from {before[:SHORT]} to {facts['sha'][:SHORT]}" if before else ""
        subject = f": {facts['subject']}" if facts["type"] == "tag" and facts["subject"] and not moved else ""
        return self._about_reference(
            source_id=f"{_bounded(facts['ref'])}@{facts['sha']}",
            event_type="tag",
            severity=Severity.MEDIUM if moved else Severity.INFO,
            timestamp=moment(facts["created"] or facts["seen"]),
            title=f"Tag {name}{moved}{subject}",
            message=facts["body"][:MAX_MESSAGE] if facts["type"] == "tag" else "",
            url=self.address.commit_page(commit),
            data=data,
        )

    def _deleted(self, facts: Mapping[str, Any]) -> EventDraft:
        kind = "tag" if facts["ref"].startswith("refs/tags/") else "branch"
        name = label(facts["ref"])
        return self._about_reference(
            source_id=f"{_bounded(facts['ref'])}@{facts['before'][:SHORT]}..@{facts['seen']}",
            event_type=f"{kind}_deleted",
            severity=Severity.LOW,
            timestamp=moment(facts["seen"]),
            title=f"{kind.capitalize()} {name} deleted",
            url=self.address.commit_page(facts["before"]) if kind == "branch" else "",
            data={kind: name, "before": facts["before"]},
        )

    def _rewritten(self, facts: Mapping[str, Any]) -> EventDraft:
        name, before, after, base = label(facts["ref"]), facts["before"], facts["sha"], facts["merge_base"]
        what = f"rewritten since {base[:SHORT]}" if base else "replaced"
        return self._about_reference(
            source_id=f"{_bounded(facts['ref'])}@{before[:SHORT]}..{after[:SHORT]}@{facts['seen']}",
            event_type="history_rewritten",
            severity=Severity.MEDIUM,
            timestamp=moment(facts["seen"]),
            title=f"History of {name} {what}: {before[:SHORT]} became {after[:SHORT]}",
            url=self.address.commit_page(after),
            data={"branch": name, "before": before, "after": after, "merge_base": base or None},
        )

    def _about_reference(self, *, data: dict[str, Any], **rest: Any) -> EventDraft:
        return EventDraft(
            source=Source.GIT,
            service=self.service,
            environment=self.environment,
            data={"repository": self.name, **data},
            **rest,
        )


def place(directories: Mapping[str, int], roots: Sequence[str]) -> tuple[list[str], str, str]:
    """Return where a commit belongs, from the number of files it changed in each directory.

    Returns:
        The services it touches, most touched first; the one that has most of the files below ``roots``, or nothing
        where none has; and the component: the directory most touched in that service or, without one, of the top level.
    """
    services: Counter[str] = Counter()
    components: Counter[tuple[str, str]] = Counter()
    for directory, number in directories.items():
        service, component = _below(directory, roots)
        components[service, component] += number
        if service:
            services[service] += number
    ranked = [name for name, _ in services.most_common()]
    main = ranked[0] if ranked and 2 * services[ranked[0]] > services.total() else ""
    best = [component for (service, component), _ in components.most_common() if service == main and component]
    return ranked, main, best[0] if best else ""


def _below(directory: str, roots: Sequence[str]) -> tuple[str, str]:
    for root in roots:
        if directory.startswith(f"{root}/"):
            service, _, rest = directory[len(root) + 1 :].partition("/")
            return service, rest.partition("/")[0]
    return "", directory.partition("/")[0]


def moment(seconds: str) -> datetime:
    """Return a time of git's, the nearest that an event may have: clocks of committers are wrong by centuries."""
    try:
        number = int(seconds or 0)
    except ValueError:
        raise BadRecord(f"{seconds[:50]!r} is no time of git's.") from None
    return datetime.fromtimestamp(min(max(number, int(EARLIEST.timestamp())), _LAST), UTC)


def label(reference: str) -> str:
    """Return a branch's or tag's name without its folder, shortened where nobody could read it."""
    name = reference.split("/", 2)[-1]
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def _bounded(reference: str) -> str:
    if len(reference) <= MAX_NAME:
        return reference
    return f"{reference[:MAX_NAME]}~{sha256(reference.encode()).hexdigest()[:SHORT]}"


def _title(subject: str, sha: str) -> str:
    return subject if subject.strip() else f"Commit {sha[:SHORT]} without a message"
