"""The admin: what administrators see and do there, and that it stays quick and on record."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiKey, AuditEntry, RevokedToken, Role, User
from accounts.tests.factories import PASSWORD, ApiKeyFactory, UserFactory
from events.models import Event, Origin
from events.tests.factories import EventFactory
from investigations.models import Investigation, Link, Note
from investigations.tests.factories import InvestigationFactory, LinkFactory, NoteFactory
from rcaplatform.kit import paging

pytestmark = pytest.mark.django_db
OURS: list[Any] = [User, ApiKey, RevokedToken, AuditEntry, Origin, Event, Investigation, Link, Note]


def address(model: Any, rest: str = "") -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{rest}"


@pytest.fixture
def desk(admin: User) -> Client:
    """The administrator's browser."""
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def rows(admin: User, desk: Client) -> None:
    NoteFactory.create_batch(3)
    ApiKeyFactory.create_batch(3)
    for number in range(3):
        RevokedToken.objects.create(jti=f"token-{number}", user=admin, revoked_by=admin, expires_at=timezone.now())
        LinkFactory(investigation=InvestigationFactory(assigned_to=UserFactory()))
    desk.post(address(Event), {"action": "delete_rows", "_selected_action": [str(Event.objects.all()[0].pk)]})


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", OURS)
def test_every_list_and_every_row_can_be_looked_at_and_searched(desk: Client, model: Any) -> None:
    assert desk.get(address(model)).status_code == 200
    assert desk.get(address(model), {"q": "some 'words"}).status_code == 200
    for row in model.objects.all():
        assert desk.get(address(model, f"{row.pk}/change/")).status_code == 200


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", OURS)
def test_a_list_costs_the_same_queries_whatever_its_length(
    desk: Client, model: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(6):  # session, person, the capped count, the page, the actions' count
        desk.get(address(model))


def test_events_are_never_counted_further_than_the_cap(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNTED", 2)
    EventFactory.create_batch(3)
    assert "2 events" in desk.get(address(Event)).content.decode()


def test_a_list_is_searched_by_full_text(desk: Client) -> None:
    EventFactory(title="the PaymentError of today")
    EventFactory(title="something else")
    page = desk.get(address(Event), {"q": "payment"}).content.decode()
    assert "the PaymentError of today" in page
    assert "something else" not in page


@pytest.mark.parametrize("make", [EventFactory, InvestigationFactory, NoteFactory])
def test_what_is_deleted_is_shown_and_restored(desk: Client, admin: User, make: Any) -> None:
    row = make()
    for action in ("delete_rows", "restore_rows"):
        answer = desk.post(
            address(make._meta.model), {"action": action, "_selected_action": [str(row.pk)]}, follow=True
        )
        assert answer.status_code == 200
        row.refresh_from_db()
        assert (row.deleted_at is not None) == (action == "delete_rows")
        assert str(row.pk) in answer.content.decode()
    verbs = AuditEntry.objects.filter(target_id=str(row.pk), actor=admin).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["delete", "restore"]


@pytest.mark.parametrize("model", [AuditEntry, Event, Investigation, Link, Note, Origin, RevokedToken])
def test_what_is_written_elsewhere_cannot_be_added_or_removed_here(desk: Client, model: Any) -> None:
    assert desk.get(address(model, "add/")).status_code == 403
    assert not site._registry[model].has_delete_permission(desk.get("/admin/").wsgi_request)


def test_a_person_is_added_by_the_service(desk: Client, admin: User) -> None:
    form = {
        "username": "new",
        "role": "engineer",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    answer = desk.post(address(User, "add/"), form)
    person = User.objects.get(username="new")
    assert answer["Location"] == address(User, f"{person.pk}/change/")
    assert person.check_password(PASSWORD)
    assert AuditEntry.objects.get(target_id=str(person.pk)).actor == admin


def test_a_weak_password_is_refused(desk: Client) -> None:
    form = {
        "username": "new",
        "role": "engineer",
        "usable_password": "true",
        "password1": "short",
        "password2": "short",
    }
    assert "too short" in desk.post(address(User, "add/"), form).content.decode()
    assert not User.objects.filter(username="new").exists()


@pytest.mark.parametrize("usable", [True, False])
def test_a_password_is_set_by_the_service(desk: Client, admin: User, engineer: User, usable: bool) -> None:
    new = "another long password"
    form = {"usable_password": str(usable).lower(), "password1": new, "password2": new}
    form |= {} if usable else {"unset-password": "1"}
    assert desk.post(address(User, f"{engineer.pk}/password/"), form).status_code == 302
    engineer.refresh_from_db()
    assert (engineer.check_password(new), engineer.has_usable_password()) == (usable, usable)
    assert AuditEntry.objects.get(verb="set password").actor == admin


def test_people_are_shut_out(desk: Client, admin: User, engineer: User) -> None:
    key = ApiKeyFactory(user=engineer)
    before = engineer.token_generation
    desk.post(address(User), {"action": "revoke_tokens", "_selected_action": [str(engineer.pk)]})
    engineer.refresh_from_db()
    key.refresh_from_db()
    assert (engineer.token_generation, key.revoked_at is not None) == (before + 1, True)


def test_a_role_is_changed_by_the_service(desk: Client, engineer: User) -> None:
    form = {"username": "engineer", "first_name": "Ada", "role": "admin", "is_active": "on"}
    assert desk.post(address(User, f"{engineer.pk}/change/"), form).status_code == 302
    engineer.refresh_from_db()
    assert (engineer.role, engineer.is_staff, engineer.first_name) == (Role.ADMIN, True, "Ada")
    assert {"edit", "set role"} <= set(AuditEntry.objects.values_list("verb", flat=True))


def test_the_last_administrator_cannot_lock_everybody_out(desk: Client, admin: User) -> None:
    form = {"username": "admin", "role": "user", "is_active": "on"}
    answer = desk.post(address(User, f"{admin.pk}/change/"), form, follow=True)
    assert "There must be an administrator" in answer.content.decode()
    answer = desk.post(address(User), {"action": "deactivate", "_selected_action": [str(admin.pk)]}, follow=True)
    assert "There must be an administrator" in answer.content.decode()
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMIN, True)


def test_people_are_deactivated_and_reactivated(desk: Client, engineer: User) -> None:
    for action, active in (("deactivate", False), ("reactivate", True)):
        desk.post(address(User), {"action": action, "_selected_action": [str(engineer.pk)]})
        engineer.refresh_from_db()
        assert engineer.is_active == active


@pytest.mark.parametrize("role", [Role.USER, Role.ENGINEER])
def test_only_administrators_enter(role: Role) -> None:
    client = Client()
    client.force_login(UserFactory(role=role))
    for model in OURS:
        assert client.get(address(model)).status_code == 302
