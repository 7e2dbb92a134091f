"""An operator sees breakers, gaps, backfills and schedules in the admin, and acts on them."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Switch, User
from connectors import breakers, schedules
from connectors.choices import BreakerState
from connectors.models import Backfill, Breaker, Connector, Gap
from connectors.tests.factories import NOW, ConnectorFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(client: Client, admin: User) -> Client:
    """The admin site as an administrator sees it."""
    client.force_login(admin)
    return client


def act(office: Client, model: str, action: str, *rows: Any) -> list[str]:
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    answer = office.post(f"/admin/{model}/", chosen)
    assert answer.status_code == 302
    told = [str(message) for message in get_messages(answer.wsgi_request)]
    office.get("/admin/")  # which shows them, so that they are not told again
    return told


@pytest.fixture
def opened() -> Connector:
    connector = ConnectorFactory(name="shop")
    breakers.move(connector=connector, to=BreakerState.OPEN, reason="no route", now=timezone.now())
    return connector


def test_a_breaker_is_shown_with_its_history(office: Client, opened: Connector) -> None:
    assert "no route" in office.get("/admin/connectors/breaker/").content.decode()
    page = office.get(f"/admin/connectors/breaker/{opened.pk}/change/").content.decode()
    assert "closed → open" in unescape(page)


def test_breakers_are_reset_and_held_open_from_their_list(office: Client, opened: Connector) -> None:
    breaker = Breaker.objects.get()
    assert act(office, "connectors/breaker", "reset", breaker) == ["1 reset."]
    assert act(office, "connectors/breaker", "force_open", breaker) == ["1 held open."]
    breaker.refresh_from_db()
    assert (breaker.state, breaker.held) == (BreakerState.OPEN, True)
    assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == ["reset_breaker", "open_breaker"]


def test_a_connector_that_never_failed_can_be_held_open_too(office: Client) -> None:
    assert act(office, "connectors/connector", "hold_open", ConnectorFactory()) == ["1 held open."]
    assert "open, held" in office.get("/admin/connectors/connector/").content.decode()


def test_all_connectors_are_stopped_and_go_on(office: Client) -> None:
    connector = ConnectorFactory()
    assert act(office, "connectors/connector", "stop_all", connector) == ["All are stopped."]
    assert act(office, "connectors/connector", "stop_all", connector) == ["All connectors are stopped already."]
    assert act(office, "connectors/connector", "resume_all", connector) == ["All go on."]
    assert not Switch.objects.exists()


def test_what_cannot_be_read_again_says_so(office: Client) -> None:
    (done, refused) = act(office, "connectors/connector", "backfill_day", ConnectorFactory(name="hook"))
    assert done.startswith("0 read again")
    assert "cannot be asked for a span of the past" in refused


def test_gaps_and_backfills_are_listed_and_a_backfill_is_cancelled(office: Client) -> None:
    connector = ConnectorFactory(name="shop")
    Gap.objects.create(connector=connector, start=NOW, end=NOW, reason="The source tells 5,000 at once.")
    backfill = Backfill.objects.create(connector=connector, start=NOW, end=NOW + timedelta(days=1), reached=NOW)
    assert "5,000 at once" in office.get("/admin/connectors/gap/").content.decode()
    assert act(office, "connectors/backfill", "cancel", backfill) == ["1 cancelled."]
    assert "cancelled" in office.get("/admin/connectors/backfill/").content.decode()


def test_schedules_are_shown_and_not_changed_here(office: Client) -> None:
    ConnectorFactory(name="log", kind="jsonlines", config={"path": "/x"}, secret={}, next_poll_at=NOW)
    schedules.keep_all()
    page = office.get("/admin/django_celery_beat/periodictask/").content.decode()
    assert "poll log" in page
    assert office.get("/admin/django_celery_beat/periodictask/add/").status_code == 403
