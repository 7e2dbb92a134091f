"""People are told where they asked to be, once, and in the end: by mail, webhook and Slack, over real connections."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, Notification, NotificationDelivery, User
from accounts.notifications import delivery, services, wishes
from accounts.notifications.choices import Channel, SendState, Topic
from accounts.notifications.delivery import Message, deliver_due
from connectors.messengers import SENDERS
from connectors.standardwebhooks import standard_webhook
from connectors.tests.mail import mail_server
from connectors.tests.peers import Peer, Reply
from rcaplatform.kit.errors import Invalid, Unavailable

pytestmark = pytest.mark.django_db


@pytest.fixture
def letters(settings: Settings) -> Iterator[list[str]]:
    settings.EMAIL_URL = "smtp://"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mail_server() as (taken, port):
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        yield taken


@pytest.fixture
def reader(engineer: User) -> User:
    engineer.email = "engineer@shop.example"
    engineer.save()
    return engineer


def tell(person: User, key: str = "1", **more: Any) -> int:
    told = {"topic": Topic.ASSIGNED, "title": "Assigned to you: Payments fail", "path": "/investigations/", "key": key}
    return services.notify(people=[person], now=timezone.now(), **{**told, **more})


def deliver(after: timedelta = timedelta(0)) -> int:
    return deliver_due(senders=SENDERS, now=timezone.now() + after)


def test_a_letter_arrives_and_tells_how_to_stop_them(letters: list[str], reader: User) -> None:
    tell(reader)
    assert deliver() == 1
    (letter,) = letters
    assert "Subject: Assigned to you: Payments fail" in letter
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in letter
    assert NotificationDelivery.objects.get().state == SendState.SENT


def test_nobody_is_told_twice_of_the_same(reader: User) -> None:
    assert [tell(reader), tell(reader)] == [1, 0]
    assert Notification.objects.count() == 1


def test_who_did_it_is_not_told(reader: User) -> None:
    assert tell(reader, but=reader) == 0


def test_what_is_due_together_is_one_letter(letters: list[str], reader: User) -> None:
    tell(reader, "1")
    tell(reader, "2")
    assert deliver() == 2
    assert len(letters) == 1
    assert "Subject: 2 notifications:" in letters[0]


def test_an_address_refused_for_good_is_given_up_at_once(letters: list[str], reader: User) -> None:
    reader.email = "gone@shop.example"
    reader.save()
    tell(reader)
    deliver()
    row = NotificationDelivery.objects.get()
    assert (row.state, row.attempts) == (SendState.DEAD, 1)
    assert "refuses the address" in row.error


def test_a_server_that_is_away_is_tried_again_and_then_given_up(reader: User, settings: Settings) -> None:
    settings.EMAIL_URL, settings.EMAIL_PORT = "smtp://", 1
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    tell(reader)
    assert deliver() == 1
    assert deliver() == 0, "not before its time"
    for _ in range(10):
        deliver(timedelta(days=1))
        NotificationDelivery.objects.filter(state=SendState.PENDING).update(next_attempt_at=timezone.now())
    row = NotificationDelivery.objects.get()
    assert (row.state, row.attempts) == (SendState.DEAD, 8)


def test_what_was_given_up_can_be_sent_again(letters: list[str], reader: User, admin: User) -> None:
    tell(reader)
    NotificationDelivery.objects.update(state=SendState.DEAD, attempts=8)
    rows = list(NotificationDelivery.objects.values_list("pk", flat=True))
    assert delivery.retry(deliveries=rows, actor=admin, now=timezone.now()) == 1
    assert deliver() == 1
    assert len(letters) == 1


def test_a_webhook_is_signed_as_the_standard_says(reader: User, settings: Settings) -> None:
    with Peer({"/hook": {}}) as peer:
        own = {"webhook_url": f"{peer.url}/hook", "webhook_secret": "a key"}
        services.prefer(user=reader, topics={"assigned": {"webhook": True, "email": False}}, own=own, actor=reader)
        tell(reader)
        assert deliver() == 1
        (call,) = peer.asked
    assert standard_webhook(call.headers, call.body, "a key", now=timezone.now())


def test_an_address_that_may_not_be_reached_is_given_up(reader: User) -> None:
    own = {"webhook_url": "http://169.254.169.254/latest"}
    services.prefer(user=reader, topics={"assigned": {"webhook": True}}, own=own, actor=reader)
    tell(reader)
    deliver()
    assert NotificationDelivery.objects.get(channel="webhook").state == SendState.DEAD


def test_an_address_inside_is_given_up_though_an_administrators_connectors_may_reach_it(
    reader: User, settings: Settings
) -> None:
    settings.NOTIFICATION_NETWORKS = []
    with Peer({"/hook": {}}) as peer:
        own = {"webhook_url": f"{peer.url}/hook"}
        services.prefer(user=reader, topics={"assigned": {"webhook": True, "email": False}}, own=own, actor=reader)
        tell(reader)
        deliver()
    row = NotificationDelivery.objects.get(channel="webhook")
    assert (row.state, peer.asked) == (SendState.DEAD, [])
    assert "neither public nor in NOTIFICATION_NETWORKS" in row.error


def test_secrets_are_sealed_and_in_no_trail(reader: User) -> None:
    services.prefer(user=reader, topics={}, own={"slack_url": "https://hooks.example/T0/hunter2"}, actor=reader)
    assert b"hunter2" not in bytes(reader.notification_settings.sealed)
    assert "hunter2" not in str(list(AuditEntry.objects.values_list("change", flat=True)))


@pytest.mark.parametrize(
    ("topics", "own", "field"),
    [
        ({"weather": {"email": True}}, {}, "topics"),
        ({"assigned": {"pigeon": True}}, {}, "topics.assigned"),
        ({}, {"time_zone": "Mars/Olympus"}, "time_zone"),
        ({}, {"webhook_url": "ftp://x"}, "webhook_url"),
    ],
)
def test_a_wrong_wish_is_refused_by_name(reader: User, topics: Any, own: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.prefer(user=reader, topics=topics, own=own, actor=reader)
    assert list(refused.value.fields) == [field]


def test_one_click_stops_letters_without_signing_in(client: Client, reader: User) -> None:
    address = delivery.unsubscribe_url(reader, Channel.EMAIL)
    assert client.post(address).status_code == 200
    tell(reader)
    assert not NotificationDelivery.objects.exists()


def test_who_stops_letters_gets_none_of_those_that_waited(
    client: Client, letters: list[str], reader: User, admin: User
) -> None:
    services.prefer(user=reader, topics={}, own={"digest": "daily"}, actor=reader)
    for person in (reader, admin):
        User.objects.filter(pk=person.pk).update(email=f"{person.username}@shop.example")
        person.refresh_from_db()
        tell(person)
    client.post(delivery.unsubscribe_url(reader, Channel.EMAIL))
    assert deliver(timedelta(days=2)) == 1
    assert deliver(timedelta(days=2)) == 0
    assert ["To: admin@shop.example" in letter for letter in letters] == [True]


def quiet_now(person: User) -> None:
    """Begin quiet hours that end in three."""
    now = timezone.now()
    ends = {"quiet_from": (now - timedelta(hours=1)).time(), "quiet_until": (now + timedelta(hours=3)).time()}
    services.prefer(user=person, topics={}, own=ends, actor=person)


def test_what_is_late_or_tried_again_waits_for_the_end_of_quiet_hours(letters: list[str], reader: User) -> None:
    tell(reader)
    quiet_now(reader)
    assert (deliver(), letters) == (0, [])
    assert NotificationDelivery.objects.get().attempts == 0
    assert deliver(timedelta(hours=4)) == 1


def test_a_test_of_a_channel_is_sent_at_once(letters: list[str], reader: User) -> None:
    services.prefer(user=reader, topics={}, own={"digest": "daily"}, actor=reader)
    quiet_now(reader)
    services.try_channel(user=reader, channel=Channel.EMAIL, now=timezone.now())
    assert deliver() == 1
    assert "Subject: A test by E-mail" in letters[0]


def test_a_message_that_is_tried_again_with_another_one_has_an_id_of_its_own(reader: User, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://"
    seen: list[Message] = []

    def timed_out(message: Message) -> None:
        seen.append(message)
        raise Unavailable("Nobody knows whether it arrived.")

    for key, after in (("1", 0), ("2", 0), ("again", 90)):
        if key != "again":
            tell(reader, key)
        deliver_due(senders={Channel.EMAIL: timed_out}, now=timezone.now() + timedelta(seconds=after))
    assert [len(message.items) for message in seen] == [1, 1, 2]
    assert len({message.id for message in seen}) == 3


def test_a_lost_key_of_ones_own_secrets_stops_neither_others_nor_ones_letters(
    letters: list[str], reader: User, settings: Settings
) -> None:
    own = {"slack_url": "https://hooks.example/T0", "webhook_url": "https://hooks.example/", "webhook_secret": "x"}
    topics = {"assigned": {"slack": True, "webhook": True}}
    services.prefer(user=reader, topics=topics, own=own, actor=reader)
    settings.SEALING_KEYS = [Fernet.generate_key().decode()]
    assert tell(reader) == 1
    while deliver():
        pass
    assert len(letters) == 1
    assert NotificationDelivery.objects.get(channel="webhook").state == SendState.PENDING, "nothing leaves unsigned"
    services.prefer(user=reader, topics={}, own={"slack_url": "https://hooks.example/T1"}, actor=reader)
    assert "slack" in wishes.of(reader)["channels"]


def test_a_link_that_is_not_ours_is_not_found(client: Client) -> None:
    assert client.get("/unsubscribe/eyJh:forged").status_code == 404


def test_a_sender_that_dies_leaves_it_in_the_queue(letters: list[str], reader: User) -> None:
    def die(_: Message) -> None:
        raise KeyboardInterrupt

    tell(reader)
    with pytest.raises(KeyboardInterrupt):
        deliver_due(senders={Channel.EMAIL: die}, now=timezone.now())
    assert deliver(timedelta(minutes=1)) == 1
    assert len(letters) == 1


def test_an_error_of_a_moment_is_no_end(reader: User, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://"

    def away(_: Message) -> None:
        raise Unavailable("Later.")

    tell(reader)
    deliver_due(senders={Channel.EMAIL: away}, now=timezone.now())
    assert NotificationDelivery.objects.get().state == SendState.PENDING
    assert mail.outbox == []


def test_the_door_of_preferences_keeps_what_is_ticked(client: Client, reader: User) -> None:
    client.force_login(reader)
    page = "/notifications/preferences"
    said = {"digest": "daily", "time_zone": "Europe/Berlin", "moved.email": "on"}
    assert client.post(page, said).status_code == 302
    assert reader.notification_settings.digest == "daily"
    assert client.get(page).status_code == 200
    assert services.notify(topic=Topic.WRITTEN, people=[reader], title="x", key="w", now=timezone.now()) == 0


def test_a_secret_is_forgotten_by_a_tick_and_kept_by_an_empty_field(client: Client, reader: User) -> None:
    own = {"slack_url": "https://hooks.example/T0", "webhook_secret": "x"}
    services.prefer(user=reader, topics={}, own=own, actor=reader)
    client.force_login(reader)
    page = "/notifications/preferences"
    assert b'name="forget" value="slack_url"' in client.get(page).content
    client.post(page, {"digest": "at_once", "time_zone": "UTC", "forget": "slack_url"})
    assert wishes.of(reader)["kept"] == ["webhook_secret"]
    assert b'name="forget" value="slack_url"' not in client.get(page).content


def test_the_inbox_shows_what_one_was_told_and_lets_it_be_read(client: Client, reader: User) -> None:
    tell(reader)
    client.force_login(reader)
    assert b"Payments fail" in client.get("/notifications/").content
    client.post("/notifications/read")
    assert Notification.objects.get().read_at


def test_slack_is_told_as_it_reads_and_finds_nothing_of_its_own_in_it(reader: User) -> None:
    with Peer({"/services/T0/B0/hunter2": "ok"}) as slack:
        own = {"slack_url": f"{slack.url}/services/T0/B0/hunter2"}
        services.prefer(user=reader, topics={"assigned": {"slack": True, "email": False}}, own=own, actor=reader)
        tell(reader, "1", title="Assigned to you: <!channel> & a|b")
        tell(reader, "2")
        assert deliver() == 2
        (call,) = slack.asked
    first, second = call.json()["text"].splitlines()
    assert "&lt;!channel&gt; &amp; a¦b" in first
    assert second.endswith("|Assigned to you: Payments fail>")
    assert set(NotificationDelivery.objects.values_list("state", flat=True)) == {SendState.SENT}


@pytest.mark.parametrize(("status", "state"), [(404, SendState.DEAD), (500, SendState.PENDING)])
def test_an_address_of_slack_is_told_nowhere_when_it_fails(
    reader: User, status: int, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Peer({"*": Reply("no service /services/T0/B0/hunter2/", status=status)}) as slack:
        own = {"slack_url": f"{slack.url}/services/T0/B0/hunter2"}
        services.prefer(user=reader, topics={"assigned": {"slack": True, "email": False}}, own=own, actor=reader)
        tell(reader)
        deliver()
        assert slack.paths() == ["/services/T0/B0/hunter2"], "as it was given"
    row = NotificationDelivery.objects.get()
    assert (row.state, "hunter2" in row.error + caplog.text) == (state, False)
    assert row.error


@pytest.mark.parametrize(("asked", "found"), [("true", 1), ("False", 0), ("0", 0), ("", 1), ("maybe", "unread")])
def test_what_is_neither_true_nor_false_is_refused_by_name(
    api: Any, reader: User, asked: str, found: int | str
) -> None:
    tell(reader)
    answer = api(reader).get(f"/api/v1/notifications?unread={asked}").json()
    assert (answer["count"] if "count" in answer else next(iter(answer["errors"]))) == found
