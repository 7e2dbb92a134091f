"""The audit trail shows when somebody has been at it."""

from datetime import timedelta
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import audit, sealing
from accounts.models import AuditEntry, AuditSeal, User
from accounts.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def write(entries: int, target: User) -> None:
    for place in range(entries):
        audit.record(actor=target, verb="edit", target=target, change={"place": [None, place]})


def tamper(statement: str, *values: Any) -> None:
    """Do what an owner of the database can: switch the rule off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET session_replication_role = origin")


@pytest.fixture
def sealed(engineer: User) -> list[AuditEntry]:
    write(3, engineer)
    sealing.seal(now=timezone.now())
    return list(AuditEntry.objects.order_by("id"))


def test_a_chain_nobody_touched_is_right(sealed: list[AuditEntry]) -> None:
    verdict = sealing.verify(now=timezone.now())
    assert (verdict.links, verdict.fault) == (len(sealed), "")
    assert verdict.head == AuditSeal.objects.get(position=len(sealed)).digest


def test_an_empty_chain_is_right() -> None:
    assert sealing.verify(now=timezone.now()) == sealing.Verdict(0, sealing.ORIGIN)


@pytest.mark.parametrize("column", ["verb", "target_id", "request_id", "target_type"])
def test_an_entry_that_was_changed_is_named(sealed: list[AuditEntry], column: str) -> None:
    tamper(f"UPDATE accounts_auditentry SET {column} = 'other' WHERE id = %s", sealed[1].pk)  # noqa: S608
    verdict = sealing.verify(now=timezone.now())
    assert verdict.links == 1
    assert str(sealed[1].pk) in verdict.fault


def test_an_entry_that_was_taken_out_leaves_a_hole(sealed: list[AuditEntry]) -> None:
    tamper("DELETE FROM accounts_auditseal WHERE position = 2")
    tamper("DELETE FROM accounts_auditentry WHERE id = %s", sealed[1].pk)
    assert sealing.verify(now=timezone.now()).fault == "Link 2 is missing."


def test_a_chain_that_was_cut_off_does_not_hold_the_head_noted_earlier(sealed: list[AuditEntry]) -> None:
    head = sealing.verify(now=timezone.now()).head
    tamper("DELETE FROM accounts_auditseal WHERE position = %s", len(sealed))
    assert sealing.verify(now=timezone.now(), expect=head).fault.startswith("The expected head is not in the chain")


def test_a_head_noted_earlier_is_found_in_a_longer_chain(sealed: list[AuditEntry], engineer: User) -> None:
    head = sealing.verify(now=timezone.now()).head
    write(2, engineer)
    sealing.seal(now=timezone.now())
    assert sealing.verify(now=timezone.now(), expect=head).fault == ""


def test_an_entry_put_in_with_an_old_date_is_shown(sealed: list[AuditEntry], engineer: User) -> None:
    write(1, engineer)
    tamper(
        "UPDATE accounts_auditentry SET at = at - interval '9 days' "
        "WHERE id NOT IN (SELECT entry_id FROM accounts_auditseal)"
    )
    sealing.seal(now=timezone.now())
    assert "was never sealed" in sealing.verify(now=timezone.now()).fault


@pytest.mark.parametrize("died", [False, True])
def test_what_waited_for_days_in_more_than_one_batch_is_sealed_whole(
    engineer: User, monkeypatch: pytest.MonkeyPatch, died: bool
) -> None:
    write(5, engineer)
    tamper("UPDATE accounts_auditentry SET at = at - interval '3 days'")
    monkeypatch.setattr(sealing, "BATCH", 2)
    if died:  # after the first batch
        sealing._seal_batch(timezone.now())
    sealing.seal(now=timezone.now())
    verdict = sealing.verify(now=timezone.now())
    assert (verdict.links, verdict.fault) == (AuditEntry.objects.count(), "")


def test_what_is_sealed_is_not_sealed_again(sealed: list[AuditEntry]) -> None:
    assert sealing.seal(now=timezone.now()) == 0


def test_an_entry_committed_after_a_younger_one_is_sealed_too(sealed: list[AuditEntry], engineer: User) -> None:
    late = AuditEntry(id=sealed[0].pk.__class__(int=sealed[0].pk.int - 1), actor=engineer, verb="late")
    late.save(force_insert=True)
    assert sealing.seal(now=timezone.now()) == 1
    assert sealing.verify(now=timezone.now() + timedelta(days=2)).fault == ""


def test_the_database_refuses_to_change_a_seal(sealed: list[AuditEntry]) -> None:
    with pytest.raises(Exception, match="append-only"):
        AuditSeal.objects.filter(position=1).update(digest="x")


def test_the_command_says_what_is_right_and_fails_at_what_is_not(sealed: list[AuditEntry]) -> None:
    said = StringIO()
    call_command("audit", "verify", stdout=said)
    assert said.getvalue().startswith(f"{len(sealed)} links are right; head ")
    tamper("UPDATE accounts_auditentry SET verb = 'other' WHERE id = %s", sealed[0].pk)
    with pytest.raises(CommandError, match="is not what was sealed"):
        call_command("audit", "verify")


def test_the_command_prints_the_head_with_what_is_new(sealed: list[AuditEntry], engineer: User) -> None:
    write(1, engineer)
    said = StringIO()
    call_command("audit", "head", stdout=said)
    assert said.getvalue().strip() == AuditSeal.objects.get(position=len(sealed) + 1).digest


def test_an_entry_says_from_where_it_was_done(admin: User) -> None:
    client = APIClient(REMOTE_ADDR="203.0.113.9")
    client.force_login(admin)
    person = UserFactory()
    client.post(f"/api/v1/admin/users/{person.pk}/revoke-tokens", {}, headers={"X-CSRFToken": "x"})
    assert AuditEntry.objects.get(verb="revoke tokens").address == "203.0.113.9"


def test_the_trail_is_filtered_over_the_api(admin: User, sealed: list[AuditEntry], engineer: User) -> None:
    client = APIClient()
    client.force_authenticate(admin)
    audit.record(actor=admin, verb="close", target=admin)
    rows = client.get("/api/v1/admin/audit?actor=engineer&verb=edit").json()["results"]
    assert {row["actor"] for row in rows} == {"engineer"}
    assert rows[0]["position"] == len(sealed)
    assert client.get("/api/v1/admin/audit?start=nonsense").json()["errors"].keys() == {"start"}


def test_the_trail_is_exported_whole_by_api_command_and_admin(admin: User, sealed: list[AuditEntry]) -> None:
    client = APIClient()
    client.force_authenticate(admin)
    lines = b"".join(client.get("/api/v1/admin/audit/export")).splitlines()
    said = StringIO()
    call_command("audit", "export", stdout=said)
    desk = Client()
    desk.force_login(admin)
    chosen = {"action": "export", "_selected_action": [str(entry.pk) for entry in sealed]}
    download = b"".join(desk.post("/admin/accounts/auditentry/", chosen)).splitlines()
    told = [[orjson.loads(line)["id"] for line in text] for text in (lines, said.getvalue().splitlines(), download)]
    wanted = [str(entry.pk) for entry in sealed]
    assert told == [wanted[::-1], wanted, wanted[::-1]]
