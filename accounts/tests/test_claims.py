"""What an identity provider's claims make of a person."""

from itertools import islice
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts.claims import Provider, email_of, require_domain, role_of, text, usernames
from rcaplatform.kit.errors import NotAllowed

NAMED: dict[str, Any] = {"issuer": "https://id.example.org", "client_id": "rca"}
MAPPED = Provider(**NAMED, role_claim="groups", admins=("ops",), engineers=("dev", "sre"))


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["ops", "dev"], "admin"),
        (["sre"], "engineer"),
        ("sre", "engineer"),
        (["OPS"], "user"),
        ([], "user"),
        (None, "user"),
        ({"ops": 1}, "user"),
        ([["ops"]], "user"),
        (7, "user"),
    ],
)
def test_the_highest_role_that_a_value_gives_is_taken(groups: Any, role: str) -> None:
    assert role_of({"groups": groups}, MAPPED) == role


def test_a_role_may_lie_within_an_object_or_under_a_name_with_dots() -> None:
    nested = Provider(**NAMED, role_claim="realm.roles", admins=("ops",))
    assert role_of({"realm": {"roles": ["ops"]}}, nested) == "admin"
    assert role_of({"realm.roles": ["ops"]}, nested) == "admin"
    assert role_of({"realm": "ops"}, nested) == "user"


def test_without_a_mapping_no_claim_makes_an_administrator() -> None:
    assert role_of({"role": "admin", "groups": ["admin"], "": "ops"}, Provider(**NAMED)) == "user"


def test_whom_no_value_gives_a_role_is_refused_where_there_is_no_default() -> None:
    with pytest.raises(NotAllowed):
        role_of({"groups": ["guests"]}, Provider(**NAMED, role_claim="groups", admins=("ops",), default_role=""))


@pytest.mark.parametrize(
    ("said", "let_in"),
    [
        ({"email": "ada@example.org", "email_verified": True}, True),
        ({"email": "ada@EXAMPLE.org", "email_verified": True}, True),
        ({"email": "ada@example.org", "email_verified": False}, False),
        ({"email": "ada@example.org"}, False),
        ({"email": "ada@example.org", "email_verified": "true"}, False),
        ({"email": "ada@example.org.evil.example", "email_verified": True}, False),
        ({"email": "example.org", "email_verified": True}, False),
        ({}, False),
    ],
)
def test_a_domain_is_believed_of_a_verified_address_alone(said: dict[str, Any], let_in: bool) -> None:
    provider = Provider(**NAMED, domains=("Example.org",))
    if let_in:
        require_domain(said, provider)
    else:
        with pytest.raises(NotAllowed):
            require_domain(said, provider)


def test_an_address_that_is_said_not_to_be_verified_is_not_kept() -> None:
    assert email_of({"email": "ada@example.org", "email_verified": False}) == ""
    assert email_of({"email": "ada@example.org"}) == "ada@example.org"


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ({"preferred_username": "ada", "email": "a@x.org"}, "ada"),
        ({"email": "a@x.org"}, "a@x.org"),
        ({"sub": "auth0|5f"}, "auth0-5f"),
        ({"preferred_username": "<script>"}, "script"),
        ({"preferred_username": ["ada"], "sub": "7"}, "7"),
        ({"sub": "///"}, "person"),
        ({"preferred_username": "x" * 400}, "x" * 140),
    ],
)
def test_a_newcomer_is_called_as_they_are_there_as_far_as_names_allow(said: dict[str, Any], first: str) -> None:
    assert list(islice(usernames(said), 3)) == [first, f"{first}-2", f"{first}-3"]


@pytest.mark.parametrize(
    ("wrong", "variable"),
    [
        ({"issuer": "http://id.example.org"}, "OIDC_ISSUER"),
        ({"issuer": "id.example.org"}, "OIDC_ISSUER"),
        ({"issuer": f"https://id.example.org/{'x' * 200}"}, "OIDC_ISSUER"),
        ({"client_id": ""}, "OIDC_CLIENT_ID"),
        ({"scopes": ("profile",)}, "OIDC_SCOPES"),
        ({"default_role": "root"}, "OIDC_DEFAULT_ROLE"),
        ({"admins": ("ops",)}, "OIDC_ROLE_CLAIM"),
        ({"issuer": "https://accounts.google.com"}, "OIDC_DOMAINS"),
    ],
)
def test_a_wrong_setting_stops_the_start_by_its_name(wrong: dict[str, Any], variable: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=variable):
        Provider(**NAMED | wrong)


def test_there_may_be_no_provider_and_one_on_this_machine_needs_no_certificate() -> None:
    assert not Provider()
    assert Provider(issuer="http://127.0.0.1:9400", client_id="rca")


def test_what_is_no_letter_is_left_out_of_a_name() -> None:
    assert text({"given_name": " A\0d\ud800a "}, "given_name") == "Ada"
