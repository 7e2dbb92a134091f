"""Saved views over the API: own and shared ones, one name each, not without end."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from investigations import savedviews
from investigations.models import SavedView
from investigations.tests.factories import SavedViewFactory

pytestmark = pytest.mark.django_db
VIEWS = "/api/v1/views"
BODY = {"name": " Mine ", "query": "sort=-updated&status=active"}


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


def names(client: APIClient, query: str = "") -> list[str]:
    return [row["name"] for row in client.get(f"{VIEWS}{query}").json()["results"]]


def test_a_view_is_kept_normalised_and_read_as_it_was_told(client: APIClient) -> None:
    made = client.post(VIEWS, BODY)
    assert (made.status_code, made.json()["name"], made.json()["query"]) == (201, "Mine", "status=active&sort=-updated")
    assert (made.json()["shared"], made.json()["owner_name"]) == (False, "engineer")
    assert client.get(made["Location"]).json() == made.json()
    assert client.get(VIEWS).json()["results"] == [made.json()]


def test_the_list_holds_own_and_shared_views(client: APIClient, engineer: User) -> None:
    SavedViewFactory(owner=engineer, name="own")
    SavedViewFactory(shared=True, name="shared")
    hidden = SavedViewFactory(name="somebody else's")
    assert names(client) == ["own", "shared"]
    assert names(client, "?shared=true") == ["shared"]
    assert names(client, "?owner=me") == ["own"]
    assert client.get(f"{VIEWS}/{hidden.pk}").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"query": "colour=red"}, "query"),
        ({"query": "x" * 5_000}, "query"),
        ({"owner": "somebody"}, "owner"),
        ({"nmae": "x"}, "nmae"),
    ],
)
def test_a_wrong_field_is_named(client: APIClient, wrong: dict[str, str], field: str) -> None:
    refused = client.post(VIEWS, BODY | wrong)
    assert refused.status_code == 400
    assert field in refused.json()["errors"]
    assert not SavedView.objects.exists()


def test_a_person_gives_a_name_once(client: APIClient) -> None:
    SavedViewFactory(name="Mine")  # somebody else's
    first, other = client.post(VIEWS, BODY), client.post(VIEWS, BODY | {"name": "Other"})
    assert client.post(VIEWS, BODY).json()["errors"] == {"name": ["There is one of this name already."]}
    renamed = client.patch(other["Location"], {"name": "Mine"})
    assert (first.status_code, renamed.status_code) == (201, 400)


def test_a_person_keeps_so_many_views_and_no_more(
    client: APIClient, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(savedviews, "MOST", 2)
    SavedViewFactory.create_batch(2, owner=engineer)
    assert client.post(VIEWS, BODY).json()["errors"] == {"name": ["There are too many."]}


def test_a_change_is_kept_and_written_down(client: APIClient) -> None:
    one = client.post(VIEWS, BODY)["Location"]
    changed = client.patch(one, {"query": "priority=p0", "shared": True}).json()
    assert (changed["query"], changed["shared"], changed["version"]) == ("priority=p0", True, 2)
    entry = AuditEntry.objects.get(verb="edit", target_type="savedview")
    assert entry.change == {"query": ["status=active&sort=-updated", "priority=p0"], "shared": [False, True]}


def test_a_change_of_what_is_not_there_any_more_is_refused(client: APIClient) -> None:
    one = client.post(VIEWS, BODY)["Location"]
    client.patch(one, {"shared": True})
    assert client.patch(one, {"shared": False}, headers={"If-Match": '"1"'}).status_code == 412


def test_a_deleted_view_is_gone_and_its_query_is_on_record(client: APIClient) -> None:
    one = client.post(VIEWS, BODY)["Location"]
    assert (client.delete(one).status_code, client.get(one).status_code) == (204, 404)
    assert client.post(f"{one}/restore").status_code == 404
    entry = AuditEntry.objects.get(verb="delete", target_type="savedview")
    assert entry.change["query"] == ["status=active&sort=-updated", None]


def test_a_list_costs_the_same_queries_however_long(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    SavedViewFactory.create_batch(12, shared=True)
    client.get(VIEWS)
    # The page alone: who asks is known, and owners come with their views.
    with django_assert_num_queries(1):
        client.get(VIEWS)
