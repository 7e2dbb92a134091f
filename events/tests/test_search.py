"""What an event can be found by."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from events.drafts import EventDraft
from events.models import Event, Origin
from events.services import store
from events.tests.factories import EventFactory, OriginFactory
from rcaplatform.kit import search

pytestmark = pytest.mark.django_db
URL = "/api/v1/events/search"
HASH = "7e3f9ab04c1d5e6f708192a3b4c5d6e7f8091a2b"


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def jenkins() -> Origin:
    return OriginFactory(name="jenkins")


@pytest.fixture
def found(client: APIClient) -> Callable[..., list[str]]:
    """Tell of one event through the API, and return a search that gives titles."""

    def titles(text: str, **filters: str) -> list[str]:
        response = client.get(URL, {"q": text, **filters})
        assert response.status_code == 200, response.json()
        return [row["title"] for row in response.json()["results"]]

    return titles


Found = Callable[..., list[str]]

EVENTS: dict[str, dict[str, Any]] = {
    "service": {"title": "Login is slow", "service": "auth-service"},
    "error": {"title": "PaymentError: card declined", "event_type": "error"},
    "path": {"title": "POST /api/v1/pay answered 502"},
    "commit": {"title": "Widen the pool", "source": "git", "source_id": HASH, "event_type": "commit"},
    "phrase": {"title": "the pool of the database is exhausted", "component": "db"},
    "message": {"title": "Crash", "data": {"log": [{"text": "OutOfMemoryError in worker-7 near /var/lib/queue"}]}},
    "tag": {"title": "Tagged", "tags": ["black-friday"]},
    "environment": {"title": "Placed", "environment": "eu-west-1"},
    "file": {"title": "Touches services/ledger-core/posting/Job.java:88"},
    "host": {"title": "Lost identity-provider2.prod.svc:8080"},
    "address": {"title": "GET https://shop.example.com/api/v7/gift/?id=ORD-7 took long"},
}


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("auth-service", "service"),
        ("auth", "service"),
        ("AUTH-SERVICE", "service"),
        ("PaymentError", "error"),
        ("paymenterror", "error"),
        ("payment", "error"),
        ("/api/v1/pay", "path"),
        ("pay", "path"),
        ("502", "path"),
        (HASH, "commit"),
        (HASH[:7], "commit"),
        (HASH[:12], "commit"),
        ('"pool of the database"', "phrase"),
        ('"database is exhausted"', "phrase"),
        ("OutOfMemoryError", "message"),
        ("worker-7", "message"),
        ("/var/lib/queue", "message"),
        ("black-friday", "tag"),
        ("eu-west-1", "environment"),
        ("services/ledger-core/posting/Job.java", "file"),
        ("posting/Job.java", "file"),
        ("Job.java", "file"),
        ("job.java:88", "file"),
        ("ledger-core", "file"),
        ("identity-provider2", "host"),
        ("identity-provider2.prod.svc", "host"),
        ("identity-provider2.prod.svc:8080", "host"),
        ("https://shop.example.com/api/v7/gift/", "address"),
        ("shop.example.com/api/v7/gift", "address"),
        ("shop.example.com", "address"),
        ("/api/v7/gift", "address"),
        ("/api/v7/gift/", "address"),
        ("v7/gift", "address"),
        ("ORD-7", "address"),
    ],
)
def test_an_event_is_found_by(client: APIClient, found: Found, text: str, event: str) -> None:
    for told in EVENTS.values():
        assert client.post("/api/v1/events", told).status_code == 201
    assert found(text) == [EVENTS[event]["title"]]


def test_a_phrase_is_not_its_words_in_another_order(found: Found) -> None:
    EventFactory(title="connection pool exhausted")
    EventFactory(title="exhausted the pool of the connection")
    assert found('"connection pool"') == ["connection pool exhausted"]


def test_words_are_all_wanted_unless_or_or_minus_says_otherwise(found: Found) -> None:
    EventFactory(title="pool exhausted")
    EventFactory(title="pool grown")
    EventFactory(title="disk full")
    assert found("pool exhausted") == ["pool exhausted"]
    assert found("pool -exhausted") == ["pool grown"]
    assert sorted(found("grown OR disk")) == ["disk full", "pool grown"]


def test_the_best_match_comes_first_unless_the_newest_are_wanted(found: Found) -> None:
    EventFactory(title="the newest, of another service", tags=["pool"])
    EventFactory(title="pool")
    assert found("pool") == ["pool", "the newest, of another service"]
    assert found("pool", sort="-timestamp") == ["the newest, of another service", "pool"]


def test_of_many_matches_the_newest_come_first_and_the_answer_says_so(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    EventFactory(title="newer, less to the point", tags=["pool"])
    EventFactory(title="pool")
    assert client.get(URL, {"q": "pool"})["X-Sort"] == "rank"
    monkeypatch.setattr(search, "RANKED", 1)
    capped = client.get(URL, {"q": "pool", "per_page": "1"})
    assert (capped["X-Sort"], capped["X-Total-Count"], capped["X-Total-Count-Capped"]) == ("-timestamp", "1", "true")
    assert [row["title"] for row in capped.json()["results"]] == ["newer, less to the point"]
    assert [row["title"] for row in client.get(capped.json()["next"]).json()["results"]] == ["pool"]


@pytest.mark.parametrize("sort", ["-timestamp", "timestamp"])
@pytest.mark.parametrize("window", [1, 3, 1000])
def test_many_matches_are_all_found_wherever_they_lie(
    client: APIClient, monkeypatch: pytest.MonkeyPatch, sort: str, window: int
) -> None:
    monkeypatch.setattr(search, "RANKED", 1)
    monkeypatch.setattr(search, "WINDOW", window)
    monkeypatch.setattr(search, "_PAGE", 2)
    for number in range(6):
        EventFactory(title=f"{'pool' if number in (0, 4, 5) else 'disk'} {number}")
    seen, following = [], f"{URL}?q=pool&sort={sort}&cursor=&per_page=1"
    while following:
        page = client.get(following).json()
        seen += [row["title"] for row in page["results"]]
        following = page["next"]
    assert seen == (["pool 0", "pool 4", "pool 5"] if sort == "-timestamp" else ["pool 5", "pool 4", "pool 0"])


def test_a_search_combines_with_filters(found: Found) -> None:
    EventFactory(title="pool here", service="checkout")
    EventFactory(title="pool there", service="payment")
    assert found("pool", service="payment") == ["pool there"]


def test_what_was_deleted_is_not_found(client: APIClient, found: Found) -> None:
    event = EventFactory(title="pool")
    client.delete(f"/api/v1/events/{event.pk}")
    assert found("pool") == []


def test_a_change_can_be_found_and_what_it_replaced_cannot(client: APIClient, found: Found) -> None:
    event = EventFactory(title="before")
    client.patch(f"/api/v1/events/{event.pk}", {"title": "afterwards"})
    assert (found("afterwards"), found("before")) == (["afterwards"], [])


@pytest.mark.parametrize("change", [{"severity": "high"}, {"tags": ["db"]}, {"title": "pool empty"}, {}])
def test_an_edit_spoils_no_phrase_of_what_it_leaves(
    client: APIClient, found: Found, jenkins: Origin, change: dict[str, Any]
) -> None:
    told = EventDraft(
        source="ci",
        source_id="1",
        timestamp=timezone.now(),
        event_type="error",
        title="pool exhausted",
        message="pool of nine, pool of ten",
        data={"log": "the pool gave up waiting"},
    )
    store(drafts=[told], origin=jenkins, now=timezone.now())
    event = Event.objects.get()
    assert client.patch(f"/api/v1/events/{event.pk}", change).status_code == 200
    for phrase in ("pool gave up", "pool of nine", "pool of ten"):
        assert found(f'"{phrase}"') == [change.get("title", "pool exhausted")]


def test_changed_data_is_found_and_what_it_replaced_is_not(client: APIClient, found: Found) -> None:
    event = EventFactory(title="tuned", data={"instrument": "xylophonic"})
    client.patch(f"/api/v1/events/{event.pk}", {"data": {"instrument": "marimbatic", "bars": 4711}})
    assert (found("marimbatic"), found("4711"), found("xylophonic")) == (["tuned"], ["tuned"], [])


def test_what_was_stored_before_is_found_by_its_data_and_still_by_its_message(
    found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = import_module("events.migrations.0006_fill_keywords")
    monkeypatch.setattr(migration, "BATCH", 2)
    EventFactory.create_batch(5, title="old", data={"id": "ORD-7"}, keywords="old checkout segfault in renderer")
    for _ in range(2):
        with connection.schema_editor() as editor:
            migration.fill(apps, editor)
        assert set(Event.objects.values_list("message", flat=True)) == {"segfault in renderer"}
        assert found("ORD-7") == found('"segfault in renderer"') == found("checkout") == ["old"] * 5


def test_the_excerpt_marks_matches_and_is_safe_on_a_page(client: APIClient) -> None:
    EventFactory(title="<script>alert(1)</script> the pool is exhausted")
    (row,) = client.get(URL, {"q": "pool"}).json()["results"]
    assert "<mark>pool</mark>" in row["excerpt"]
    assert "<script>" not in row["excerpt"]


def test_a_search_without_words_is_refused(client: APIClient) -> None:
    for query in ("", "?q=", "?q=%20%20"):
        response = client.get(f"{URL}{query}")
        assert (response.status_code, list(response.json()["errors"])) == (400, ["q"])
