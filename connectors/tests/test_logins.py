"""Sources prove themselves in one way, and are polled or take deliveries by what they are given."""

import pytest

from connectors.base import Pull, Push
from connectors.logins import LoginConfig, TenantConfig, basic, bearer
from connectors.registry import SOURCES

BASIC = {"Authorization": "Basic YWRhOmdlaGVpbQ=="}


@pytest.mark.parametrize(
    ("values", "headers"),
    [
        ({}, {}),
        ({"token": "t"}, {"Authorization": "Bearer t"}),
        ({"user": "ada", "password": "geheim"}, BASIC),
        ({"token": "t", "user": "ada", "password": "geheim"}, {"Authorization": "Bearer t"}),
        ({"password": "geheim"}, {}),
    ],
)
def test_a_token_goes_before_a_password(values: dict[str, str], headers: dict[str, str]) -> None:
    assert LoginConfig.read({"url": "http://source", **values}).login() == headers


def test_a_tenant_is_named_beside_the_login() -> None:
    config = TenantConfig.read({"url": "http://source", "tenant": "shop", "user": "ada", "password": "geheim"})
    assert config.login() == {**BASIC, "X-Scope-OrgID": "shop"}


def test_nothing_is_sent_of_a_login_that_is_not_there() -> None:
    assert (bearer(""), basic("", "")) == ({}, {})


def test_what_a_source_is_polled_or_called_with_is_a_setting_of_it() -> None:
    for kind, source in SOURCES.items():
        names = {setting.name for setting in source.Config.settings()} | {""}
        needed = {source.polled_with} if issubclass(source, Pull) else set[str]()
        needed |= {source.pushed_with} if issubclass(source, Push) else set[str]()
        assert needed <= names, kind
