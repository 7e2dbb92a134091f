"""Decisions about code at GitHub: pushes, their commits, branches and tags. No database here."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from connectors.reading import Part
from connectors.sources.github_notice import MESSAGE, Notice
from events.choices import Severity, Source
from events.drafts import EventDraft

MAX_FILES = 300
# GitHub lists no more commits than this in a push; what is left out is for a git connector to find.
MOST_COMMITS = 2_048


def push(notice: Notice) -> Iterator[EventDraft]:
    """Yield each commit, then the push.

    A commit is told as a git connector tells it, under its hash, so that both tell of one event. The push happened when
    the repository says it was last pushed to; its commits may be days older.
    """
    ref, after = notice.body.id("ref"), notice.body.text("after")
    kind, name = _ref(ref)
    commits = notice.body.each("commits")
    total = notice.body.number("total_commits") or len(commits)
    for part in commits:
        yield _commit(notice, part, {kind: name})
    at = _pushed_at(notice)
    yield notice.draft(
        source=Source.GIT,
        key=f"pushes/{int(at.timestamp())}/{after}/{ref}",
        at=at,
        event_type="push",
        title=_push_title(notice, f"{kind} {name}", total),
        url=notice.body.link("compare", "compare_url"),
        data={
            "ref": ref,
            kind: name,
            "before": notice.body.text("before"),
            "after": after,
            "commits": total,
            "truncated": len(commits) >= MOST_COMMITS or len(commits) < total,
            "author": notice.body["pusher"].text("name") or notice.sender,
            "created": _is_created(notice),
            "deleted": _is_deleted(notice),
            "forced": notice.body.flag("forced"),
        },
    )


def _push_title(notice: Notice, target: str, commits: int) -> str:
    if _is_deleted(notice):
        return f"Pushed the deletion of {target}"
    verb = "Force-pushed" if notice.body.flag("forced") else "Pushed"
    what = f"{commits} commit{'' if commits == 1 else 's'} to " if commits else ""
    return f"{verb} {what}{'new ' if _is_created(notice) else ''}{target}"


def _is_created(notice: Notice) -> bool:
    return notice.body.flag("created") or _is_nothing(notice.body.text("before"))


def _is_deleted(notice: Notice) -> bool:
    return notice.body.flag("deleted") or _is_nothing(notice.body.text("after"))


def _is_nothing(sha: str) -> bool:
    return bool(sha) and not sha.strip("0")


def commit(notice: Notice) -> Iterable[EventDraft]:
    """Return a commit that the API lists, as a push would have told it; its files are not listed."""
    listed = notice.body["commit"]
    inner = listed["commit"]
    told = {
        "id": listed["sha"].value,
        "message": inner["message"].value,
        "timestamp": inner["committer"]["date"].value,
        "url": listed["html_url"].value,
        "author": inner["author"].value,
        "committer": inner["committer"].value,
    }
    branch = notice.body["repository"].text("default_branch")
    return (_commit(notice, Part(told, "commit"), {"branch": branch} if branch else {}),)


def _commit(notice: Notice, part: Part, where: dict[str, str]) -> EventDraft:
    sha, repository = part.id("id"), notice.repository
    subject, _, body = part.text("message", MESSAGE).strip().partition("\n")
    files = {name: part.texts(name, MAX_FILES) for name in ("added", "removed", "modified")}
    return EventDraft(
        source=Source.GIT,
        source_id=sha,
        content_addressed=True,
        timestamp=part.time("timestamp"),
        event_type="commit",
        title=subject or f"Commit {sha[:12]} without a message",
        service=notice.service_of(repository),
        environment=notice.environment,
        url=part.link("url"),
        raw_data=part.value,
        data={
            "repository": repository,
            "sha": sha,
            **where,
            **{who: {name: part[who].text(name) for name in ("name", "email")} for who in ("author", "committer")},
            "body": body.strip(),
            **files,
            "files_changed": sum(len(part.each(name)) for name in files),
        },
    )


def created(notice: Notice) -> Iterable[EventDraft]:
    """Return the making of a branch or a tag."""
    return _ref_change(notice, "created")


def deleted(notice: Notice) -> Iterable[EventDraft]:
    """Return the removal of a branch or a tag."""
    return _ref_change(notice, "deleted")


def _ref_change(notice: Notice, what: str) -> Iterable[EventDraft]:
    kind = notice.body.text("ref_type")
    if kind not in {"branch", "tag"}:
        return ()
    name, at = notice.body.id("ref"), _pushed_at(notice)
    return (
        notice.draft(
            source=Source.GIT,
            key=f"{kind}s/{what}/{int(at.timestamp())}/{name}",
            at=at,
            event_type=f"{kind}_{what}",
            severity=Severity.LOW if what == "deleted" else Severity.INFO,
            title=f"{kind.capitalize()} {name} {what}",
            data={kind: name, "author": notice.sender},
        ),
    )


def _pushed_at(notice: Notice) -> datetime:
    """Return when the repository was pushed to.

    Gitea does not say: it was not before the head commit was made, nor before the repository was last changed.
    """
    repository, head = notice.body["repository"], notice.body["head_commit"]
    if repository["pushed_at"].value is None:
        known = [head.time_or_none("timestamp"), repository.time_or_none("updated_at")]
        if found := [at for at in known if at]:
            return max(found)
    return repository.time("pushed_at")


def _ref(ref: str) -> tuple[str, str]:
    for prefix, kind in (("refs/heads/", "branch"), ("refs/tags/", "tag")):
        if ref.startswith(prefix):
            return kind, ref.removeprefix(prefix)
    return "ref", ref
