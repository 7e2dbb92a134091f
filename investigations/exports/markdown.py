"""Decisions: an export in Markdown. No database here.

Every claim cites the ids of the events it rests on. What people wrote stands in quotations, so that nothing in it can
change the document around it; what systems said is escaped.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from investigations.exports.report import Report, Row

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&])")
_ADDRESS = re.compile(r"https?://[^\s<>|]+")
_FINDINGS = {
    "remediation": "Remediation",
    "lessons_learned": "Lessons learned",
    "business_impact": "Business impact",
}


def render(report: Report) -> str:
    """Return the report as one Markdown document."""
    sections = (_head, _findings, _timeline, _notes, _other_remarks, _related, _sources)
    lines = [line for section in sections for line in section(report)]
    return "\n".join(lines) + "\n"


def _head(report: Report) -> Iterator[str]:
    case = report.investigation
    yield f"# {_plain(case['title'])}"
    for omission in report.omissions:
        yield from ("", f"> **{omission}**")
    yield from ("", "| | |", "|---|---|")
    for label, value in _facts(case):
        if value:
            yield f"| {label} | {_plain(value)} |"
    yield f"| Investigation | `{case['id']}`, version {case['version']} |"
    yield f"| Exported | {_moment(report.made_at)} |"
    if case["description"]:
        yield from ("", "## What happened", "", *_quoted(case["description"]))


def _facts(case: Row) -> Iterator[tuple[str, str]]:
    yield "Status", case["status"].replace("_", " ")
    yield "Impact", case["impact_severity"]
    yield "Priority", case["priority"].upper()
    for label, name in (("Onset", "started_at"), ("Detected", "detected_at"), ("Resolved", "resolved_at")):
        yield label, _moment(case[name])
    yield "Service", ", ".join(filter(None, (case["service_affected"], case["component_affected"])))
    yield "Domain", case["impact_domain"]
    yield "Tags", ", ".join(case["tags"])
    yield "Opened by", case["created_by_name"]
    yield "Assigned to", case["assigned_to_name"] or ""


def _findings(report: Report) -> Iterator[str]:
    case = report.investigation
    yield from ("", "## Root cause", "")
    yield from _quoted(case["root_cause"]) if case["root_cause"] else ("Not written down yet.",)
    if case["cause_category"]:
        yield from ("", f"Category: {_plain(case['cause_category'])}")
    cited = [f"{_plain(event['title'])} ({_cite(event)})" for event in report.causes]
    yield ""
    yield f"Evidence: {'; '.join(cited)}." if cited else "Evidence: no event was named a cause."
    for name, label in _FINDINGS.items():
        if case[name]:
            yield from ("", f"## {label}", "", *_quoted(case[name]))


def _timeline(report: Report) -> Iterator[str]:
    yield from ("", f"## Timeline: {len(report.events):,} events", "")
    if not report.events:
        yield "No event is linked."
    remarks = _remarks(report.comments, "event")
    for event in report.events:
        where = ", ".join(filter(None, (event["service"], event["component"], event["environment"])))
        kind = " · ".join(filter(None, (event["severity"], event["source"], event["event_type"], where)))
        cause = "**Cause.** " if event["is_cause"] else ""
        yield f"- {_moment(event['timestamp'])} {cause}{_plain(event['title'])} ({_plain(kind)}) {_cite(event)}"
        yield f"  - {_plain(_why(event))}"
        for remark in remarks[event["id"]]:
            yield f"  - {_plain(remark['author_name'])}, {_moment(remark['created_at'])}: {_plain(remark['body'])}"


def _why(event: Row) -> str:
    """Say how sure the link is, who stands for it, and why."""
    who = f" by {event['decided_by_name']}" if event["decided_by_name"] else ""
    reasons = " ".join(str(factor.get("reason", "")) for factor in event["factors"] if factor.get("score"))
    return f"Linked at {event['score']:.2f}, {event['state']}{who}. {reasons}".strip()


def _notes(report: Report) -> Iterator[str]:
    if not report.notes:
        return
    remarks = _remarks(report.comments, "note")
    yield from ("", "## Notes")
    for note in report.notes:
        yield from ("", f"### {_plain(note['author_name'])}, {_moment(note['created_at'])}", "")
        yield from _quoted(note["body"])
        for remark in remarks[note["id"]]:
            yield from ("", f"{_plain(remark['author_name'])}, {_moment(remark['created_at'])}:", "")
            yield from _quoted(remark["body"])


def _other_remarks(report: Report) -> Iterator[str]:
    """Tell of comments on what is not among the events and notes above, so that none is lost."""
    told = {row["id"] for row in (*report.events, *report.notes)}
    others = [remark for remark in report.comments if (remark["event"] or remark["note"]) not in told]
    if others:
        yield from ("", "## Other comments", "")
    for remark in others:
        about = remark["event"] or remark["note"]
        said = f"{_plain(remark['author_name'])}, {_moment(remark['created_at'])}: {_plain(remark['body'])}"
        yield f"- {said} (on `{about}`)"


def _related(report: Report) -> Iterator[str]:
    if report.related:
        yield from ("", "## Related investigations", "")
    for other in report.related:
        yield f"- {_plain(other['title'])} ({other['status'].replace('_', ' ')}) `{other['id']}`"


def _sources(report: Report) -> Iterator[str]:
    if report.events:
        yield from ("", "## Events cited", "", "| event | told by | its id there | address |", "|---|---|---|---|")
    for event in report.events:
        address = f"<{event['url']}>" if _ADDRESS.fullmatch(event["url"]) else ""
        yield f"| {_cite(event)} | {_plain(event['origin_name'])} | {_plain(event['source_id'])} | {address} |"


def _remarks(comments: Sequence[Row], about: str) -> defaultdict[Any, list[Row]]:
    found: defaultdict[Any, list[Row]] = defaultdict(list)
    for comment in comments:
        found[comment[about]].append(comment)
    return found


def _cite(event: Row) -> str:
    return f"`{event['id']}`"


def _quoted(text: str) -> Iterable[str]:
    return (f"> {line}".rstrip() for line in text.splitlines())


def _plain(text: str) -> str:
    """Return text on one line in which nothing is Markdown or HTML."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
