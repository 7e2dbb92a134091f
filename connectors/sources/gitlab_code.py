"""Decisions about code at GitLab: pushes, commits, merge requests, releases, incidents. No database here."""

from collections.abc import Iterable, Iterator

from connectors.moments import moment
from connectors.reading import Part
from connectors.sources.gitlab_notice import Notice
from events.choices import Severity, Source
from events.drafts import EventDraft

MAX_FILES, MESSAGE = 300, 10_000
_GONE = "0" * 40
_STATES = {"merge": "merged", "open": "opened", "close": "closed", "reopen": "reopened"}
_STATES |= {"merged": "merged", "opened": "opened", "closed": "closed"}


def push(notice: Notice) -> Iterator[EventDraft]:
    """Yield each commit, then the push of a branch or a tag.

    GitLab lists the twenty newest commits of a push and tells no time of it: it happened when its newest commit did,
    or, where it brought none, nobody knows, and there is no event of it.
    """
    body, after = notice.body, notice.body.text("after")
    kind, name = _ref(body.id("ref"))
    commits = body.each("commits")
    times = []
    for part in commits:
        draft = _commit(notice, part, {kind: name})
        times.append(draft.timestamp)
        yield draft
    if not times:
        return
    total = body.number("total_commits_count") or len(commits)
    yield notice.draft(
        key=f"pushes/{after}/{name}",
        at=max(times),
        event_type="push",
        title=f"Pushed {total} commit{'' if total == 1 else 's'} to {kind} {name}",
        url=f"{notice.body['project'].link('web_url')}/-/compare/{body.text('before')}...{after}"
        if notice.body["project"].link("web_url")
        else "",
        data={
            kind: name,
            "before": body.text("before"),
            "after": after,
            "commits": total,
            "truncated": total > len(commits),
            "created": body.text("before") == _GONE,
        },
    )


def commit(notice: Notice) -> Iterable[EventDraft]:
    """Return one commit of a list."""
    return (_commit(notice, notice.about, {}),)


def _commit(notice: Notice, part: Part, where: dict[str, str]) -> EventDraft:
    sha = part.id("id")
    subject, _, text = part.text("message", MESSAGE).strip().partition("\n")
    files = {name: part.texts(name, MAX_FILES) for name in ("added", "removed", "modified")}
    at = moment(part["timestamp"].value) or moment(part["committed_date"].value) or part.time("created_at")
    author = part["author"]
    return EventDraft(
        source=Source.GIT,
        source_id=sha,
        content_addressed=True,
        timestamp=at,
        event_type="commit",
        title=subject or part.text("title") or f"Commit {sha[:12]} without a message",
        service=notice.service,
        environment=notice.config.environment,
        url=part.link("url", "web_url"),
        raw_data=part.value,
        data={
            "repository": notice.path,
            "sha": sha,
            **where,
            "author": {
                "name": author.text("name") or part.text("author_name"),
                "email": author.text("email") or part.text("author_email"),
            },
            "body": text.strip(),
            **{name: found for name, found in files.items() if found},
        },
    )


def merge_request(notice: Notice) -> Iterable[EventDraft]:
    """Return a merge request that was opened, closed or merged."""
    about = notice.about
    state = _STATES.get(about.text("action") or about.text("state"))
    if state is None:
        return ()
    number = about.number("iid")
    return (
        notice.draft(
            key=f"merge-requests/{about.id('id')}/{state}",
            at=notice.time(f"{state}_at", "updated_at", "created_at"),
            event_type=f"pull_request_{state}",
            title=f"Merge request !{number} {state}: {about.text('title')}",
            url=about.link("url", "web_url"),
            message=about.text("description", MESSAGE),
            data={
                "number": number,
                "title": about.text("title"),
                "from": about.text("source_branch"),
                "to": about.text("target_branch"),
                "sha": about.text("merge_commit_sha"),
                "author": notice.author or about["author"].text("username"),
            },
        ),
    )


def release(notice: Notice) -> Iterable[EventDraft]:
    """Return a release that was made."""
    about = notice.about
    if about.text("action") not in {"create", ""}:
        return ()
    tag = about.text("tag") or about.id("tag_name")
    name = about.text("name")
    return (
        notice.draft(
            key=f"releases/{tag}",
            at=notice.time("released_at", "created_at"),
            event_type="release",
            title=f"Release {tag} published" + (f": {name}" if name and name != tag else ""),
            url=about.link("url"),
            message=about.text("description", MESSAGE),
            data={"tag": tag, "name": name, "sha": about["commit"].text("id")},
        ),
    )


def issue(notice: Notice) -> Iterable[EventDraft]:
    """Return an issue or incident that was opened or closed."""
    about = notice.about
    state = _STATES.get(about.text("action") or about.text("state"))
    if state is None:
        return ()
    incident = about.text("type").lower() == "incident" or about.text("issue_type") == "incident"
    word = "incident" if incident else "issue"
    bad = {"critical": Severity.CRITICAL, "high": Severity.HIGH, "medium": Severity.MEDIUM, "low": Severity.LOW}
    severity = bad.get(about.text("severity").lower(), Severity.HIGH) if incident else Severity.INFO
    return (
        notice.draft(
            source=Source.ALERTS if incident else Source.GIT,
            key=f"issues/{about.id('id')}/{state}",
            at=notice.time(f"{state}_at", "updated_at", "created_at"),
            event_type=f"{word}_{state}",
            severity=severity if state in {"opened", "reopened"} else Severity.INFO,
            title=f"{word.capitalize()} #{about.number('iid')} {state}: {about.text('title')}",
            url=about.link("url", "web_url"),
            message=about.text("description", MESSAGE),
            data={"number": about.number("iid"), "title": about.text("title")},
        ),
    )


def _ref(ref: str) -> tuple[str, str]:
    kind, name = ("tag", ref.removeprefix("refs/tags/")) if ref.startswith("refs/tags/") else ("branch", ref)
    return kind, name.removeprefix("refs/heads/")
