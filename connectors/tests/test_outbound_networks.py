"""The settings of networks, as a process that starts reads them; and what an address of a source may be."""

import os
import subprocess
import sys

import pytest

from connectors.base import ConnectorConfig
from connectors.errors import Misconfigured
from connectors.http import HTTPConfig

SHOW = "from rcaplatform import settings; print(*settings.{})"


def started(setting: str = "OUTBOUND_NETWORKS", **variables: str) -> subprocess.CompletedProcess[str]:
    environment, show = {**os.environ, **variables}, SHOW.format(setting)
    return subprocess.run([sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("variables", "networks"),
    [
        ({"SITE_URL": "https://rca.example"}, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"),
        (
            {"SITE_URL": "http://localhost:8000"},
            "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 127.0.0.0/8 ::1/128",
        ),
        ({"OUTBOUND_NETWORKS": "10.1.0.0/16,fd00::/8"}, "10.1.0.0/16 fd00::/8"),
        ({"OUTBOUND_NETWORKS": ""}, ""),
    ],
)
def test_private_networks_are_reached_unless_others_are_named(variables: dict[str, str], networks: str) -> None:
    assert started(**variables).stdout.strip() == networks


@pytest.mark.parametrize(
    ("site", "networks"), [("https://rca.example", ""), ("http://localhost:8000", "127.0.0.0/8 ::1/128")]
)
def test_notifications_reach_no_private_network_by_themselves(site: str, networks: str) -> None:
    assert started("NOTIFICATION_NETWORKS", SITE_URL=site).stdout.strip() == networks


@pytest.mark.parametrize("network", ["10.0.0.1/8", "everything", "10.0.0.0/33"])
def test_a_network_that_is_none_stops_the_start_by_its_name(network: str) -> None:
    start = started(OUTBOUND_NETWORKS=network)
    assert start.returncode != 0
    assert "OUTBOUND_NETWORKS must be networks such as 10.0.0.0/8" in start.stderr


@pytest.mark.parametrize(
    "url", ["ftp://host", "host", "https://", "http://[", "https://user:word@host", "http://me@host"]
)
def test_an_address_is_http_and_holds_no_credentials(url: str) -> None:
    config: type[ConnectorConfig] = HTTPConfig
    with pytest.raises(Misconfigured) as refused:
        config.read({"url": url})
    assert set(refused.value.fields) == {"url"}
