"""The request collection says what the OpenAPI document says, and its requests work as they come."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


@pytest.fixture
def requests() -> dict[tuple[str, str], dict[str, Any]]:
    """Each request of the collection, by its method and its path as the OpenAPI document writes it."""
    answer = APIClient().get(f"{V1}/collection")
    assert answer.status_code == 200
    found = {}
    for folder in answer.json()["item"]:
        for item in folder["item"]:
            path = "/".join(f"{{{part[1:]}}}" if part[0] == ":" else part for part in item["request"]["url"]["path"])
            found[item["request"]["method"], f"/{path}"] = item
    return found


def test_it_holds_each_operation_once(requests: dict[tuple[str, str], Any]) -> None:
    paths = APIClient().get(f"{V1}/schema?format=json").json()["paths"]
    assert requests.keys() == {(method.upper(), path) for path, operations in paths.items() for method in operations}


def test_it_is_saved_as_a_file() -> None:
    said = APIClient().get(f"{V1}/collection")["Content-Disposition"]
    assert said == 'attachment; filename="rca.postman_collection.json"'


def test_signing_in_comes_without_a_token_and_keeps_the_one_it_gets(requests: dict[tuple[str, str], Any]) -> None:
    item = requests["POST", f"{V1}/auth/token"]
    assert item["request"]["auth"] == {"type": "noauth"}
    assert json.loads(item["request"]["body"]["raw"]) == {"username": "{{username}}", "password": "{{password}}"}
    assert 'set("access"' in str(item["event"])


@pytest.mark.parametrize("resource", ["events", "investigations"])
def test_the_body_that_makes_one_is_accepted_as_it_comes(
    requests: dict[tuple[str, str], Any], api: Any, engineer: User, resource: str
) -> None:
    body = json.loads(requests["POST", f"{V1}/{resource}"]["request"]["body"]["raw"])
    assert api(engineer).post(f"{V1}/{resource}", body).status_code == 201


def test_a_parameter_that_may_be_left_out_is_there_but_switched_off(requests: dict[tuple[str, str], Any]) -> None:
    query = {one["key"]: one["disabled"] for one in requests["GET", f"{V1}/events/search"]["request"]["url"]["query"]}
    assert (query["q"], query["severity"], query["page"]) == (False, True, True)
