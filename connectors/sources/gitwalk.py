"""The way from the references of one poll to those of the next: it can be left at any page and taken up there."""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import orjson

from connectors.base import Cursor, Page, Record
from connectors.sources.gitevents import label
from connectors.sources.gitmirror import Mirror

PAGE = 500
PAGE_BYTES = 16 * 1024 * 1024
PATIENCE = 30.0  # seconds after which a page is full whatever it holds

Facts = dict[str, Any]


class Walk:
    """The commits between two states of a repository, then what became of its branches and tags.

    Args:
        old: the cursor of the last poll that came to its end: ``refs`` and ``boundary``.
        state: the same for this poll, and how far it has come: see `begin`. JSON, so that it can wait in the cursor.
        file: where the listing of the commits is kept meanwhile.
        diffs_since: commits made from that second of the Unix era on come with what they changed, line by line.
    """

    def __init__(self, mirror: Mirror, *, old: Cursor, state: Cursor, file: Path, diffs_since: int) -> None:
        self.mirror = mirror
        self.diffs_since = diffs_since
        self.old = old
        self.state = dict(state)
        self.file = file
        branches = {name: sha for name, sha in state["refs"].items() if name.startswith("refs/heads/")}
        ranked = sorted(branches, key=lambda name: (name != state["first"], name), reverse=True)
        self.branches = {branches[name]: label(name) for name in ranked}

    @staticmethod
    def begin(target: Cursor, *, first: str, since: int, seen: int) -> Cursor:
        """Return the state of a walk to ``target`` that has not set out.

        Args:
            first: the reference whose commits come first.
            since: leave out what is older than that second of the Unix era; 0 leaves out nothing.
            seen: the second at which ``target`` was seen: what is done to a branch has no other time.
        """
        return {**target, "first": first, "since": since, "seen": str(seen), "commits": 0, "last": "", "references": 0}

    def pages(self) -> Iterator[Page]:
        """Yield what is left of the walk. The cursor of the last page is the next poll's ``old``."""
        try:
            for records in _batches(_record(commit["sha"], commit) for commit in self._commits()):
                self.state["commits"] += len(records)
                self.state["last"] = records[-1].reference
                yield self._page(records)
        finally:
            self.file.unlink(missing_ok=True)
        differing = self._differing()
        while names := list(islice(differing, PAGE)):
            found = self._references(names)
            self.state["references"] += len(names)
            yield self._page([_record(f"{fact['ref']}@{fact['sha'] or fact['before']}", fact) for fact in found])
        yield Page([], {"refs": self.state["refs"], "boundary": self.state["boundary"]})

    def _page(self, records: list[Record]) -> Page:
        return Page(records, {**self.old, "walk": dict(self.state)})

    def _commits(self) -> Iterator[Facts]:
        state = self.state
        # A history that was cut off elsewhere before may now show commits below the old references: list all of it.
        deepened = self.old["boundary"] != state["boundary"]
        without = set() if deepened else self.mirror.holds(set(self.old["refs"].values()))
        self.mirror.write_listing(
            self.file, tips=state["refs"], first=state["first"], without=without, since=state["since"]
        )
        with self.file.open() as listing:
            self._take_up(listing)
            for commit in self.mirror.commits(listing):
                branch = self.branches.get(commit.pop("tip"), "")
                yield commit | {"kind": "commit", "branch": branch, "diff": self._diff(commit)}

    def _diff(self, commit: Facts) -> str:
        """Return what a young commit changed; nothing for a merge, whose commits tell it, and for a cut history."""
        alone = len(commit["parents"].split()) < 2 and not commit["cut"]
        seconds = int(commit["committed"]) if commit["committed"].isdecimal() else 0
        return self.mirror.diff(commit["sha"]) if alone and seconds >= self.diffs_since else ""

    def _take_up(self, listing: TextIO) -> None:
        """Pass over what was read before; over nothing when this is not the listing that was left."""
        passed = (
            list(islice(listing, self.state["commits"] - 1, self.state["commits"])) if self.state["commits"] else []
        )
        if not (passed and passed[0].startswith(self.state["last"])):
            listing.seek(0)
            self.state["commits"] = 0

    def _differing(self) -> Iterator[str]:
        before, after = self.old["refs"], self.state["refs"]
        names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        return islice(names, self.state["references"], None)

    def _references(self, names: Iterable[str]) -> list[Facts]:
        """Return what became of those references, where it is worth telling."""
        before, after = self.old["refs"], self.state["refs"]
        tags = self.mirror.tags(name for name in names if name.startswith("refs/tags/") and name in after)
        found = []
        for name in names:
            fact = {"ref": name, "before": before.get(name, ""), "sha": after.get(name, ""), "seen": self.state["seen"]}
            if not fact["sha"]:
                found.append(fact | {"kind": "deleted"})
            elif name in tags:
                found.extend(self._tagged(fact, tags[name]))
            elif fact["before"] and name.startswith("refs/heads/"):
                found.extend(self._rewritten(fact))
        return found

    def _tagged(self, fact: Facts, tag: Facts) -> list[Facts]:
        moved_meanwhile = tag["sha"] != fact["sha"]  # the next poll tells of it
        too_old = tag["created"] and int(tag["created"]) < self.state["since"]
        return [] if moved_meanwhile or too_old else [fact | tag | {"kind": "tag"}]

    def _rewritten(self, fact: Facts) -> list[Facts]:
        base = self.mirror.merge_base(fact["before"], fact["sha"])
        unknown = not base and self.state["boundary"]  # where they part may lie beyond the cut
        return [] if base == fact["before"] or unknown else [fact | {"kind": "history_rewritten", "merge_base": base}]


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size, began = 0, time.monotonic()
    for record in records:
        batch.append(record)
        size += len(record.raw)
        if len(batch) == PAGE or size > PAGE_BYTES or time.monotonic() - began > PATIENCE:
            yield batch
            batch, size, began = [], 0, time.monotonic()
    if batch:
        yield batch


def _record(reference: str, facts: Facts) -> Record:
    raw = orjson.dumps(facts)
    return Record(reference=reference, value=raw, raw=raw)
