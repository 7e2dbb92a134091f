"""All that is kept about a person is handed to them, and is gone once they are erased: no table may be forgotten."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import connection, models, transaction
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import credentials, dossier, privacy, sealing, services
from accounts.claims import Provider
from accounts.identities import link
from accounts.models import AuditEntry, Notification, NotificationDelivery, Role, User
from accounts.notifications.choices import Channel, Topic
from accounts.notifications.services import notify, prefer
from accounts.tests.factories import PASSWORD, UserFactory, give_second_factor
from accounts.tokens import AccessToken
from connectors import breakers
from connectors.models import Backfill, Halt
from connectors.services import halt
from connectors.tests.factories import ConnectorFactory
from events.tests.factories import EventFactory
from investigations.exports.document import write
from investigations.models import ImportedDocument, Note
from investigations.services import create, write_note
from investigations.tests.factories import InvestigationFactory, LinkFactory, NoteFactory, SuspectFactory
from tests.test_api_roles import CASES, send

pytestmark = pytest.mark.django_db
USERNAME, FIRST, LAST, EMAIL = "zelda.q", "Zeldabeth", "Quillfeather", "zq@canary.example"
ADDRESS = "203.0.113.77"
HOOK, SLACK, VIEW_NAME = "https://canary.example/hook", "https://hooks.example/zeldas", "what zeldabeth looks at"
PERSONAL = (USERNAME, FIRST, LAST, EMAIL, "canary.example")
# Where the trail keeps from where something was done, and nothing else of a person: docs/operations/privacy.md.
KEPT = {("accounts_auditentry", ADDRESS)}
# What is the case's, and stays under the pseudonym. A relation that is not here is the person's, and goes.
STAYS = {
    "accounts.auditentry.actor",
    "accounts.revokedtoken.revoked_by",
    "connectors.backfill.created_by",
    "accounts.switch.actor",
    "connectors.halt.actor",
    "connectors.transition.actor",
    "investigations.comment.author",
    "investigations.evidence.author",
    "investigations.hypothesis.author",
    "investigations.hypothesis.updated_by",
    "investigations.importeddocument.imported_by",
    "investigations.investigation.assigned_to",
    "investigations.investigation.created_by",
    "investigations.investigation.updated_by",
    "investigations.link.decided_by",
    "investigations.note.author",
    "investigations.noterevision.author",
    "investigations.suspect.decided_by",
    "investigations.suspectreport.computed_by",
}
# Columns that nobody is told: secrets, what is sealed or others answered, bytes of files, and what is for the index.
UNTOLD = {
    "mfa.authenticator.data",
    "socialaccount.socialaccount.extra_data",
    "accounts.user.password",
    "accounts.apikey.digest",
    "accounts.notificationsettings.sealed",
    "accounts.notificationdelivery.error",
    "investigations.export.content",
    "investigations.investigation.keywords",
    "investigations.investigation.search",
    "investigations.note.search",
}


def label(field: Any) -> str:
    return f"{field.model._meta.label_lower}.{field.name}"


@pytest.fixture(scope="module")
def went(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[User, User]]:
    """Somebody who went through every feature there is, once for all tests of this file; and an administrator."""
    swift = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with (
        django_db_blocker.unblock(),
        override_settings(RATE_LIMITS=dict.fromkeys(settings.RATE_LIMITS, 0), PASSWORD_HASHERS=swift),
        transaction.atomic(),
    ):
        cache.clear()
        chief = UserFactory(username="chief", role=Role.ADMIN)
        yield who_went_everywhere(chief), chief
        transaction.set_rollback(True)


@pytest.fixture
def canary(went: tuple[User, User], db: None) -> User:
    return User.objects.get(pk=went[0].pk)


@pytest.fixture
def chief(went: tuple[User, User], db: None) -> User:
    return went[1]


def who_went_everywhere(admin: User) -> User:
    person = services.create_user(
        username=USERNAME,
        password=PASSWORD,
        role=Role.ADMIN,
        first_name=FIRST,
        last_name=LAST,
        email=EMAIL,
        actor=admin,
    )
    goes_through_the_pages(person)
    goes_through_the_api(person)
    does_what_takes_long(person, admin)
    desk = Client()
    desk.force_login(admin)
    form = {"username": USERNAME, "first_name": FIRST, "last_name": LAST, "email": f"new-{EMAIL}", "role": "admin"}
    changed = desk.post(f"/admin/accounts/user/{person.pk}/change/", {**form, "is_active": "on"})
    assert changed.status_code == 302
    give_second_factor(person, timezone.now())
    link(user=person, subject=USERNAME, provider=Provider(issuer="https://id.example.org", client_id="rca"))
    EmailAddress.objects.create(user=person, email=EMAIL)  # what django-allauth has a table for; nobody here fills it
    sealing.seal(now=timezone.now())
    return User.objects.get(pk=person.pk)


def goes_through_the_pages(person: User) -> None:
    browser = Client(REMOTE_ADDR=ADDRESS)
    assert browser.post("/sign-in", {"username": USERNAME, "password": PASSWORD}).status_code == 302
    browser.post("/sign-in", {"username": USERNAME, "password": "wrong"})
    form = {"title": "Of Zelda", "detected_at": "2026-03-01T09:14", "impact_severity": "high", "priority": "P1"}
    browser.post("/investigations/new", form)
    browser.post("/views", {"name": VIEW_NAME, "query": "status=active"})
    browser.get("/investigations/")
    browser.get("/admin/")
    key = {"name": "of zelda", "user": str(person.pk), "scope": "read"}
    assert browser.post("/admin/accounts/apikey/add/", key).status_code == 302


def goes_through_the_api(person: User) -> None:
    for row in CASES:
        if row[1] == "GET" or "erase" in row[0]:
            continue
        client = APIClient(REMOTE_ADDR=ADDRESS)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(User.objects.get(pk=person.pk))}")
        assert send(row, client, person) < 500
    refresh = str(credentials.issue(user=person, by="password"))
    credentials.sign_out(refresh=refresh, now=timezone.now())


def does_what_takes_long(person: User, admin: User) -> None:
    now = timezone.now()
    own = {"webhook_url": HOOK, "slack_url": SLACK}
    prefer(user=person, topics={"opened": {"email": True, "webhook": True}}, own=own, actor=person)
    prefer(user=admin, topics={"opened": {"inbox": True}}, own={}, actor=admin)
    opened = create(values={"title": "Of somebody", "detected_at": now}, actor=admin, now=now)
    write_note(investigation=opened, body="mine", actor=person, now=now)
    create(values={"title": "Of Zelda", "detected_at": now, "assigned_to": person}, actor=person, now=now)
    notify(topic=Topic.ASSIGNED, people=[person], title="For you", key="1", now=now)
    NotificationDelivery.objects.create(
        user=person,
        notification=Notification.objects.filter(user=person)[0],
        channel=Channel.SLACK,
        next_attempt_at=now,
    )
    connector = ConnectorFactory()
    breakers.force_open(connector=connector, actor=person, now=now)
    halt(actor=person, now=now)
    Halt.objects.create(actor=person, at=now)  # as the release before did
    Backfill.objects.create(connector=connector, start=now - timedelta(days=1), end=now, reached=now, created_by=person)
    ImportedDocument.objects.create(
        digest="d" * 64, investigation=opened, document_id=opened.pk, imported_by=person, imported_at=now
    )
    LinkFactory(investigation=opened, state="confirmed", decided_by=person, decided_at=now)
    SuspectFactory(report__investigation=opened, report__computed_by=person, decided_by=person, decided_at=now)
    group = Group.objects.create(name="readers")
    person.groups.add(group)
    person.user_permissions.add(Permission.objects.all()[0])


def lines(person: User) -> list[dict[str, Any]]:
    return [json.loads(line) for line in dossier.exported(person, now=timezone.now())]


def found(*words: str) -> set[tuple[str, str]]:
    """Return every table that holds one of the words in any column of any row, and which: case and encoding aside."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        holding = set()
        for table in tables:
            for word in words:
                shapes = [f"%{word}%", f"%{word.encode().hex()}%"]
                cursor.execute(f'SELECT 1 FROM "{table}" t WHERE t::text ILIKE ANY(%s) LIMIT 1', [shapes])  # noqa: S608
                if cursor.fetchone():
                    holding.add((table, word))
    return holding


