"""Decisions: an export in Markdown. No database here.

Every claim cites the ids of the events it rests on. What people wrote stands in quotations, so that nothing in it can
change the document around it; what systems said is escaped.
"""

import re
from collections.abc import Iterable, Iterator

from investigations.exports import wording
from investigations.exports.report import Report, Row
from investigations.exports.wording import moment

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&])")
_ADDRESS = re.compile(r"https?://[^\s<>|]+")


def render(report: Report) -> str:
    """Return the report as one Markdown document."""
    sections = (
        _head,
        _findings,
        _suspects,
        _hypotheses,
        _timeline,
        _ruled_out,
        _notes,
        _other_remarks,
        _related,
        _sources,
    )
    lines = [line for section in sections for line in section(report)]
    return "\n".join(lines) + "\n"


def _head(report: Report) -> Iterator[str]:
    case = report.investigation
    yield f"# {_plain(case['title'])}"
    for omission in report.omissions:
        yield from ("", f"> **{omission}**")
    yield from ("", "| | |", "|---|---|")
    for label, value in wording.facts(case):
        if value:
            yield f"| {label} | {_plain(value)} |"
    yield f"| Investigation | `{case['id']}`, version {case['version']} |"
    yield f"| Exported | {moment(report.made_at)} |"
    if case["description"]:
        yield from ("", "## What happened", "", *_quoted(case["description"]))


def _findings(report: Report) -> Iterator[str]:
    case = report.investigation
    yield from ("", "## Root cause", "")
    yield from _quoted(case["root_cause"]) if case["root_cause"] else (wording.NO_ROOT_CAUSE,)
    if case["cause_category"]:
        yield from ("", f"Category: {_plain(case['cause_category'])}")
    cited = [f"{_plain(event['title'])} ({_cite(event)})" for event in report.causes]
    yield ""
    yield f"Evidence: {'; '.join(cited)}." if cited else f"Evidence: {wording.NO_CAUSE}"
    for name, label in wording.FINDINGS.items():
        if case[name]:
            yield from ("", f"## {label}", "", *_quoted(case[name]))


def _suspects(report: Report) -> Iterator[str]:
    if report.suspects is None:
        return
    yield from ("", "## Suspects")
    for sentence in wording.ranking(report):
        yield from ("", _plain(sentence))
    for kind, found in wording.suspects_of(report):
        yield from ("", f"### {kind}", "")
        for one in found:
            cited = f" `{one['event']}`" if one["event"] else ""
            yield f"{one['place']}. **{_plain(wording.suspect(one))}** {one['score']:.2f}{cited}"
            yield f"   {_plain(wording.judgement(one))}"
            for said in one["evidence"]:
                events = "".join(f" `{event}`" for event in said["events"])
                yield f"   - {_plain(str(said['text']))}{events}"
    yield from ("", wording.ranked_by(report))


def _hypotheses(report: Report) -> Iterator[str]:
    if report.hypotheses:
        yield from ("", "## Hypotheses")
    for one in report.hypotheses:
        verdict = one["verdict"].replace("_", " ").capitalize()
        yield from ("", f"### {verdict}: {_plain(one['statement'])}", "")
        yield f"{_plain(one['author_name'])}, {moment(one['created_at'])}"
        yield ""
        for piece in one["evidence"]:
            why = f": {_plain(piece['why'])}" if piece["why"] else ""
            yield f"- {piece['stance'].capitalize()}{why} ({_plain(piece['title'])} `{piece['event']}`)"
        if not one["evidence"]:
            yield wording.NO_EVIDENCE


def _timeline(report: Report) -> Iterator[str]:
    yield from ("", f"## Timeline: {len(report.events):,} events", "")
    if not report.events:
        yield "No event is linked."
    remarks = wording.remarks(report.comments, "event")
    for event in report.events:
        cause = "**Cause.** " if event["is_cause"] else ""
        told = f"{_plain(event['title'])} ({_plain(wording.kind(event))})"
        yield f"- {moment(event['timestamp'])} {cause}{told} {_cite(event)}"
        yield f"  - {_plain(f'{wording.standing(event)} {wording.reasons(event)}')}"
        for remark in remarks[event["id"]]:
            yield f"  - {_plain(remark['author_name'])}, {moment(remark['created_at'])}: {_plain(remark['body'])}"


def _ruled_out(report: Report) -> Iterator[str]:
    if report.ruled_out:
        yield from ("", "## Ruled out", "")
    for link in report.ruled_out:
        told = f"{moment(link['timestamp'])} {_plain(link['title'])} `{link['event']}`"
        yield f"- {told} {_plain(wording.rejection(link))}"


def _notes(report: Report) -> Iterator[str]:
    if not report.notes:
        return
    remarks = wording.remarks(report.comments, "note")
    yield from ("", "## Notes")
    for note in report.notes:
        yield from ("", f"### {_plain(note['author_name'])}, {moment(note['created_at'])}", "")
        yield from _quoted(note["body"])
        for remark in remarks[note["id"]]:
            yield from ("", f"{_plain(remark['author_name'])}, {moment(remark['created_at'])}:", "")
            yield from _quoted(remark["body"])


def _other_remarks(report: Report) -> Iterator[str]:
    """Tell of comments on what is not among the events and notes above, so that none is lost."""
    others = wording.other_remarks(report)
    if others:
        yield from ("", "## Other comments", "")
    for remark in others:
        about = remark["event"] or remark["note"]
        said = f"{_plain(remark['author_name'])}, {moment(remark['created_at'])}: {_plain(remark['body'])}"
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


def _cite(event: Row) -> str:
    return f"`{event['id']}`"


def _quoted(text: str) -> Iterable[str]:
    return (f"> {line}".rstrip() for line in text.splitlines())


def _plain(text: str) -> str:
    """Return text on one line in which nothing is Markdown or HTML."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
