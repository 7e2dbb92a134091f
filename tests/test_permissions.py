"""The table of roles, told as a table of truth."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from accounts.models import AuditEntry, Role, User
from accounts.permissions import may
from accounts.tests.factories import UserFactory
from connectors.models import Connector
from events.models import Event
from events.tests.factories import EventFactory
from investigations.models import Comment, Investigation, Link, Note
from investigations.tests.factories import InvestigationFactory, NoteFactory

VERBS = "read create edit delete restore".split()

# What each role may do to some object of a kind: r(ead), c(reate), e(dit), d(elete), (r)e(s)tore as "s".
TRUTH: dict[type[Model], tuple[str, str, str]] = {
    # user, engineer, admin
    Event: ("r", "rceds", "rceds"),
    Investigation: ("rce", "rceds", "rceds"),
    Link: ("r", "rceds", "rceds"),
    Note: ("rceds", "rceds", "rceds"),
    Comment: ("rceds", "rceds", "rceds"),
    Connector: ("r", "r", "rceds"),
    User: ("", "", "rceds"),
    AuditEntry: ("", "", "rceds"),
}
LETTERS = dict(zip("rceds", VERBS, strict=True))


@pytest.mark.parametrize("kind", TRUTH)
@pytest.mark.parametrize(("column", "role"), list(enumerate(Role)))
def test_each_role_may_do_what_the_table_says_and_nothing_else(kind: type[Model], column: int, role: Role) -> None:
    person = User(role=role)
    allowed = {verb for verb in VERBS if may(person, verb, kind)}
    assert allowed == {LETTERS[letter] for letter in TRUTH[kind][column]}


@pytest.mark.parametrize("kind", TRUTH)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "nobody", [AnonymousUser(), User(role=Role.ADMIN, is_active=False)], ids=["outsider", "deactivated"]
)
def test_who_is_not_signed_in_or_deactivated_may_do_nothing(kind: type[Model], verb: str, nobody: object) -> None:
    assert not may(nobody, verb, kind)


def test_a_role_nobody_knows_may_do_nothing() -> None:
    assert not may(User(role="owner"), "read", Event)


def test_a_kind_nobody_thought_of_is_the_administrators() -> None:
    class Secret:
        pass

    kind: type[Model] = Secret  # type: ignore[assignment]
    assert [may(User(role=role), "read", kind) for role in Role.values] == [False, False, True]


@pytest.mark.django_db
def test_a_user_edits_the_investigations_they_opened_or_were_given(user: User) -> None:
    opened = InvestigationFactory(created_by=user)
    given = InvestigationFactory(assigned_to=user)
    foreign = InvestigationFactory(assigned_to=UserFactory())
    assert [may(user, "edit", case) for case in (opened, given, foreign)] == [True, True, False]
    assert not may(user, "delete", opened)


@pytest.mark.django_db
def test_a_user_writes_in_their_own_notes_only(user: User, engineer: User) -> None:
    own, foreign = NoteFactory(author=user), NoteFactory(author=engineer)
    for verb in ("edit", "delete", "restore"):
        assert [may(user, verb, note) for note in (own, foreign)] == [True, False]
        assert [may(engineer, verb, note) for note in (own, foreign)] == [True, True]


@pytest.mark.django_db
def test_an_object_that_belongs_to_nobody_is_not_everybodys(user: User) -> None:
    assert not may(user, "edit", EventFactory())
    assert not may(user, "edit", InvestigationFactory(assigned_to=None))
