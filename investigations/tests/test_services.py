"""Deeds about investigations: what may be written, by whom it was, and that no edit is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import AuditEntry, User
from events.models import Event
from events.tests.factories import EventFactory
from investigations import services
from investigations.choices import Status
from investigations.lifecycle import MOVES, IllegalMove
from investigations.models import Comment, Investigation, Link, NoteRevision
from investigations.retention import purge
from investigations.tests.factories import CommentFactory, InvestigationFactory, LinkFactory, NoteFactory
from rcaplatform.kit.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def case(engineer: User) -> Investigation:
    return InvestigationFactory(status=Status.OPEN, detected_at=NOW - timedelta(hours=1), created_by=engineer)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("root_cause", "x" * 2_001),
        ("remediation", "x" * 2_001),
        ("lessons_learned", "x" * 2_001),
        ("title", ""),
        ("priority", "p9"),
        ("started_at", NOW),
        ("started_at", datetime(1, 1, 1, 5, tzinfo=UTC)),
        ("detected_at", datetime(1969, 12, 31, 23, 59, tzinfo=UTC)),
        ("resolved_at", datetime(2200, 1, 1, tzinfo=UTC)),
        ("resolved_at", NOW - timedelta(hours=2)),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_by_name_and_nothing_changes(
    case: Investigation, engineer: User, field: str, value: object
) -> None:
    with pytest.raises(Invalid) as refused:
        services.edit(investigation=case, changes={field: value}, actor=engineer, now=NOW)
    assert list(refused.value.fields) == [field]
    assert Investigation.objects.get().version == case.version


@pytest.mark.parametrize("field", ["started_at", "detected_at"])
def test_the_database_keeps_no_time_that_linking_cannot_reckon_with(case: Investigation, field: str) -> None:
    with pytest.raises(IntegrityError, match=f"investigation_{field}_in_range"):
        Investigation.objects.update(**{field: datetime(1, 1, 1, 5, tzinfo=UTC)})


def test_of_two_edits_of_the_same_version_the_second_is_told(case: Investigation, engineer: User, admin: User) -> None:
    other = Investigation.objects.get()
    services.edit(investigation=case, changes={"title": "First"}, actor=engineer, now=NOW)
    with pytest.raises(Conflict):
        services.edit(investigation=other, changes={"title": "Second"}, actor=admin, now=NOW)
    assert Investigation.objects.get().title == "First"


def test_an_edit_is_on_record_with_what_it_changed(case: Investigation, engineer: User) -> None:
    title = case.title
    services.edit(investigation=case, changes={"title": "New"}, actor=engineer, now=NOW)
    entry = AuditEntry.objects.get(verb="edit")
    assert (entry.actor, entry.change) == (engineer, {"title": [title, "New"]})


@pytest.mark.parametrize("present", Status.values)
@pytest.mark.parametrize("to", Status.values)
def test_only_legal_moves_are_made(case: Investigation, engineer: User, present: str, to: str) -> None:
    Investigation.objects.update(status=present)
    case.refresh_from_db()
    if to in MOVES[present]:
        assert services.move(investigation=case, to=to, actor=engineer, now=NOW).status == to
    else:
        with pytest.raises(IllegalMove):
            services.move(investigation=case, to=to, actor=engineer, now=NOW)


def test_resolving_sets_the_time_and_reopening_clears_it(case: Investigation, engineer: User) -> None:
    services.move(investigation=case, to=Status.RESOLVED, actor=engineer, now=NOW)
    assert Investigation.objects.get().resolved_at == NOW
    services.move(investigation=case, to=Status.IN_PROGRESS, actor=engineer, now=NOW)
    assert Investigation.objects.get().resolved_at is None


def test_what_was_deleted_can_be_restored(case: Investigation, engineer: User) -> None:
    services.delete(investigation=case, actor=engineer, now=NOW)
    assert not Investigation.objects.alive().exists()
    services.restore(investigation=case, actor=engineer, now=NOW)
    assert Investigation.objects.alive().get() == case


def test_every_version_of_a_note_is_kept(case: Investigation, engineer: User, admin: User) -> None:
    note = services.write_note(investigation=case, body="One", actor=engineer, now=NOW)
    services.edit_note(note=note, body="Two", actor=admin, now=NOW)
    assert list(NoteRevision.objects.values_list("number", "body", "author")) == [
        (1, "One", engineer.pk),
        (2, "Two", admin.pk),
    ]


def test_an_empty_note_is_refused(case: Investigation, engineer: User) -> None:
    with pytest.raises(Invalid):
        services.write_note(investigation=case, body=" \n", actor=engineer, now=NOW)


def test_only_what_is_part_of_the_investigation_can_be_commented_on(case: Investigation, engineer: User) -> None:
    elsewhere: dict[str, Any] = {"event": LinkFactory().event, "note": NoteFactory()}
    for name, thing in elsewhere.items():
        with pytest.raises(Invalid) as refused:
            services.comment(investigation=case, body="Look", actor=engineer, now=NOW, **{name: thing})
        assert list(refused.value.fields) == [name]
    assert not Comment.objects.exists()


def test_an_investigation_is_not_related_to_itself(case: Investigation, engineer: User) -> None:
    with pytest.raises(Invalid):
        services.relate(investigation=case, other=case, actor=engineer, now=NOW)


def test_retention_forgets_old_events_that_nobody_speaks_of_and_no_others(case: Investigation, engineer: User) -> None:
    old = {"timestamp": NOW - timedelta(days=100), "received_at": NOW - timedelta(days=100), "linked_at": NOW}
    EventFactory(title="forgotten", **old)
    EventFactory(title="young", timestamp=NOW, linked_at=NOW)
    EventFactory(title="waiting for linking", **{**old, "linked_at": None})
    LinkFactory(investigation=case, event=EventFactory(title="linked", **old))
    CommentFactory(investigation=case, event=EventFactory(title="remarked", **old))
    assert purge(now=NOW, keep=timedelta(days=90)) == 1
    kept = set(Event.objects.values_list("title", flat=True))
    assert kept == {"young", "waiting for linking", "linked", "remarked"}
    assert Link.objects.count() == 1
