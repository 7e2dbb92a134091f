"""Questions: what the assistant wrote of an investigation, with what each sentence cites."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import QueryDict

from accounts.models import User
from accounts.permissions import may
from events.models import Event
from investigations.assistant.answers import REASONS
from investigations.choices import DraftKind, DraftSection, DraftState
from investigations.models import Draft, Investigation, Link, Note

TAB = "assistant"
SHOWN = 5


def is_on() -> bool:
    """Return whether a language model is named at all."""
    return bool(settings.ASSISTANT_URL)


def panel(user: User, investigation: Investigation, _query: QueryDict) -> dict[str, Any]:
    """Return the newest drafts of an investigation, and what may be done with each."""
    seen = Draft.objects.visible_to(user).filter(investigation=investigation).select_related("created_by")
    drafts = list(seen.order_by("-id")[:SHOWN])
    may_write = may(user, "create", Draft)
    cited = _cited(investigation, drafts)
    return {
        "drafts": [
            {
                "draft": draft,
                "sections": _sections(draft, cited),
                "dropped": [(number, REASONS.get(reason, reason)) for reason, number in draft.dropped.items()],
                "may_take": may_write and draft.state == DraftState.READY and not draft.note_id,
                "may_discard": may(user, "delete", draft),
            }
            for draft in drafts
        ],
        "writing": any(not draft.ended for draft in drafts),
        "may_ask": may_write,
        "kinds": DraftKind.choices,
        "assistant_model": settings.ASSISTANT_MODEL,
        "assistant_host": urlsplit(settings.ASSISTANT_URL).netloc,
    }


def _sections(draft: Draft, cited: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the sentences of a draft under the names of their sections; a summary has no names."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for sentence in draft.sentences:
        name = DraftSection(sentence["section"]).label if draft.kind == DraftKind.POSTMORTEM else ""
        known = [cited.get(cite["id"]) for cite in sentence["cites"]]
        found[name].append({"text": sentence["text"], "cites": known})
    return list(found.items())


def _cited(investigation: Investigation, drafts: Iterable[Draft]) -> dict[str, Event | Note]:
    """Return the events and notes that drafts cite, by id; those that belong here no more are left out."""
    cites = [cite for draft in drafts for sentence in draft.sentences for cite in sentence["cites"]]
    events, notes = ({UUID(one["id"]) for one in cites if one["kind"] == kind} for kind in ("event", "note"))
    found: dict[str, Event | Note] = {}
    if events:
        links = Link.objects.standing().filter(investigation=investigation, event__in=events)
        links = links.select_related("event").only("event__title", "event__timestamp")
        found |= {str(link.event_id): link.event for link in links}
    if notes:
        written = investigation.notes.alive().filter(pk__in=notes).only("created_at")
        found |= {str(note.pk): note for note in written}
    return found
