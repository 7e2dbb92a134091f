"""What an administrator sees of connectors, and does about them."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from connectors import services
from connectors.choices import DeadLetterState, DeliveryState
from connectors.models import Connector, DeadLetter
from connectors.tests.factories import SECRET, ConnectorFactory, DeadLetterFactory, DeliveryFactory
from events.models import Event
from rcaplatform.kit.sealing import unseal

pytestmark = pytest.mark.django_db
LISTS = ["connector", "delivery", "deadletter"]


@pytest.fixture
def office(client: Client, admin: User) -> Client:
    """The admin site as an administrator sees it."""
    client.force_login(admin)
    return client


def address(model: str, row: Any = None) -> str:
    return f"/admin/connectors/{model}/" + (f"{row.pk}/change/" if row else "")


def act(office: Client, model: str, action: str, *rows: Any) -> list[str]:
    """Run an action on rows and return what is reported."""
    answer = office.post(address(model), {"action": action, "_selected_action": [str(row.pk) for row in rows]})
    assert answer.status_code == 302
    return [str(message) for message in get_messages(answer.wsgi_request)]


def seen(office: Client, model: str, row: Any = None) -> str:
    answer = office.get(address(model, row))
    assert answer.status_code == 200
    return unescape(answer.content.decode())


@pytest.mark.parametrize("model", LISTS)
def test_a_list_shows_any_number_of_rows_in_the_same_number_of_queries(
    office: Client, model: str, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        DeadLetterFactory()
    with django_assert_max_num_queries(12):
        assert "5 " in seen(office, model)


@pytest.mark.parametrize("model", LISTS)
def test_others_than_administrators_see_nothing(client: Client, engineer: User, model: str) -> None:
    client.force_login(engineer)
    assert client.get(address(model)).status_code == 302


@pytest.mark.parametrize("model", ["delivery", "deadletter"])
def test_what_came_from_outside_is_not_made_here(office: Client, model: str) -> None:
    assert office.get(f"/admin/connectors/{model}/add/").status_code == 403


@pytest.mark.parametrize("model", LISTS)
def test_nothing_is_deleted_here(office: Client, model: str) -> None:
    row = {"connector": lambda letter: letter.connector, "delivery": lambda letter: letter.delivery}
    letter = DeadLetterFactory()
    found = row.get(model, lambda letter: letter)(letter)
    assert office.post(f"/admin/connectors/{model}/{found.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_connector_is_shown_with_its_health_and_address_and_without_its_secret(office: Client) -> None:
    heard = timezone.now() - timedelta(minutes=3)
    connector = ConnectorFactory(name="shop", last_success_at=heard, last_error="no route", config={"service": "web"})
    listed, shown = seen(office, "connector"), seen(office, "connector", connector)
    assert "3\xa0minutes" in listed
    assert "no route" in listed
    assert "/hooks/shop" in shown
    assert 'name="service" value="web"' in shown
    assert SECRET not in shown
    assert bytes(connector.secrets).decode() not in shown


def test_a_connector_that_is_not_tried_again_says_so_and_why(office: Client) -> None:
    connector = ConnectorFactory(kind="git", secret={}, failures=1, last_error="There is no git repository.")
    for page in (seen(office, "connector"), seen(office, "connector", connector)):
        assert "Stopped, as it never worked: mend what the last error says" in page
        assert "There is no git repository." in page


def test_a_connector_whose_kind_is_gone_is_shown_all_the_same(office: Client) -> None:
    assert "gone" in seen(office, "connector", ConnectorFactory(kind="gone"))


def test_the_interval_is_changed_and_recorded(office: Client) -> None:
    connector = ConnectorFactory(kind="gitea", interval=60)
    assert office.post(address("connector", connector), {"interval": 300, "secret": ""}).status_code == 302
    connector.refresh_from_db()
    assert connector.interval == 300
    assert unseal(connector.secrets) == {"secret": SECRET}
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.change) == ("configure", {"interval": [60, 300]})


def test_an_interval_too_short_is_refused_and_the_secret_beside_it_is_not_echoed(office: Client) -> None:
    connector = ConnectorFactory()
    answer = office.post(address("connector", connector), {"interval": 4, "secret": "brand new"})
    assert "greater than or equal to 5" in answer.content.decode()
    assert "brand new" not in answer.content.decode()
    assert not AuditEntry.objects.exists()


def test_a_secret_is_replaced_and_its_value_is_written_nowhere(office: Client) -> None:
    connector = ConnectorFactory(kind="gitea")
    office.post(address("connector", connector), {"interval": 60, "secret": " brand new "})
    connector.refresh_from_db()
    assert unseal(connector.secrets) == {"secret": " brand new "}
    assert AuditEntry.objects.get().change == {"secret": ["", "replaced"]}
    assert "brand new" not in seen(office, "connector", connector)


def test_a_secret_that_nobody_can_open_any_more_is_mended_by_a_new_one(office: Client, settings: Any) -> None:
    connector = ConnectorFactory(kind="gitea")
    settings.SEALING_KEYS = ["T0tPhlG7cLnZsoPIQOjA_-wBjbiVzl6jTQlP_AOcR5I="]
    answer = office.post(address("connector", connector), {"interval": 60, "secret": ""})
    assert "sealed by another installation" in answer.content.decode()
    polled = {"url": "https://git.example", "repositories": "shop/api", "token": "other"}
    answer = office.post(address("connector", connector), {"interval": 60, "secret": "new", **polled})
    assert answer.status_code == 302
    connector.refresh_from_db()
    assert unseal(connector.secrets) == {"secret": "new", "token": "other"}


def test_a_polled_connector_that_was_mended_is_due_at_once(admin: User) -> None:
    now = timezone.now()
    connector = ConnectorFactory(kind="jsonlines", config={"path": "/app.log"}, secret={}, next_poll_at=None)
    services.configure(connector=connector, interval=60, values={}, actor=admin, now=now)
    connector.refresh_from_db()
    assert connector.next_poll_at == now


def test_connectors_are_switched_off_and_on_and_both_are_recorded(office: Client) -> None:
    rows = [ConnectorFactory(), ConnectorFactory()]
    assert act(office, "connector", "switch_off", *rows) == ["2 switched off."]
    assert set(Connector.objects.values_list("enabled", flat=True)) == {False}
    assert act(office, "connector", "switch_on", rows[0])[-1] == "1 switched on."
    assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == ["disable", "disable", "enable"]


def test_poll_now_makes_a_polled_connector_due_and_says_of_the_others_why_not(
    office: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[str, ...]] = []
    monkeypatch.setattr(services, "ring", lambda *what: rung.append(what))
    polled = ConnectorFactory(kind="git", next_poll_at=None)
    rows = [polled, ConnectorFactory(kind="git", name="off", enabled=False), ConnectorFactory(name="hook")]
    report = act(office, "connector", "poll_now", *rows)
    assert report == [
        "1 polled soon.",
        "hook: hook is not polled: its source calls /hooks/hook.",
        "off: off is switched off.",
    ]
    polled.refresh_from_db()
    assert polled.next_poll_at is not None
    assert rung == [("connectors.poll", str(polled.pk))]


def test_a_delivery_is_shown_as_it_came(office: Client) -> None:
    delivery = DeliveryFactory(body=b'{"zen":"<b>\xc3\xbc</b>"}', headers={"user-agent": "GitHub-Hookshot/1"})
    raw = office.get(address("delivery", delivery)).content.decode()
    assert "&lt;b&gt;ü&lt;/b&gt;" in raw
    assert "GitHub-Hookshot/1" in raw


@pytest.mark.parametrize("body", [b"\xff\x00" * 50_000, b"[" + b"1," * 5_000_000 + b"1]"], ids=["binary", "large"])
def test_a_heavy_body_is_cut(office: Client, body: bytes) -> None:
    shown = seen(office, "delivery", DeliveryFactory(body=body))
    assert f"{len(body):,} bytes in all" in shown
    assert len(shown) < 60_000


def test_deliveries_are_found_by_state_and_key(office: Client) -> None:
    DeliveryFactory(key="wanted", state=DeliveryState.DEAD)
    DeliveryFactory(key="other")
    for query in ({"state__exact": "dead"}, {"q": "wanted"}):
        page = office.get(address("delivery"), query).content.decode()
        assert "wanted" in page
        assert not re.search(r">other<", page)


def test_dead_letters_are_retried_and_it_is_said_how_many_came_through(
    office: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [DeadLetterFactory(), DeadLetterFactory(state=DeadLetterState.DISCARDED), DeadLetterFactory()]
    DeadLetter.objects.filter(pk=letters[0].pk).update(raw=b"{}")
    letters[0].connector.deliveries.update(event="ping")  # of which nothing is told
    report = act(office, "deadletter", "retry", *letters)
    assert report[0] == "1 of 3 replayed."
    assert "discarded already" in report[1]
    assert "failed again" in report[2]
    states = list(DeadLetter.objects.order_by("id").values_list("state", flat=True))
    assert states == ["replayed", "discarded", "open"]
    assert not Event.objects.exists()


def test_dead_letters_are_discarded(office: Client) -> None:
    letters = [DeadLetterFactory(), DeadLetterFactory(state=DeadLetterState.REPLAYED)]
    assert act(office, "deadletter", "discard", *letters) == ["1 of 2 discarded."]
    assert [entry.actor.username for entry in AuditEntry.objects.select_related("actor") if entry.actor] == ["admin"]


def test_many_rows_are_retried_as_far_as_one_request_should_go(office: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.admin.deadletter.AT_ONCE", 2)
    letters = [DeadLetterFactory() for _ in range(3)]
    assert act(office, "deadletter", "retry", *letters)[0] == "0 of 3 replayed."
    assert list(DeadLetter.objects.order_by("id").values_list("attempts", flat=True)) == [2, 2, 1]


def test_what_one_request_does_not_discard_is_said_to_be_left(office: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.deadletters.DISCARD_BATCH", 2)
    monkeypatch.setattr("connectors.deadletters.MOST_DISCARDED", 2)
    letters = [DeadLetterFactory() for _ in range(3)]
    assert act(office, "deadletter", "discard", *letters) == ["2 of 3 discarded; 1 are still open."]
    assert DeadLetter.objects.filter(state=DeadLetterState.OPEN).count() == 1


def test_an_action_is_refused_to_who_may_only_look(client: Client, engineer: User) -> None:
    engineer.is_staff = True
    engineer.save()
    client.force_login(engineer)
    connector = ConnectorFactory()
    assert client.get(address("connector")).status_code == 200
    client.post(address("connector"), {"action": "switch_off", "_selected_action": [str(connector.pk)]})
    connector.refresh_from_db()
    assert connector.enabled
    assert client.post(address("connector", connector), {"interval": 300}).status_code == 403
