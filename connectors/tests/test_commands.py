"""The commands connect and connectors, as an operator types them."""

import io
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from connectors import polling
from connectors.base import Push
from connectors.choices import DeadLetterState
from connectors.models import Connector, DeadLetter
from connectors.pipeline import open_source
from connectors.tests.factories import DeadLetterFactory
from connectors.tests.repositories import Repository
from events.models import Event
from tests.shared import ROOT

pytestmark = pytest.mark.django_db
SUMMARY = r"{}: {} stored, {} known already, 0 ignored, 0 dead letters in [\d.]+ s \([\d,]+ events/s\)\n"


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    shop = Repository(tmp_path / "shop")
    shop.commits(3)
    return shop


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path / "data"


def run(*arguments: Any) -> str:
    """Run a command and return what it prints."""
    out = io.StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_connect_git_reads_the_repository_at_once_and_sums_up(shop: Repository) -> None:
    said = run("connect", "git", shop.path)
    assert said.startswith("Connected shop; the workers poll it every 60 seconds.\n")
    assert re.search(SUMMARY.format("shop", 3, 0), said)
    assert Event.objects.count() == 3


def test_connect_git_takes_every_setting(shop: Repository) -> None:
    places = ["--service", "checkout", "--service-roots", "services, apps", "--environment", "live"]
    run("connect", "git", shop.path, "--name", "main-shop", *places, "--interval", 300, "--since-days", 7, "--no-poll")
    connector = Connector.objects.get(name="main-shop")
    assert connector.interval == 300
    assert connector.config == {
        "url": str(shop.path),
        "service": "checkout",
        "service_roots": ["services", "apps"],
        "environment": "live",
        "since_days": 7,
    }
    assert not Event.objects.exists()
    assert connector.next_poll_at is not None


def test_connect_git_understands_a_path_from_here(
    shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("connect", "git", "shop", "--no-poll")
    assert Connector.objects.get().config["url"] == str(shop.path)


def test_a_name_that_is_taken_gets_a_number(shop: Repository) -> None:
    for _ in range(3):
        run("connect", "git", shop.path, "--no-poll")
    assert set(Connector.objects.values_list("name", flat=True)) == {"shop", "shop-2", "shop-3"}


def test_a_repository_without_a_name_for_an_address_is_called_after_its_kind(tmp_path: Path) -> None:
    run("connect", "git", Repository(tmp_path / "商店").path, "--no-poll")
    assert Connector.objects.get().name == "git"


def test_a_password_in_an_address_is_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.git.Git.check", lambda self: None)
    said = run("connect", "git", "https://ada:geheim@git.example.org/acme/shop.git", "--no-poll")
    connector = Connector.objects.select_related("origin").get()
    assert connector.config["url"] == "https://ada@git.example.org/acme/shop.git"
    assert "token" not in connector.config
    assert open_source(connector, timezone.now()).config.token == "geheim"
    assert "geheim" not in said


def test_connect_logs_passes_its_settings_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "app.log"
    file.write_text('{"level": "error", "message": "No money", "time": "2026-03-02T12:00:00Z"}\n')
    run("connect", "logs", file, "--service", "pay", "--environment", "live", "--min-severity", "high")
    connector = Connector.objects.get()
    assert (connector.name, connector.kind) == ("app", "jsonlines")
    assert connector.config == {"path": str(file), "service": "pay", "environment": "live", "min_severity": "high"}
    assert Event.objects.get().service == "pay"


def test_connect_github_makes_a_secret_and_shows_it_once_with_the_address(settings: Settings) -> None:
    settings.SITE_URL = "https://rca.example.org"
    said = run("connect", "github", "acme-shop")
    assert "https://rca.example.org/hooks/acme-shop" in said
    match = re.search(r"Secret +(\S{40,})   \(shown this once\)", said)
    assert match
    source = open_source(Connector.objects.select_related("origin").get(), timezone.now())
    assert isinstance(source, Push)
    assert source.config.secret == match[1]


@pytest.mark.parametrize("kind", ["alertmanager", "buildkite", "circleci", "gitlab", "grafana", "jenkins", "loki"])
def test_connect_makes_a_secret_for_whatever_may_call_and_is_given_nothing_to_poll(kind: str) -> None:
    assert "(shown this once)" in run("connect", kind, "shop")
    source = open_source(Connector.objects.select_related("origin").get(), timezone.now())
    assert isinstance(source, Push)
    assert source.is_pushed()


def test_connect_github_does_not_repeat_a_secret_it_is_given() -> None:
    assert "geheim" not in run("connect", "github", "acme-shop", "--secret", "geheim")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["git", "/nowhere/at/all"], "/nowhere/at/all: there is no git repository"),
        (["git", "ext::sh -c x"], "url: Give an absolute path"),
        (["git", "ftp://host/x"], "url: Addresses may start with https, http, ssh, git, file, not with 'ftp'"),
        (["git", "{shop}", "--name", "Not A Name"], "name: "),
        (["git", "{shop}", "--interval", "1"], "interval: "),
        (["git", "{shop}", "--since-days", "-1"], "since_days: Give 0 or more."),
        (["git", "{shop}", "--name", "taken"], "There is a connector called taken already."),
        (["logs", "/nowhere/app.log"], "/nowhere/app.log"),
        (["github", "no/slashes"], "name: "),
        (["svn", "x"], "invalid choice"),
        ([], "required"),
    ],
)
def test_what_cannot_be_connected_is_refused_in_one_line_and_leaves_nothing(
    shop: Repository, arguments: list[str], said: str
) -> None:
    run("connect", "github", "taken")
    with pytest.raises(CommandError) as refused:
        run("connect", *(argument.format(shop=shop.path) for argument in arguments))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert Connector.objects.count() == 1