def test_the_canary_has_left_something_in_every_table_that_points_to_people(canary: User) -> None:
    assert {label(field) for field in dossier.relations() if not dossier.rows_of(field, canary).exists()} == set()


def test_the_export_tells_every_row_that_points_to_the_person(canary: User) -> None:
    told = lines(canary)
    for field in dossier.relations():
        there = {str(pk) for pk in dossier.rows_of(field, canary).values_list("pk", flat=True)}
        parts = [one["row"] for one in told if f"{one['part']}.{one['as']}" == label(field)]
        assert {str(row[field.model._meta.pk.attname]) for row in parts} == there, label(field)


def test_the_export_tells_every_column_but_those_that_are_named_here(canary: User) -> None:
    told: dict[str, set[str]] = {}
    for one in lines(canary):
        told.setdefault(one["part"], set()).update(one["row"])
    every: dict[str, type[models.Model]] = {field.model._meta.label_lower: field.model for field in dossier.relations()}
    every["accounts.user"] = User
    missing = {
        f"{part}.{field.name}"
        for part, model in every.items()
        for field in model._meta.concrete_fields
        if field.attname not in told[part]
    }
    assert missing == UNTOLD


def test_the_export_tells_who_they_are_what_was_done_to_them_and_their_sessions(canary: User) -> None:
    told = lines(canary)
    assert told[0]["row"]["email"] == f"new-{EMAIL}"
    assert {"create", "edit"} <= {one["row"]["verb"] for one in told if one["as"] == "target"}
    assert [one for one in told if one["part"] == "session"]
    assert HOOK in str(told)


