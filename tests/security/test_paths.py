"""Path traversal: no address, name or setting that somebody gives leads to a file it should not."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from connectors.errors import Misconfigured
from connectors.sources.jsonlines import JSONLines, LogFileConfig
from connectors.tests.factories import NOW
from investigations.tests.factories import InvestigationFactory

CLIMBS = [
    "../rcaplatform/settings.py",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5cetc%5cpasswd",
    "....//....//etc/passwd",
    "%252e%252e%252fetc%252fpasswd",
    "/etc/passwd",
    "frontend/../../../../etc/passwd",
    "frontend/css/%00../../../etc/passwd",
]


def log_of(path: Path | str, workspace: Path) -> JSONLines:
    return JSONLines(LogFileConfig.read({"path": str(path)}), workspace=workspace, now=NOW)


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Path:
    """A data directory with a signing key, and a settings file beside the product."""
    settings.DATA_DIR, settings.BASE_DIR = tmp_path / "var", tmp_path / "product"
    for file in ("var/keys/secret-key", "var/connectors/7/gitconfig", "var/demo-password", "product/.env"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text('{"secret": "geheim-7"}\n')
    return tmp_path


@pytest.mark.django_db
@pytest.mark.parametrize("climb", CLIMBS)
def test_a_static_address_leads_to_static_files_alone(client: Client, climb: str) -> None:
    answer = client.get(f"/static/{climb}")
    assert answer.status_code in {400, 404}
    assert b"root:" not in answer.getvalue()
    assert b"SECRET_KEY" not in answer.getvalue()


@pytest.mark.parametrize(
    "path",
    [
        *("var/keys/secret-key", "var/demo/../keys/secret-key", "var/connectors/7/gitconfig", "var/demo-password"),
        "product/.env",
    ],
)
def test_a_log_source_reads_no_secret_of_the_product(home: Path, path: str) -> None:
    with pytest.raises(Misconfigured, match="no source reads it") as refused:
        log_of(home / path, home / "workspace").check()
    assert set(refused.value.fields) == {"path"}
    assert "geheim-7" not in refused.value.message


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/1/cmdline", "/sys/kernel/notes", "/dev/mem"])
def test_a_log_source_reads_nothing_of_processes_and_devices(path: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no source reads it"):
        log_of(path, tmp_path).check()


def test_a_link_is_no_way_around(home: Path) -> None:
    link = home / "innocent.log"
    link.symlink_to(home / "var/keys/secret-key")
    with pytest.raises(Misconfigured, match="no source reads it"):
        list(log_of(link, home / "workspace").read({}))


def test_a_folder_that_becomes_a_link_later_is_no_way_around(home: Path) -> None:
    folder = home / "logs"
    folder.mkdir()
    (folder / "secret-key").write_text('{"message": "x"}\n')
    source = log_of(folder / "secret-key", home / "workspace")
    source.check()
    (folder / "secret-key").unlink()
    folder.rmdir()
    folder.symlink_to(home / "var/keys")
    with pytest.raises(Misconfigured, match="no source reads it"):
        list(source.read({}))


@pytest.mark.parametrize("path", ["logs/app.log", "../app.log", "~/app.log", "file:///etc/passwd", "/x\x00.log"])
def test_a_log_source_takes_an_absolute_path_alone(path: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        LogFileConfig.read({"path": path})
    assert set(refused.value.fields) == {"path"}


def test_the_demo_reads_its_log_all_the_same(home: Path) -> None:
    (home / "var/demo").mkdir()
    (home / "var/demo/shop.log").write_text('{"message": "x"}\n')
    log_of(home / "var/demo/shop.log", home / "workspace").check()


@pytest.mark.django_db
def test_an_export_is_named_by_its_id_and_by_nothing_that_somebody_wrote(client: Client, engineer: User) -> None:
    case = InvestigationFactory(title="../../etc/passwd\r\nX-Evil: 1", service_affected="../../x")
    client.force_login(engineer)
    answer = client.get(f"/investigations/{case.pk}/export?format=markdown")
    assert answer["Content-Disposition"] == f'attachment; filename="investigation-{case.pk}.md"'


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", ["../pdf", "pdf/../../x", "markdown\r\nX-Evil: 1", "/etc/passwd"])
def test_the_format_of_an_export_is_one_of_those_offered(client: Client, engineer: User, wanted: str) -> None:
    case = InvestigationFactory()
    client.force_login(engineer)
    answer = client.get(f"/investigations/{case.pk}/export", {"format": wanted})
    assert (answer.status_code, answer.has_header("X-Evil")) == (400, False)


def test_what_is_collected_for_static_addresses_holds_no_data_of_the_product() -> None:
    static, data = Path(configured.STATIC_ROOT).resolve(), Path(configured.DATA_DIR).resolve()
    secret: list[Any] = [data / name for name in ("keys", "connectors", "postgres", "demo-password")]
    assert not any(place.is_relative_to(static) or static.is_relative_to(place) for place in secret)
