"""Pages of a list over the API: by number, by cursor, and counted no further than it is worth."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from events.models import Event
from events.tests.factories import EventFactory
from rcaplatform.kit import paging

pytestmark = pytest.mark.django_db
URL = "/api/v1/events"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def client(api: Callable[[User | None], APIClient], user: User) -> APIClient:
    return api(user)


def at(*minutes: int) -> None:
    for minute in minutes:
        EventFactory(title=str(minute), timestamp=NOON + timedelta(minutes=minute))


def titles(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["title"] for row in response.json()["results"]]


def links(response: Any) -> dict[str, str]:
    return {rel: url for url, rel in re.findall(r'<([^>]*)>; rel="([a-z]+)"', response["Link"])}


def walk(client: APIClient, url: str) -> list[str]:
    """Follow `next` to the end."""
    seen = []
    following: str | None = url
    while following:
        response = client.get(following)
        seen += titles(response)
        following = response.json()["next"]
    return seen


def test_pages_follow_one_another_newest_first(client: APIClient) -> None:
    at(*range(5))
    first = client.get(URL, {"per_page": 2})
    assert titles(first) == ["4", "3"]
    assert (first["X-Total-Count"], first["X-Page"], first["X-Per-Page"], first["X-Sort"]) == (
        "5",
        "1",
        "2",
        "-timestamp",
    )
    assert first.json()["count"] == 5
    assert titles(client.get(first.json()["next"])) == ["2", "1"]
    last = client.get(links(first)["last"])
    assert titles(last) == ["0"]
    assert last.json()["next"] is None
    assert titles(client.get(last.json()["previous"])) == ["2", "1"]
    assert set(links(last)) == {"first", "prev", "last"}


def test_pages_keep_the_filters(client: APIClient) -> None:
    at(*range(4))
    EventFactory(title="other", service="other")
    assert walk(client, f"{URL}?service=checkout&per_page=1") == ["3", "2", "1", "0"]


def test_a_page_past_the_end_is_empty(client: APIClient) -> None:
    at(1)
    response = client.get(URL, {"page": 7})
    assert titles(response) == []
    assert (response["X-Total-Count"], response.json()["next"]) == ("1", None)


def test_twenty_rows_a_page_unless_told_and_never_more_than_a_hundred(client: APIClient) -> None:
    EventFactory.create_batch(101)
    assert len(titles(client.get(URL))) == 20
    most = client.get(URL, {"per_page": 1000})
    assert (len(titles(most)), most["X-Per-Page"]) == (100, "100")


def test_a_count_stops_at_its_cap_and_says_so(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNTED", 3)
    at(*range(5))
    response = client.get(URL, {"per_page": 2})
    assert (response["X-Total-Count"], response["X-Total-Count-Capped"]) == ("3", "true")
    assert set(links(response)) == {"first", "next"}  # nobody knows the last
    assert titles(client.get(URL, {"per_page": 2, "page": 3})) == ["0"]


def test_a_list_known_to_pass_the_cap_is_not_counted_again_for_a_while(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counts() -> int:
        with CaptureQueriesContext(connection) as asked:
            page = client.get(URL, {"per_page": "2"})
        assert (page["X-Total-Count"], page["X-Total-Count-Capped"]) == ("3", "true")
        return sum("COUNT(" in query["sql"] for query in asked)

    monkeypatch.setattr(paging, "COUNTED", 3)
    at(*range(5))
    assert [counts(), counts()] == [1, 0]
    paging.plenty.clear()
    monkeypatch.setattr(paging, "REMEMBERED", -1.0)
    assert [counts(), counts()] == [1, 1]


def test_a_count_below_the_cap_is_never_remembered(client: APIClient) -> None:
    at(*range(3))
    assert client.get(URL, {"per_page": 2})["X-Total-Count"] == "3"
    at(4)
    assert client.get(URL, {"per_page": 2})["X-Total-Count"] == "4"


def test_no_more_than_so_many_counts_are_remembered(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNTED", 3)
    monkeypatch.setattr(paging, "MOST_REMEMBERED", 2)
    at(*range(5))
    for start in range(5):
        client.get(URL, {"per_page": "2", "start": f"20{start}0-01-01T00:00:00Z"})
    assert len(paging.plenty._until) <= 2


def test_a_count_below_the_cap_is_exact(client: APIClient) -> None:
    at(*range(5))
    assert not client.get(URL, {"per_page": 2}).has_header("X-Total-Count-Capped")


def test_a_cursor_reaches_every_row_once(client: APIClient) -> None:
    at(*range(7))
    at(3, 3)  # the same moment: told apart by the key
    assert walk(client, f"{URL}?cursor=&per_page=2") == ["6", "5", "4", "3", "3", "3", "2", "1", "0"]
    assert walk(client, f"{URL}?cursor=&per_page=2&sort=timestamp") == ["0", "1", "2", "3", "3", "3", "4", "5", "6"]


def test_rows_that_come_and_go_do_not_disturb_a_cursor(client: APIClient) -> None:
    at(*range(6))
    following = client.get(f"{URL}?cursor=&per_page=2").json()["next"]
    at(10)
    Event.objects.filter(title="4").delete()
    assert walk(client, following) == ["3", "2", "1", "0"]


def test_a_cursor_counts_nothing(client: APIClient) -> None:
    at(1)
    response = client.get(URL, {"cursor": ""})
    assert response.json()["count"] is None
    assert not response.has_header("X-Total-Count")


def test_a_cursor_compares_whole_rows_so_that_an_index_answers(client: APIClient) -> None:
    at(*range(300))
    following = client.get(f"{URL}?cursor=&per_page=1").json()["next"]
    with CaptureQueriesContext(connection) as queries:
        client.get(following)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE events_event")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {queries[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert re.search(r"event_newest.*\n.*Index Cond: \(ROW\(", plan), plan


def test_numbered_pages_end_where_reading_them_gets_slow(client: APIClient) -> None:
    response = client.get(URL, {"page": 501})
    assert response.status_code == 400
    assert "cursor" in response.json()["errors"]["page"][0]
    assert client.get(URL, {"page": 500}).status_code == 200


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"page": "0"}, "page"),
        ({"page": "-1"}, "page"),
        ({"page": "two"}, "page"),
        ({"page": ""}, "page"),
        ({"page": "1e3"}, "page"),
        ({"page": "٣"}, "page"),
        ({"page": "9" * 5000}, "page"),
        ({"per_page": "0"}, "per_page"),
        ({"per_page": "-5"}, "per_page"),
        ({"per_page": "ten"}, "per_page"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "\x00"}, "cursor"),
        ({"cursor": "W10"}, "cursor"),  # []
        ({"cursor": "MQ"}, "cursor"),  # 1
        ({"cursor": "bnVsbA"}, "cursor"),  # null
        ({"cursor": "", "page": "1"}, "cursor"),
        ({"cursor": "", "sort": "rank", "q": "word"}, "cursor"),
    ],
)
def test_a_wrong_page_or_cursor_is_named(client: APIClient, given: dict[str, str], named: str) -> None:
    response = client.get(URL, given)
    assert response.status_code == 400, response.json()
    assert list(response.json()["errors"]) == [named]


def test_a_cursor_of_one_order_is_none_of_another(client: APIClient) -> None:
    at(*range(300))
    following = client.get(f"{URL}?cursor=&per_page=1").json()["next"]
    assert client.get(f"{following}&sort=timestamp").status_code == 400