def test_the_export_holds_no_secret(canary: User) -> None:
    text = str(lines(canary))
    secrets = [canary.password, SLACK, *canary.api_keys.values_list("digest", flat=True)]
    assert [secret for secret in secrets if secret in text] == []


def test_the_canary_is_seen_before(canary: User) -> None:
    assert {word for _, word in found(*PERSONAL, ADDRESS)} == {*PERSONAL, ADDRESS}
    assert ("accounts_notification", FIRST) in found(FIRST), "others were told what they did"


def test_nothing_is_left_of_who_was_erased(canary: User, chief: User) -> None:
    privacy.erase(user=canary, actor=chief)
    assert found(*PERSONAL, ADDRESS, VIEW_NAME) == KEPT


def test_what_is_the_persons_goes_and_what_is_the_cases_stays(canary: User) -> None:
    before = {label(field): dossier.rows_of(field, canary).count() for field in dossier.relations()}
    privacy.erase(user=canary)
    after = {label(field): dossier.rows_of(field, canary).count() for field in dossier.relations()}
    assert {name for name, count in after.items() if count} == STAYS
    of_cases = {name for name in STAYS if not name.startswith("accounts.")}
    assert {name for name in of_cases if after[name] != before[name]} == set()


def test_a_note_names_the_pseudonym(canary: User, api: Any, engineer: User) -> None:
    note = Note.objects.filter(author=canary, deleted_at=None, investigation__deleted_at=None)[0]
    privacy.erase(user=canary)
    told = api(engineer).get(f"/api/v1/investigations/{note.investigation_id}/notes/{note.pk}").json()
    assert told["author_name"] == f"erased-{canary.pk.hex[-12:]}"
    document = write(investigation=note.investigation, written_in="markdown", now=timezone.now()).content.decode()
    assert USERNAME not in document


def test_the_chain_of_the_trail_is_whole_afterwards(canary: User, chief: User) -> None:
    privacy.erase(user=canary, actor=chief)
    sealing.seal(now=timezone.now())
    verdict = sealing.verify(now=timezone.now())
    assert (verdict.fault, verdict.links) == ("", AuditEntry.objects.count())
    assert AuditEntry.objects.filter(verb="erase", target_id=str(canary.pk), actor=chief).count() == 1


def test_events_and_cases_that_never_knew_them_are_untouched(canary: User) -> None:
    event, case, note = EventFactory(), InvestigationFactory(), NoteFactory()
    privacy.erase(user=canary)
    for row in (event, case, note):
        before = row.__dict__.copy()
        row.refresh_from_db()
        assert {name for name in before if name[0] != "_" and before[name] != row.__dict__.get(name)} == set()


def test_who_only_resembles_the_erased_keeps_their_name(chief: User) -> None:
    al, other = UserFactory(username="al", first_name=""), UserFactory(username="albert", first_name="")
    prefer(user=chief, topics={"opened": {"inbox": True}}, own={}, actor=chief)
    for actor in (al, other):
        create(values={"title": "al", "detected_at": timezone.now()}, actor=actor, now=timezone.now())
    privacy.erase(user=al)
    titles = set(Notification.objects.filter(user=chief, title__endswith="opened: al").values_list("title", flat=True))
    assert titles == {f"{privacy.pseudonym(al)} opened: al", "albert opened: al"}
