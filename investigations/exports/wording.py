"""Decision: the sentences that every export for people has in common. No database here."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from investigations.choices import REMEDIATIONS, SuspectKind, SuspectState
from investigations.exports.report import Report, Row

FINDINGS = {
    "remediation": "Remediation",
    "lessons_learned": "Lessons learned",
    "business_impact": "Business impact",
}
NO_ROOT_CAUSE = "Not written down yet."
NO_EVIDENCE = "No evidence was put down."
NO_CAUSE = "no event was named a cause."


def facts(case: Row) -> Iterator[tuple[str, str]]:
    """Yield what is known of an investigation in a word or two; a value may be empty."""
    yield "Status", case["status"].replace("_", " ")
    yield "Impact", case["impact_severity"]
    yield "Priority", case["priority"].upper()
    for label, name in (("Onset", "started_at"), ("Detected", "detected_at"), ("Resolved", "resolved_at")):
        yield label, moment(case[name])
    yield "Service", ", ".join(filter(None, (case["service_affected"], case["component_affected"])))
    yield "Domain", case["impact_domain"]
    yield "Tags", ", ".join(case["tags"])
    yield "Opened by", case["created_by_name"]
    yield "Assigned to", case["assigned_to_name"] or ""


def kind(event: Row) -> str:
    """Say what sort of event it is, and where it happened."""
    where = ", ".join(filter(None, (event["service"], event["component"], event["environment"])))
    return " · ".join(filter(None, (event["severity"], event["source"], event["event_type"], where)))


def standing(event: Row) -> str:
    """Say how sure the link is, and who stands for it."""
    who = f" by {event['decided_by_name']}" if event["decided_by_name"] else ""
    return f"Linked at {event['score']:.2f}, {event['state']}{who}."


def rejection(link: Row) -> str:
    """Say who found that an event has nothing to do with it, and when."""
    return f"Rejected by {link['decided_by_name']}, {moment(link['decided_at'])}."


def reasons(event: Row) -> str:
    """Say why it is linked, strongest factor first."""
    spoke = sorted((factor for factor in event["factors"] if factor.get("score")), key=_weight, reverse=True)
    return " ".join(str(factor.get("reason", "")) for factor in spoke)


def _weight(factor: Row) -> float:
    return float(factor.get("score") or 0) * float(factor.get("weight") or 0)


def ranking(report: Report) -> Iterator[str]:
    """Say what the engine of suspects made of it, from what and when, a sentence at a time."""
    ranked = report.suspects or {}
    if ranked["problem"]:
        yield f"There is no ranking: {ranked['problem']}"
        return
    if not ranked["suspects"]:
        yield "Nothing stands out of the noise."
    elif ranked["no_change_cause"]:
        yield " ".join(("No change caused this, as far as is known.", *map(str, ranked["reasons"])))
    if ranked["first_failing_service"]:
        reaches = ", ".join(map(str, ranked["blast_radius"]))
        yield f"It starts at {ranked['first_failing_service']}{f' and reaches {reaches}' if reaches else ''}."
    if ranked["remediation"]:
        yield f"First: {REMEDIATIONS.get(ranked['remediation'], ranked['remediation'])}."


def ranked_by(report: Report) -> str:
    """Say by what suspects are ranked, so that nobody takes one for a cause."""
    ranked = report.suspects or {}
    return (
        f"Ranked by rules from {ranked['events']:,} events, {moment(ranked['computed_at'])}, engine version "
        f"{ranked['engine_version']}. A suspect is no cause until somebody says so."
    )


def suspects_of(report: Report) -> Iterator[tuple[str, list[Row]]]:
    """Yield each kind of suspect, with its suspects, the first before the others."""
    every = report.suspects["suspects"] if report.suspects else []
    for kind in SuspectKind:
        if found := [one for one in every if one["kind"] == kind]:
            yield f"{kind.label}s", found


def suspect(one: Row) -> str:
    """Return what a suspect is called: a change by the title of its event."""
    return f"{one['title']} ({one['name']})" if one["title"] else str(one["name"])


def judgement(one: Row) -> str:
    """Say what people made of a suspect."""
    if one["state"] == SuspectState.OPEN:
        return "Nobody has judged it yet."
    by = f" by {one['decided_by_name']}, {moment(one['decided_at'])}" if one["decided_by_name"] else ""
    return f"{SuspectState(one['state']).label}{by}."


def moment(at: datetime | None) -> str:
    """Return a time to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""


def remarks(comments: Sequence[Row], about: str) -> defaultdict[Any, list[Row]]:
    """Return comments by the id of the event, or of the note, that they are ``about``."""
    found: defaultdict[Any, list[Row]] = defaultdict(list)
    for comment in comments:
        found[comment[about]].append(comment)
    return found


def other_remarks(report: Report) -> list[Row]:
    """Return comments on what is not among the report's events and notes, so that none is lost."""
    told = {row["id"] for row in (*report.events, *report.notes)}
    return [remark for remark in report.comments if (remark["event"] or remark["note"]) not in told]
