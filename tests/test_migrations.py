"""Migrations go both ways, need no extension, and say what the models say."""

from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

OURS = ("accounts", "events", "investigations", "connectors")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_migration_can_be_taken_back_and_applied_again() -> None:
    try:
        for app in reversed(OURS):
            call_command("migrate", app, "zero", verbosity=0)
        tables = set(connection.introspection.table_names())
        assert not {model._meta.db_table for app in OURS for model in apps.get_app_config(app).get_models()} & tables
    finally:
        call_command("migrate", verbosity=0)
    assert MigrationExecutor(connection).loader.applied_migrations.keys() >= {(app, "0001_initial") for app in OURS}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_times_that_no_incident_can_have_are_moved_in_and_keep_their_order() -> None:
    before, rule = ("investigations", "0002_link_vouched"), ("investigations", "0003_times_in_range")
    try:
        past = MigrationExecutor(connection).migrate([before]).apps
        person = past.get_model("accounts", "User").objects.create(username="opener")
        times = {"started_at": datetime(1, 1, 1, 5, tzinfo=UTC), "detected_at": datetime(2, 1, 1, tzinfo=UTC)}
        case = past.get_model("investigations", "Investigation").objects.create(title="x", created_by=person, **times)
        present = MigrationExecutor(connection).migrate([rule]).apps
        row = present.get_model("investigations", "Investigation").objects.get(pk=case.pk)
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        assert (row.started_at, row.detected_at, row.resolved_at) == (epoch, epoch, None)
    finally:
        call_command("migrate", verbosity=0)


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_the_database_needs_no_extension_beyond_the_bare_ones() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extname FROM pg_extension")
        assert {name for (name,) in cursor.fetchall()} == {"plpgsql"}
