"""A connector is made and changed in the admin, by a form of its kind's settings."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from connectors.models import Connector
from connectors.registry import SOURCES
from connectors.tests.factories import ConnectorFactory
from rcaplatform.kit.sealing import unseal

pytestmark = pytest.mark.django_db
ADD = "/admin/connectors/connector/add/"


@pytest.fixture
def office(client: Client, admin: User) -> Client:
    """The admin site as an administrator sees it."""
    client.force_login(admin)
    return client


def make(office: Client, kind: str, **filled: Any) -> Any:
    return office.post(f"{ADD}?kind={kind}", {"name": "shop", "interval": 60, **filled})


def change(office: Client, connector: Connector, **filled: Any) -> Any:
    return office.post(f"/admin/connectors/connector/{connector.pk}/change/", {"interval": 60, **filled})


def test_first_the_kind_is_asked_for(office: Client) -> None:
    page = office.get(ADD).content.decode()
    assert all(f'href="?kind={kind}"' in page for kind in SOURCES)


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_the_form_of_every_kind_asks_for_every_setting_and_explains_it(office: Client, kind: str) -> None:
    page = office.get(f"{ADD}?kind={kind}").content.decode()
    assert [setting.name for setting in SOURCES[kind].Config.settings() if f'name="{setting.name}"' not in page] == []


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_no_setting_is_called_what_every_connector_has(kind: str) -> None:
    assert not {"name", "interval", "kind"} & {setting.name for setting in SOURCES[kind].Config.settings()}


def test_a_connector_is_made_with_its_secret_sealed(office: Client) -> None:
    assert make(office, "gitea", secret="geheim", service="web").status_code == 302
    connector = Connector.objects.get()
    assert (connector.name, connector.kind, connector.config) == ("shop", "gitea", {"service": "web"})
    assert unseal(connector.secrets) == {"secret": "geheim"}
    assert list(AuditEntry.objects.values_list("verb", flat=True)) == ["connect"]


def test_a_setting_that_is_wrong_is_named_at_its_field_and_nothing_is_made(office: Client) -> None:
    page = make(office, "jsonlines", path="app.log", min_severity="medium").content.decode()
    assert "Give an absolute path." in page
    assert not Connector.objects.exists()


def test_a_list_is_filled_in_line_by_line(office: Client) -> None:
    make(office, "git", url="/srv/shop", service_roots="services\n\n apps ", since_days=0)
    assert Connector.objects.get().config["service_roots"] == ["services", "apps"]


def test_a_name_that_is_taken_is_refused(office: Client) -> None:
    ConnectorFactory(name="shop")
    assert "already exists" in make(office, "github", secret="geheim").content.decode()


def test_a_setting_is_changed_and_the_change_recorded(office: Client) -> None:
    connector = ConnectorFactory(kind="gitea", config={"service": "web"})
    change(office, connector, service="checkout")
    connector.refresh_from_db()
    assert connector.config == {"service": "checkout"}
    assert AuditEntry.objects.get().change == {"service": ["web", "checkout"]}


def test_an_engineer_makes_no_connector(client: Client, engineer: User) -> None:
    client.force_login(engineer)
    assert client.get(ADD).status_code == 302