def test_a_source_that_fails_after_it_was_connected_stays_and_says_so(
    shop: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sources.git.Git.check", lambda self: None)
    with pytest.raises(CommandError, match=r"shop is connected, but cannot be read: .*there is no git repository"):
        run("connect", "git", shop.path.with_name("gone") / "shop")
    assert Connector.objects.get().failures == 1


def test_poll_reads_what_is_new_from_one_connector(shop: Repository) -> None:
    run("connect", "git", shop.path)
    assert re.fullmatch(SUMMARY.format("shop", 0, 0), run("connectors", "poll", "shop"))
    shop.git("checkout", "--quiet", "main")
    shop.commit()
    assert re.fullmatch(SUMMARY.format("shop", 1, 0), run("connectors", "poll", "shop"))


def test_poll_reads_all_that_are_on_and_reports_what_failed_last(shop: Repository, tmp_path: Path) -> None:
    lost = Repository(tmp_path / "lost")
    for repository in (lost, shop):
        run("connect", "git", repository.path, "--no-poll")
    run("connect", "git", shop.path, "--name", "off", "--no-poll")
    run("connect", "github", "hook")
    Connector.objects.filter(name="off").update(enabled=False)
    lost.path.rename(tmp_path / "found")
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"^lost: .*there is no git repository"):
        call_command("connectors", "poll", stdout=out)
    assert re.fullmatch(SUMMARY.format("shop", 3, 0), out.getvalue())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "There is no connector called nobody. There are: hook, off."),
        ("hook", "hook is not polled: its source calls /hooks/hook."),
        ("off", "off is switched off."),
    ],
)
def test_poll_says_what_it_cannot_poll(shop: Repository, name: str, said: str) -> None:
    run("connect", "github", "hook")
    run("connect", "git", shop.path, "--name", "off", "--no-poll")
    Connector.objects.filter(name="off").update(enabled=False)
    with pytest.raises(CommandError, match=f"^{re.escape(said)}$"):
        run("connectors", "poll", name)
    assert not Connector.objects.get(name="hook").last_error


def test_poll_leaves_a_connector_to_the_worker_that_reads_it(shop: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    run("connect", "git", shop.path, "--no-poll")
    with psycopg.connect(**connection.get_connection_params()) as worker:
        worker.execute("SELECT pg_advisory_lock(%s)", [Connector.objects.get().pk.int % 2**63])
        assert run("connectors", "poll", "shop") == "shop: a worker is reading it just now.\n"


def test_an_interrupted_poll_says_what_becomes_of_the_rest(shop: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(polling, "poll", interrupted)
    with pytest.raises(CommandError, match="What was read is stored; a worker goes on"):
        run("connect", "git", shop.path)


def test_connectors_list_says_how_each_fares() -> None:
    run("connect", "github", "hook")
    Connector.objects.filter(name="hook").update(last_error="no route")
    heading, row = run("connectors", "list").splitlines()
    assert heading.split()[:3] == ["NAME", "KIND", "STATE"]
    assert row.split()[:4] == ["hook", "github", "on", "never"]
    assert row.endswith("no route")


def test_connectors_kinds_says_how_each_comes_in() -> None:
    assert re.search(r"^github .*webhook", run("connectors", "kinds"), re.MULTILINE)


def test_connectors_check_reads_and_stores_nothing(shop: Repository) -> None:
    run("connect", "git", shop.path, "--no-poll")
    assert run("connectors", "check", "shop") == "shop: can be read.\n"
    assert not Event.objects.exists()


def test_connectors_check_says_what_cannot_be_read(shop: Repository) -> None:
    run("connect", "git", shop.path, "--no-poll")
    shop.path.rename(shop.path.with_name("moved"))
    with pytest.raises(CommandError, match=r"^shop: .*there is no git repository"):
        run("connectors", "check")


def test_connectors_replay_tries_open_dead_letters_again_and_counts(shop: Repository) -> None:
    good = DeadLetterFactory(raw=b"{}", delivery__event="ping", connector__name="hook")
    DeadLetterFactory(connector=good.connector)
    DeadLetterFactory(connector=good.connector, state=DeadLetterState.DISCARDED)
    with pytest.raises(CommandError, match="keeps its place"):
        run("connectors", "replay", "hook")
    assert list(DeadLetter.objects.order_by("id").values_list("state", flat=True)) == ["replayed", "open", "discarded"]


def test_the_reference_of_every_kind_is_up_to_date(tmp_path: Path) -> None:
    """Write it with `manage.py connectors docs docs/connectors`."""
    run("connectors", "docs", tmp_path)
    made = {page.name: page.read_text() for page in tmp_path.iterdir()}
    assert made == {page.name: page.read_text() for page in (ROOT / "docs" / "connectors").iterdir()}


def test_a_secret_given_as_a_hyphen_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("geheim\n"))
    assert "geheim" not in run("connect", "github", "acme-shop", "--secret", "-")
    source = open_source(Connector.objects.select_related("origin").get(), timezone.now())
    assert source.config.secret == "geheim"


class Terminal(io.StringIO):
    """A stream that is looked at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "shown"), [(Terminal(), "\rshop: 3 events so far"), (io.StringIO(), "shop: 3 events so far")]
)
def test_progress_is_shown_while_a_poll_goes_on(
    shop: Repository, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, shown: str
) -> None:
    for pause in ("TERMINAL_SECONDS", "LOG_SECONDS"):
        monkeypatch.setattr(f"connectors.management.foreground.{pause}", 0)
    call_command("connect", "git", str(shop.path), stdout=io.StringIO(), stderr=stream)
    assert stream.getvalue().startswith(shown)


@pytest.mark.parametrize("arguments", [[], ["git"], ["logs"], ["github"]])
def test_help_names_every_option(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("connect", *arguments, "--help")
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out
