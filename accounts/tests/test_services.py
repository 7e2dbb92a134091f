"""Accounts made, changed and shut; and who is told of it."""

import threading
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import credentials, services
from accounts.models import AuditEntry, Role, User
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tokens import BadToken, RefreshToken
from rcaplatform.kit.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db


def test_a_new_account_can_sign_in_and_is_on_record(admin: User) -> None:
    person = services.create_user(username="new", password=PASSWORD, role=Role.ENGINEER, actor=admin)
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    assert (person.role, person.is_staff, person.is_superuser) == (Role.ENGINEER, False, False)
    entry = AuditEntry.objects.get(target_id=str(person.pk))
    assert (entry.actor, entry.verb, entry.change) == (admin, "create", {"role": [None, "engineer"]})


def test_an_administrator_made_on_the_command_line_is_on_record_too() -> None:
    call_command("createsuperuser", interactive=False, username="boss", email="boss@example.org", verbosity=0)
    entry = AuditEntry.objects.get(target_id=str(User.objects.get(username="boss").pk))
    assert (entry.actor, entry.verb, entry.change) == (None, "create", {"role": [None, "admin"]})


def test_a_password_given_on_the_command_line_is_on_record_and_ends_tokens(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation, said = user.token_generation, iter(["short", "short", "a typo", "another", *["a good long one"] * 2])
    monkeypatch.setattr("getpass.getpass", lambda _: next(said))
    call_command("changepassword", "user", stdout=StringIO(), stderr=StringIO())
    user.refresh_from_db()
    entry = AuditEntry.objects.get(target_id=str(user.pk))
    assert (entry.actor, entry.verb, user.token_generation) == (None, "set password", generation + 1)
    assert user.check_password("a good long one")


def test_after_three_bad_passwords_on_the_command_line_it_is_as_before(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: "short")
    with pytest.raises(CommandError, match="as before"):
        call_command("changepassword", "user", stderr=StringIO())
    assert not AuditEntry.objects.filter(verb="set password").exists()


def test_an_administrator_enters_the_admin() -> None:
    person = services.create_user(username="boss", password=PASSWORD, role=Role.ADMIN)
    assert person.is_staff
    assert person.is_superuser


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"username": "taken"}, "username"),
        ({"username": "not a username"}, "username"),
        ({"username": ""}, "username"),
        ({"password": "short"}, "password"),
        ({"password": "password123"}, "password"),
        ({"role": "owner"}, "role"),
        ({"email": "nowhere"}, "email"),
    ],
)
def test_a_wrong_value_is_named_and_nobody_is_made(values: dict[str, str], field: str) -> None:
    UserFactory(username="taken")
    with pytest.raises(Invalid) as refused:
        services.create_user(**{"username": "new", "password": PASSWORD, **values})  # type: ignore[arg-type]
    assert list(refused.value.fields) == [field]
    assert User.objects.count() == 1


def test_a_role_brings_and_takes_the_admin(admin: User, engineer: User) -> None:
    services.set_role(user=engineer, role=Role.ADMIN, actor=admin)
    engineer.refresh_from_db()
    assert engineer.is_staff
    services.set_role(user=engineer, role=Role.USER, actor=admin)
    engineer.refresh_from_db()
    assert not engineer.is_superuser
    changes = AuditEntry.objects.filter(target_id=str(engineer.pk)).order_by("id").values_list("change", flat=True)
    assert [change["role"] for change in changes] == [["engineer", "admin"], ["admin", "user"]]


def test_what_changes_nothing_leaves_no_trail(engineer: User) -> None:
    services.set_role(user=engineer, role=Role.ENGINEER)
    services.reactivate(user=engineer)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "deed",
    [lambda user: services.set_role(user=user, role=Role.USER), lambda user: services.deactivate(user=user)],
    ids=["another role", "deactivation"],
)
def test_the_last_administrator_stays(admin: User, deed: Callable[[User], User]) -> None:
    UserFactory(role=Role.ADMIN, is_active=False)
    with pytest.raises(Conflict):
        deed(admin)
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMIN, True)
    UserFactory(role=Role.ADMIN)
    deed(admin)


def test_a_profile_can_be_changed_by_the_last_administrator(admin: User) -> None:
    services.edit_profile(user=admin, first_name="Ada", actor=admin)
    admin.refresh_from_db()
    assert admin.first_name == "Ada"


@pytest.mark.parametrize("statement", ["UPDATE accounts_auditentry SET verb = 'x'", "DELETE FROM accounts_auditentry"])
def test_the_database_refuses_to_rewrite_the_audit_trail(admin: User, statement: str) -> None:
    services.create_user(username="new", password=PASSWORD, actor=admin)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.get().verb == "create"


@pytest.mark.django_db(transaction=True)
def test_a_refresh_token_brought_twice_at_once_is_good_once() -> None:
    token = str(RefreshToken.for_user(UserFactory()))
    answers: list[str] = []
    together = threading.Barrier(4)

    def bring() -> None:
        together.wait()
        try:
            credentials.rotate(refresh=token, now=timezone.now())
            answers.append("good")
        except BadToken:
            answers.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["good", "refused", "refused", "refused"]
