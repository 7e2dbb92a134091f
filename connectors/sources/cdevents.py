"""Decisions about CDEvents, the vocabulary of CI/CD over CloudEvents. No database here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from connectors.reading import Part, bounded_id, fit
from connectors.sources.alert_words import severity_in
from connectors.sources.ci_runs import Run, last_part, outcome_of
from events.choices import Severity, Source
from events.drafts import MAX_MESSAGE, EventDraft

# dev.cdevents.pipelinerun.finished.0.3.0; a tool's own are dev.cdeventsx.tool-subject.predicate.0.1.0.
_TYPE = re.compile(r"dev\.cdeventsx?\.(?P<subject>[a-z0-9_-]+)\.(?P<predicate>[a-z0-9_-]+)(\.v?\d.*)?", re.IGNORECASE)

# What runs, and what that is in the product's words.
_RUNS = {
    "pipelinerun": "build",
    "build": "build",
    "taskrun": "check",
    **dict.fromkeys(("testcaserun", "testsuiterun", "testcase", "testsuite"), "check"),
}
_WORDS: dict[tuple[str, str], tuple[str, Severity]] = {
    ("service", "deployed"): ("deployment", Severity.INFO),
    ("service", "upgraded"): ("deployment", Severity.INFO),
    ("service", "rolledback"): ("deployment_rollback", Severity.MEDIUM),
    ("service", "removed"): ("service_removed", Severity.LOW),
    ("environment", "deleted"): ("environment_deleted", Severity.LOW),
    ("change", "created"): ("pull_request_opened", Severity.INFO),
    ("change", "merged"): ("pull_request_merged", Severity.INFO),
    ("change", "abandoned"): ("pull_request_closed", Severity.INFO),
    ("incident", "detected"): ("incident_detected", Severity.HIGH),
    ("incident", "reported"): ("incident_reported", Severity.HIGH),
    ("ticket", "created"): ("issue_opened", Severity.INFO),
    ("ticket", "closed"): ("issue_closed", Severity.INFO),
}
_SOURCES = {
    **dict.fromkeys(("change", "branch", "repository"), Source.GIT),
    "incident": Source.ALERTS,
    "ticket": Source.MANUAL,
}
# What waits, was left out or was merely read is not worth an event; nor is each start of a task or test.
_QUIET_PREDICATES = frozenset({"queued", "skipped", "downloaded", "reviewed", "updated"})
_QUIET = {("testoutput", "published"), ("artifact", "signed")} | {
    (subject, "started") for subject, what in _RUNS.items() if what == "check"
}
_PEOPLE = ("user", "updatedBy", "creator", "responder", "requestor")


@dataclass(frozen=True, slots=True)
class Told:
    """One CDEvent, read: its type taken apart, and who said when under which id."""

    subject: str
    predicate: str
    id: str
    source: str
    at: datetime
    context: Part
    about: Part

    @property
    def content(self) -> Part:
        """What is said of the subject."""
        return self.about["content"]


def is_cdevent(kind: str) -> bool:
    """Tell whether a type is one of this vocabulary."""
    return _TYPE.fullmatch(kind) is not None


def decode(body: Part, envelope: Part, *, service: str, environment: str) -> Iterable[EventDraft]:
    """Return the event in a CDEvent.

    Args:
        envelope: the CloudEvent it came in, for what it does not say itself; empty where it came bare.

    Raises:
        BadRecord: it has no id or time.
    """
    context = body["context"]
    named = _TYPE.fullmatch(context.text("type")) or _TYPE.fullmatch(envelope.text("type"))
    if named is None:
        return ()
    subject, predicate = named["subject"].lower(), named["predicate"].lower()
    if predicate in _QUIET_PREDICATES or (subject, predicate) in _QUIET:
        return ()
    told = Told(
        subject=subject,
        predicate=predicate,
        id=envelope.id("id") if envelope["id"].value and not context["id"].value else context.id("id"),
        source=context.text("source") or envelope.text("source"),
        at=context.time_or_none("timestamp") or envelope.time_or_none("time") or context.time("timestamp"),
        context=context,
        about=body["subject"],
    )
    place = {"service": _service(told) or service, "environment": _environment(told) or environment}
    raw = body.value if context.value else envelope.value
    return (_run(told, place, raw) or _happening(told, place, raw),)


def _run(told: Told, place: dict[str, str], raw: Any) -> EventDraft | None:
    """Return a run that finished and says how."""
    what, content = _RUNS.get(told.subject), told.content
    outcome = outcome_of(content.text("outcome"))
    if what is None or told.predicate != "finished" or outcome is None:
        return None
    draft = Run(
        what=what,
        key=_key(told),
        name=_name(told),
        outcome=outcome,
        at=told.at,
        service=place["service"],
        environment=place["environment"],
        trigger=content["trigger"].text("type"),
        detail=content.text("errors") or content.text("reason"),
        url=_url(content),
        more=_data(told),
        raw=raw,
    ).draft()
    if outcome.ending == "failure" and (severity := severity_in(content.text("severity"))):
        draft.severity = severity
    return draft


def _happening(told: Told, place: dict[str, str], raw: Any) -> EventDraft:
    """Return anything else: that something was made, changed, deployed, detected or resolved."""
    content, words = told.content, (told.subject, told.predicate)
    default = f"{_RUNS.get(told.subject, told.subject)}_{told.predicate}"
    event_type, severity = _WORDS.get(words, (default, Severity.INFO))
    text = content.text("description") or content.text("summary") or content.text("errors")
    first = text.partition("\n")[0]
    past = "rolled back" if told.predicate == "rolledback" else told.predicate
    where = f" in {place['environment']}" if place["environment"] and told.subject != "environment" else ""
    return EventDraft(
        source=_SOURCES.get(told.subject, Source.CI),
        source_id=_key(told),
        timestamp=told.at,
        event_type=fit("event_type", event_type),
        title=f"{_RUNS.get(told.subject, told.subject).capitalize()} {_name(told)} {past}{where}"
        + (f": {first}" if first else ""),
        severity=severity,
        data=_data(told),
        raw_data=raw,
        service=fit("service", place["service"]),
        environment=fit("environment", place["environment"]),
        url=_url(content),
        message="\n".join(filter(None, (text, content.text("artifactId"))))[:MAX_MESSAGE],
    )


def _key(told: Told) -> str:
    return bounded_id(f"{told.source}#{told.id}#{told.subject}.{told.predicate}")


def _name(told: Told) -> str:
    """Return what the subject is called: its id, where it has no name."""
    content = told.content
    names = (content.text(name) for name in ("pipelineName", "taskName", "name"))
    tests = (content[name].text("name") for name in ("testCase", "testSuite"))
    return next(filter(None, (*names, *tests)), "") or _artifact(told.about.text("id")) or told.about.text("id")


def _service(told: Told) -> str:
    """Return the service the event names: itself, by reference, or by the artifact or repository it is made of."""
    content = told.content
    if told.subject == "service":
        return _artifact(told.about.text("id")) or last_part(told.about.text("id"))
    if named := content["service"].text("id"):
        return last_part(named)
    artifact = content.text("artifactId") or (told.about.text("id") if told.subject == "artifact" else "")
    if artifact:
        return _artifact(artifact)
    repository = content["repository"].text("id") or (content.text("name") if told.subject == "repository" else "")
    return last_part(repository)


def _environment(told: Told) -> str:
    content = told.content
    if told.subject == "environment":
        return content.text("name") or told.about.text("id")
    return content["environment"].text("name") or content["environment"].text("id")


def _artifact(purl: str) -> str:
    """Return the name in a package URL: ``pkg:oci/shop@sha256:...`` is ``shop``."""
    return unquote(last_part(re.split(r"[@?#]", purl, maxsplit=1)[0])) if purl.startswith("pkg:") else ""


def _url(content: Part) -> str:
    return content.link("viewUrl", "uri", "url", "ticketURI", "approvalDetailsUrl", "resourceTargetUrl")


def _data(told: Told) -> dict[str, Any]:
    content = told.content
    data = {
        "subject": told.about.text("id"),
        "source": told.source,
        "chain": told.context.text("chainId"),
        "artifact": content.text("artifactId"),
        "commit": content["change"].text("id"),
        "repository": content["repository"].text("id"),
        "pipeline_run": content["pipelineRun"].text("id"),
        "author": next(filter(None, (content.text(name) for name in _PEOPLE)), ""),
        "decision": content.text("decision"),
    }
    return {name: value for name, value in data.items() if value}
