"""The embedded servers: addresses, first start, restarts after every kind of end."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import environ
import psycopg
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict

from rcaplatform import embedded
from rcaplatform.embedded import Postgres, Redis, StartError, database_url, redis_url, servers, socket_dir
from rcaplatform.processes import serving as belongs_to
from rcaplatform.processes import stop_leftovers
from tests.servers import FAST, serving

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be refused as root")


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    directory = socket_dir(tmp_path)
    if directory.is_dir() and not directory.is_symlink():
        for left in directory.iterdir():
            left.unlink()
        directory.rmdir()
    else:
        directory.unlink(missing_ok=True)


def ask(data_dir: Path, query: LiteralString) -> object:
    with psycopg.connect(database_url(data_dir), autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def test_the_address_is_the_same_each_time_and_differs_between_data_directories(tmp_path: Path) -> None:
    assert database_url(tmp_path) == database_url(tmp_path / "x" / "..")
    assert database_url(tmp_path) != database_url(tmp_path / "x")
    assert redis_url(tmp_path) != redis_url(tmp_path / "x")


def test_the_address_means_the_same_to_django_and_to_postgresql(tmp_path: Path) -> None:
    for_django = environ.Env.db_url_config(database_url(tmp_path))
    for_postgresql = conninfo_to_dict(database_url(tmp_path))
    assert for_django["OPTIONS"]["host"] == for_postgresql["host"] == str(socket_dir(tmp_path))
    assert (for_django["USER"], for_django["NAME"], for_django["PORT"]) == ("rca", "rca", 5432)
    assert (for_postgresql["user"], for_postgresql["dbname"], for_postgresql["port"]) == ("rca", "rca", "5432")


def test_the_sockets_fit_however_long_the_data_directory_is(tmp_path: Path) -> None:
    assert len(str(socket_dir(tmp_path / ("deep/" * 100)) / ".s.PGSQL.5432.lock")) < 108


def test_only_the_servers_whose_address_is_missing_are_embedded(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgres://db/rca", "REDIS_URL": ""}
    assert [server.name for server in servers(tmp_path, given)] == ["redis"]


def test_a_socket_directory_made_by_a_stranger_is_refused(data_dir: Path, tmp_path: Path) -> None:
    socket_dir(data_dir).symlink_to(tmp_path)
    with pytest.raises(StartError, match="must be a directory of this user with mode 0700"):
        Redis(data_dir).prepare()


def test_a_socket_directory_open_to_others_is_refused(data_dir: Path) -> None:
    socket_dir(data_dir).mkdir(mode=0o700)
    socket_dir(data_dir).chmod(0o755)
    with pytest.raises(StartError, match="mode 0700"):
        Postgres(data_dir).prepare()


def test_postgresql_keeps_its_data_over_a_restart_and_listens_on_no_port(data_dir: Path) -> None:
    with serving(Postgres(data_dir, FAST)):
        ask(data_dir, "create table kept as select 'GRÖßE' as word")
        assert ask(data_dir, "show listen_addresses") == ""
        assert ask(data_dir, "show server_encoding") == "UTF8"
    with serving(Postgres(data_dir, FAST)):
        assert ask(data_dir, "select lower(word) from kept") == "größe"


def test_a_killed_postgresql_does_not_stop_the_next_start(data_dir: Path) -> None:
    server = Postgres(data_dir)
    with serving(server) as process:
        ask(data_dir, "create table kept as select 1 as number")
        process.send_signal(signal.SIGKILL)
        process.wait()
        stop_leftovers(belongs_to(server), server.stop_signal)
        with serving(server):
            assert ask(data_dir, "select number from kept") == 1


@pytest.mark.parametrize("part", ["checkpointer", "background writer", "io worker"])
def test_a_postgresql_that_lost_a_process_ends_so_that_it_is_started_afresh(data_dir: Path, part: str) -> None:
    with serving(Postgres(data_dir, FAST)) as process:
        with psycopg.connect(database_url(data_dir)) as database:
            row = database.execute("select pid from pg_stat_activity where backend_type = %s", [part]).fetchone()
        assert row
        os.kill(row[0], signal.SIGKILL)
        assert process.wait(10) == 1


def test_a_postgresql_that_is_full_answers_and_one_that_stands_still_does_not(data_dir: Path) -> None:
    server = Postgres(data_dir, {**FAST, "max_connections": "1", "superuser_reserved_connections": "0"})
    assert not server.answers()
    with serving(server) as process:
        assert server.answers()
        with psycopg.connect(server.url):
            assert server.answers()
        process.send_signal(signal.SIGSTOP)
        assert not server.answers()
        process.send_signal(signal.SIGCONT)


def test_a_postgresql_left_running_is_stopped(data_dir: Path) -> None:
    server = Postgres(data_dir, FAST)
    with serving(server) as process:
        stop_leftovers(belongs_to(server), server.stop_signal)
        assert process.wait(1) == 0


def test_a_process_with_the_number_of_a_killed_postgresql_is_no_obstacle(data_dir: Path) -> None:
    server = Postgres(data_dir, FAST)
    with serving(server):
        pass
    (server.home / "postmaster.pid").write_text(f"{os.getppid()}\n{server.home}\n0\n5432\n/tmp\n\n0 0\nready\n")
    with serving(server):
        assert ask(data_dir, "select 1") == 1


def test_an_interrupted_first_start_leaves_nothing_in_the_way(data_dir: Path) -> None:
    half = data_dir / "postgres.new" / "base"
    half.mkdir(parents=True)
    with serving(Postgres(data_dir, FAST)):
        assert ask(data_dir, "select current_database()") == "rca"
    assert not half.exists()


def test_variables_of_other_postgresql_clients_change_nothing(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nonexistent")
    with serving(Postgres(data_dir, FAST)):
        assert ask(data_dir, "select 1") == 1


def test_a_server_that_fails_says_why(data_dir: Path) -> None:
    server = Postgres(data_dir, {"shared_buffers": "nonsense"})
    with pytest.raises(RuntimeError, match=r'PostgreSQL does not start: .*"nonsense"'), serving(server):
        pass


@as_root
def test_without_setpriv_root_is_told_what_to_do(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(data_dir))
    with pytest.raises(StartError, match="start as an ordinary user, or set DATABASE_URL"):
        Postgres(data_dir).prepare()


@as_root
def test_root_runs_postgresql_as_another_user_below_a_closed_folder(data_dir: Path) -> None:
    data_dir.chmod(0o700)
    with serving(Postgres(data_dir, FAST)) as process:
        assert Path(f"/proc/{process.pid}").stat().st_uid == embedded.NOBODY
        assert ask(data_dir, "select 1") == 1


def test_redis_answers_on_its_socket_only_and_keeps_nothing(data_dir: Path) -> None:
    with serving(Redis(data_dir)):
        client = redis.Redis.from_url(redis_url(data_dir))
        client.set("key", "value")
        assert client.config_get("port") == {"port": "0"}
        client.close()
    with serving(Redis(data_dir)):
        client = redis.Redis.from_url(redis_url(data_dir))
        assert client.get("key") is None
        client.close()


def test_the_socket_of_a_killed_redis_is_no_obstacle(data_dir: Path) -> None:
    socket_dir(data_dir).mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(socket_dir(data_dir) / "redis.sock"))
    with serving(Redis(data_dir)):
        assert Redis(data_dir).ready()


def test_a_server_ends_with_the_process_that_started_it(data_dir: Path) -> None:
    if not embedded.parent_death(signal.SIGTERM):
        pytest.skip("needs setpriv of Linux")
    script = (
        "import os, pathlib, sys; from rcaplatform.embedded import Redis; from tests.servers import serving\n"
        "with serving(Redis(pathlib.Path(sys.argv[1]))) as process:\n"
        "    print(process.pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(data_dir)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    stop_leftovers(belongs_to(Redis(data_dir)), signal.SIGCONT)
    assert not Redis(data_dir).ready()
