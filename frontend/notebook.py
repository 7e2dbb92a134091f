"""Questions: what the right pane of the canvas shows: notes, findings, hypotheses, related. One tab is asked for."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from django.http import QueryDict

from accounts.models import User
from accounts.permissions import may
from frontend import assistant
from frontend.forms import FindingsForm, NoteForm
from frontend.markdown import quoted
from investigations import precedents
from investigations.choices import Stance, Verdict
from investigations.models import Comment, Evidence, Hypothesis, Investigation, Link
from rcaplatform.kit.errors import Invalid

NOTES = 20
ALIKE = 5
OFFERED = 100
FOUND = 10
_ALWAYS = {"notes": "Notes", "findings": "Findings", "hypotheses": "Hypotheses", "related": "Related"}
_UNREAD = ("description", "keywords", "search", "metadata", "lessons_learned")


def tabs() -> dict[str, str]:
    """Return the label of each tab; that of the assistant only while a language model is named."""
    return {**_ALWAYS, assistant.TAB: "Drafts"} if assistant.is_on() else _ALWAYS


def chosen_tab(query: QueryDict, wanted: str = "") -> str:
    """Return which tab is shown: the one a door wants, else the one the address names, else the notes."""
    named = wanted or query.get("pane", "")
    return named if named in tabs() else "notes"


def show(user: User, investigation: Investigation, query: QueryDict, tab: str) -> dict[str, Any]:
    """Return what one tab shows.

    Raises:
        Invalid: ``query`` names notes that do not exist.
    """
    ask: Callable[[User, Investigation, QueryDict], dict[str, Any]] = _TABS[tab]
    return {"tab": tab, "tabs": tabs(), **ask(user, investigation, query)}


def _notes(_user: User, investigation: Investigation, query: QueryDict) -> dict[str, Any]:
    """Return what people wrote, newest first, and the form to write more."""
    before, words = query.get("notes", ""), query.get("find", "").strip()[:500]
    written = investigation.notes.alive().select_related("author").defer("search").order_by("-id")
    if words:
        written = written.matching(words)
    remarks = Comment.objects.alive().select_related("author")
    written = written.prefetch_related(Prefetch("comments", remarks, to_attr="remarks"))
    found = list((written.filter(pk__lt=note_id(before)) if before else written)[: NOTES + 1])
    return {
        "notes": found[:NOTES],
        "older": found[NOTES - 1].pk if len(found) > NOTES else None,
        "before": before,
        "find": words,
        "chips": chips(investigation, *(note.body for note in found)),
        "note_form": NoteForm(prefix="note"),
    }


def chips(investigation: Investigation, *texts: str) -> dict[UUID, str]:
    """Return the titles of the events of the investigation that texts quote, by id."""
    named = quoted(*texts)
    linked = Link.objects.filter(investigation=investigation, event__in=named, event__deleted_at__isnull=True)
    return dict(linked.values_list("event_id", "event__title")) if named else {}


def note_id(text: str) -> UUID:
    """Return the id that an address holds.

    Raises:
        Invalid: it is none.
    """
    try:
        return UUID(text)
    except ValueError as problem:
        raise Invalid("This address names notes that do not exist.", fields={"notes": "Not an id."}) from problem


def _findings(_user: User, investigation: Investigation, _query: QueryDict) -> dict[str, Any]:
    """Return what was found out in the end, and the events people named causes."""
    causes = Link.objects.standing().filter(investigation=investigation, is_cause=True)
    named = quoted(investigation.root_cause, investigation.remediation, investigation.lessons_learned)
    linked = Link.objects.filter(investigation=investigation, event__in=named, event__deleted_at__isnull=True)
    told = list(linked.select_related("event").only("event__title", "event__timestamp")) if named else []
    return {
        "chips": {link.event_id: link.event.title for link in told},
        "quoted": told,
        "findings_form": FindingsForm(instance=investigation, prefix="findings"),
        "causes": causes.select_related("event").only("event__title", "event__timestamp").order_by("event__timestamp"),
    }


def _hypotheses(user: User, investigation: Investigation, query: QueryDict) -> dict[str, Any]:
    """Return each hypothesis with its evidence, those that were ruled out last, and events to weigh."""
    pieces = Evidence.objects.standing().select_related("event", "author").order_by("stance", "event__timestamp")
    pieces = pieces.defer("event__search", "event__data", "event__raw_data", "event__message", "event__keywords")
    written = investigation.hypotheses.alive().select_related("author")
    found = list(written.prefetch_related(Prefetch("evidence", pieces, to_attr="pieces")))
    return {
        "hypotheses": sorted(found, key=lambda one: (one.verdict == Verdict.RULED_OUT, one.pk)),
        "verdicts": Verdict.choices,
        "stances": Stance.choices,
        "offered": _offered(investigation, query.get("event", "")) if found and may(user, "create", Evidence) else [],
        "may_suppose": may(user, "create", Hypothesis),
    }


def _offered(investigation: Investigation, chosen: str) -> list[Link]:
    """Return links whose events may be weighed: what people vouched for and the strongest, in order of time."""
    standing = Link.objects.standing().filter(investigation=investigation)
    rows = standing.select_related("event").only("event__title", "event__timestamp", "state", "is_cause", "score")
    found = list(rows.order_by("-is_cause", "-score", "-id")[:OFFERED])
    if chosen and chosen not in {str(link.event_id) for link in found}:
        found += list(rows.filter(event_id=_id_or_none(chosen))[:1])
    return sorted(found, key=lambda link: link.event.timestamp)


def _id_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _related(user: User, investigation: Investigation, query: QueryDict) -> dict[str, Any]:
    """Return what people related, past investigations like this one with cause and fix, and what a search found."""
    visible = Investigation.objects.visible_to(user)
    related = list(investigation.related.alive().defer(*_UNREAD))
    known = {other.pk for other in related}
    words = query.get("find", "").strip()[:500]
    others = visible.exclude(pk=investigation.pk).exclude(pk__in=known)
    alike = precedents.similar(investigation=investigation, among=visible)
    return {
        "related": related,
        "alike": [one for one in alike if one.investigation.pk not in known][:ALIKE],
        "find": words,
        "found": others.matching(words).defer(*_UNREAD).order_by("-detected_at", "-id")[:FOUND] if words else None,
    }


_TABS = {
    "notes": _notes,
    "findings": _findings,
    "hypotheses": _hypotheses,
    "related": _related,
    assistant.TAB: assistant.panel,
}
