"""Decisions about work at GitHub: pull requests, issues, releases. No database here."""

from collections.abc import Iterable
from typing import Any

from connectors.reading import Part
from connectors.sources.github_notice import MESSAGE, Notice
from events.choices import Source
from events.drafts import EventDraft


def pull_request(notice: Notice) -> Iterable[EventDraft]:
    """Return a pull request opened, merged, closed unmerged or reopened; its commits come with the push."""
    part = notice.body["pull_request"]
    data: dict[str, Any] = {
        "base": part["base"].text("ref"),
        "head": part["head"].text("ref"),
        "head_sha": part["head"].text("sha"),
        "merge_sha": part.text("merge_commit_sha"),
        "draft": part.flag("draft"),
        **{name: part.number(name) for name in ("commits", "additions", "deletions", "changed_files")},
    }
    return _step(notice, part, thing="pull_request", source=Source.GIT, data=data)


def issue(notice: Notice) -> Iterable[EventDraft]:
    """Return an issue opened, closed or reopened: a note by a person, not the word of a system, hence manual."""
    return _step(notice, notice.body["issue"], thing="issue", source=Source.MANUAL, data={})


_TIMES = {
    "opened": ("created_at", "updated_at"),
    "merged": ("merged_at", "closed_at", "updated_at"),
    "closed": ("closed_at", "updated_at"),
    "reopened": ("updated_at",),
}


def _step(notice: Notice, part: Part, *, thing: str, source: Source, data: dict[str, Any]) -> Iterable[EventDraft]:
    what = "merged" if notice.action == "closed" and part.flag("merged") else notice.action
    if what not in _TIMES:
        return ()
    number, at, body = part.id("number"), part.time(*_TIMES[what]), part.text("body", MESSAGE)
    return (
        notice.draft(
            source=source,
            key=f"{thing}s/{number}/{what}/{int(at.timestamp())}",
            at=at,
            event_type=f"{thing}_{what}",
            title=f"{thing.replace('_', ' ').capitalize()} #{number} {what}: {part.text('title')}",
            url=part.link("html_url"),
            labels=[label.text("name") for label in part.each("labels")],
            data={"number": number, "author": part["user"].text("login"), "by": notice.sender, "body": body, **data},
        ),
    )


def release(notice: Notice) -> Iterable[EventDraft]:
    """Return a release once, though GitHub tells of each in two or three actions; a promoted pre-release is another."""
    if notice.action not in {"published", "released", "prereleased"}:
        return ()
    part = notice.body["release"]
    stage = "pre-release" if part.flag("prerelease") else "release"
    tag, name, body = part.text("tag_name"), part.text("name"), part.text("body", MESSAGE)
    # A promotion leaves published_at where it was.
    times = ("updated_at", "published_at") if notice.action == "released" else ("published_at", "created_at")
    return (
        notice.draft(
            source=Source.GIT,
            key=f"releases/{part.id('id')}/{stage}",
            at=part.time(*times),
            event_type="release",
            title=f"{stage.capitalize()} {tag} published" + (f": {name}" if name and name != tag else ""),
            url=part.link("html_url"),
            data={
                "body": body,
                "tag": tag,
                "name": name,
                "prerelease": part.flag("prerelease"),
                "target": part.text("target_commitish"),
                "author": part["author"].text("login"),
            },
        ),
    )
