"""Decision: the report as the values that its PDF is set from; the template places them and decides nothing.

Every value is text, a number, or a tree of `prose`: whoever sets the page never reads what somebody wrote as markup.
"""

from collections.abc import Iterable
from typing import Any

from investigations.exports import wording
from investigations.exports.chart import COLOURS, Mark, draw
from investigations.exports.prose import WEB, blocks, clean
from investigations.exports.report import Report, Row
from rcaplatform.kit.spans import duration, offset

_MARKS = {"Onset": "started_at", "Detected": "detected_at", "Resolved": "resolved_at"}


def lay_out(report: Report) -> dict[str, Any]:
    """Return what the template of the PDF places."""
    case = report.investigation
    about_events = wording.remarks(report.comments, "event")
    about_notes = wording.remarks(report.comments, "note")
    return {
        "title": clean(case["title"]),
        "id": str(case["id"]),
        "version": case["version"],
        "exported": wording.moment(report.made_at),
        "impact": case["impact_severity"],
        "colours": {str(severity): colour for severity, colour in COLOURS.items()},
        "facts": [[label, clean(value)] for label, value in wording.facts(case) if value],
        "figures": _figures(report),
        "omissions": report.omissions,
        "description": blocks(case["description"]),
        "root_cause": blocks(case["root_cause"]) or blocks(wording.NO_ROOT_CAUSE),
        "category": clean(case["cause_category"]),
        "causes": [_event(event, case, ()) for event in report.causes],
        "no_cause": f"Evidence: {wording.NO_CAUSE}",
        "findings": [[label, blocks(case[name])] for name, label in wording.FINDINGS.items() if case[name]],
        "chart": _chart(report),
        "events": [_event(event, case, about_events[event["id"]]) for event in report.events],
        "ranking": [clean(sentence) for sentence in wording.ranking(report)] if report.suspects else [],
        "ranked_by": wording.ranked_by(report) if report.suspects else "",
        "suspects": [[kind, [_suspect(one) for one in found]] for kind, found in wording.suspects_of(report)],
        "hypotheses": [_hypothesis(one) for one in report.hypotheses],
        "ruled_out": [
            [
                clean(f"{wording.moment(link['timestamp'])} {link['title']}"),
                clean(wording.rejection(link)),
                str(link["event"]),
            ]
            for link in report.ruled_out
        ],
        "notes": [_written(note, about_notes[note["id"]]) for note in report.notes],
        "other_remarks": [
            {**_written(remark, ()), "about": str(remark["event"] or remark["note"])}
            for remark in wording.other_remarks(report)
        ],
        "related": [[clean(one["title"]), one["status"].replace("_", " "), str(one["id"])] for one in report.related],
    }


def _figures(report: Report) -> list[list[str]]:
    """Return the few numbers that a reader looks for first."""
    case = report.investigation
    onset, detected, resolved = (case[name] for name in _MARKS.values())
    spans = (("to detect", onset, detected), ("to resolve", onset or detected, resolved))
    told = [[duration(end - start), label] for label, start, end in spans if start and end]
    return [*told, [f"{len(report.events):,}", "events"], [f"{len(report.causes):,}", "named causes"]]


def _chart(report: Report) -> str:
    case = report.investigation
    marks = [Mark(label, case[name]) for label, name in _MARKS.items() if case[name]]
    return draw([(event["timestamp"], event["severity"]) for event in report.events], marks)


def _event(event: Row, case: Row, comments: Iterable[Row]) -> dict[str, Any]:
    at = event["timestamp"]
    return {
        "day": f"{at:%A, %d %B %Y}",
        "time": f"{at:%H:%M:%S}",
        "offset": offset(at - case["detected_at"]),
        "severity": event["severity"],
        "title": clean(event["title"]),
        "url": event["url"] if WEB.fullmatch(event["url"]) else "",
        "kind": clean(wording.kind(event)),
        "cause": event["is_cause"],
        "standing": clean(wording.standing(event)),
        "reasons": clean(wording.reasons(event)),
        "factors": [
            [clean(str(one.get("strategy", ""))), float(one["score"]), clean(str(one.get("reason", "")))]
            for one in event["factors"]
            if one.get("score")
        ],
        "id": str(event["id"]),
        "told": clean(f"{event['origin_name']}: {event['source_id']}"),
        "comments": [_written(comment, ()) for comment in comments],
    }


def _hypothesis(one: Row) -> dict[str, Any]:
    return {
        "statement": clean(one["statement"]),
        "verdict": one["verdict"].replace("_", " ").capitalize(),
        "author": clean(one["author_name"]),
        "at": wording.moment(one["created_at"]),
        "evidence": [
            [piece["stance"].capitalize(), clean(piece["why"]), clean(piece["title"]), str(piece["event"])]
            for piece in one["evidence"]
        ],
        "no_evidence": wording.NO_EVIDENCE,
    }


def _suspect(one: Row) -> dict[str, Any]:
    return {
        "place": one["place"],
        "name": clean(wording.suspect(one)),
        "score": one["score"],
        "state": one["state"],
        "judgement": clean(wording.judgement(one)),
        "event": str(one["event"] or ""),
        # The suspect's own event is cited once.
        "evidence": [
            [clean(str(said["text"])), ", ".join(str(event) for event in said["events"] if event != str(one["event"]))]
            for said in one["evidence"]
        ],
    }


def _written(row: Row, comments: Iterable[Row]) -> dict[str, Any]:
    """Return what a person wrote, and what others remarked on it."""
    return {
        "author": clean(row["author_name"]),
        "at": wording.moment(row["created_at"]),
        "body": blocks(row["body"]),
        "comments": [_written(comment, ()) for comment in comments],
    }
