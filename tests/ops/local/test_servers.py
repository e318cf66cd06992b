"""Real servers: what they promise, what they survive, and the sentences they refuse with."""

import os
import socket
import stat
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ops.local.errors import AlreadyRunning, DataRefused, PortInUse
from ops.local.postgres_conf import configuration
from ops.local.runtime import Runtime
from ops.local.server import is_alive
from ops.local.servers import Running, Servers, ephemeral_redis, free_port, prepare_postgres, prepare_redis
from tests.ops.local.supervised import until

CHECKOUT = Path(__file__).resolve().parents[3]


def _query(url: str, sql: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
    finally:
        connection.close()


def test_servers_answer_whoever_greets_them(servers: Servers) -> None:
    said = servers.postgres.log.stat().st_size
    for server in (servers.postgres.server, servers.redis.server):
        for _ in range(3):
            until(lambda greeting=server.greeting: greeting.answered(0.1))  # type: ignore[misc]
    told = servers.postgres.log.read_bytes()[said:]
    for server in (servers.postgres.server, servers.redis.server):
        server.greeting.close()  # whoever hangs up in the middle of a word is told of
    assert b"unknown" not in told, "a greeting is no noise in the log"


def test_a_database_that_waits_for_its_clients_to_leave_does_not_answer(servers: Servers) -> None:
    """SIGTERM by hand: it lets in nobody and lives on as long as one session does."""
    running = servers.postgres
    assert running.process is not None
    greeting = replace(running.server.greeting)
    with closing(psycopg2.connect(servers.database_url.replace("+psycopg2", ""))):
        running.process.terminate()
        until(lambda: "shutdown request" in running.log.read_text(), 10)
        assert not any(greeting.answered(0.1) or time.sleep(0.05) for _ in range(20))
        assert running.process.poll() is None
    running.process.wait(30)
    greeting.close()
    running.start()


def test_hypertable(servers: Servers) -> None:
    created = "create table ticks (at timestamptz not null, price float8); select create_hypertable('ticks', 'at')"
    assert _query(servers.database_url, created)
    _query(servers.database_url, "insert into ticks values ('2026-01-01', 0.1), ('2026-03-01', 0.2) returning 1")
    assert _query(servers.tcp_database_url, "select count(*) from ticks") == [(2,)]
    assert _query(servers.database_url, "select count(*) from show_chunks('ticks')") == [(2,)]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("track_commit_timestamp", "on"),
        ("timescaledb.license", "apache"),
        ("timescaledb.telemetry_level", "off"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("max_wal_size", "4GB"),
        ("server_encoding", "UTF8"),
        ("data_checksums", "on"),
    ],
)
def test_production_settings(servers: Servers, setting: str, value: str) -> None:
    if setting == "max_wal_size" and os.statvfs(CHECKOUT).f_blocks * os.statvfs(CHECKOUT).f_frsize < 40 * 2**30:
        pytest.skip("a small disk gets less")
    assert _query(servers.database_url, f'show "{setting}"' if setting == "TimeZone" else f"show {setting}") == [(value,)]


def test_redis_keeps_every_acknowledged_entry(servers: Servers) -> None:
    client = redis.Redis.from_url(servers.redis_url)
    entry = client.xadd("log", {"body": "x"})
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
    assert {name: client.config_get(name)[name] for name in wanted} == wanted
    servers.redis.kill()
    servers.redis.start()
    assert [found for found, _ in client.xrange("log") or []] == [entry]


def test_postgres_comes_back_after_kill(servers: Servers) -> None:
    _query(servers.database_url, "create table kept as select 1 as n; select 1")
    servers.postgres.kill()
    servers.postgres.start()
    assert _query(servers.database_url, "select n from kept") == [(1,)]


def test_ports_ask_for_the_password(servers: Servers) -> None:
    user, rest = servers.tcp_database_url.split("@")
    with pytest.raises(psycopg2.OperationalError, match="password"):
        _query(user.rsplit(":", 1)[0] + ":wrong@" + rest, "select 1")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=servers.redis.server.port, retry=Retry(NoBackoff(), 0)).ping()
    for server in (servers.postgres.server, servers.redis.server):
        assert stat.S_IMODE((server.data / "tapefarm.password").stat().st_mode) == 0o600
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_nothing_of_the_environment_is_inherited(servers: Servers) -> None:
    assert set(servers.postgres.server.env) == {"PATH", "HOME", "USER", "LOGNAME", "LC_ALL", "TZ"}


def test_running_data_is_not_opened_twice(servers: Servers, runtime: Runtime) -> None:
    with pytest.raises(AlreadyRunning, match="farm down"):
        prepare_postgres(runtime, servers.postgres.server.data, free_port())
    with pytest.raises(AlreadyRunning, match="farm down"):
        prepare_redis(runtime, servers.redis.server.data, free_port())


def test_stale_pid_of_another_program_is_cleared(servers: Servers, runtime: Runtime) -> None:
    server = servers.postgres.server
    servers.postgres.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    prepare_postgres(runtime, server.data, server.port, durable=True)
    servers.postgres.start()
    assert _query(servers.database_url, "select 1") == [(1,)]


def test_port_in_use_names_the_program(servers: Servers, runtime: Runtime) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"Port {port}, wanted for Redis, is in use by .*{os.getpid()}"):
            prepare_redis(runtime, servers.folder / "other", port)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"thesis.txt": ""}, "not a PostgreSQL data folder"),
        ({"PG_VERSION": "15\n"}, "made by PostgreSQL 15"),
        ({"PG_VERSION": "17\n"}, "damaged"),
    ],
)
def test_foreign_data_is_refused(servers: Servers, runtime: Runtime, files: dict[str, str], message: str) -> None:
    data = servers.folder / message.replace(" ", "-")
    data.mkdir()
    for name, text in files.items():
        (data / name).write_text(text)
    with pytest.raises(DataRefused, match=message):
        prepare_postgres(runtime, data, free_port())
    assert {path.name for path in data.iterdir()} == set(files)


def test_foreign_redis_data_is_refused(servers: Servers, runtime: Runtime) -> None:
    data = servers.folder / "photos"
    data.mkdir()
    (data / "dump.rdb").touch()
    with pytest.raises(DataRefused, match="move it away"):
        prepare_redis(runtime, data, free_port())


def test_a_long_path_gets_a_short_socket(servers: Servers, runtime: Runtime) -> None:
    server = prepare_postgres(runtime, servers.folder / ("long" * 25), free_port(), durable=False)
    running = Running(server).start()
    try:
        assert f"host={server.data}" not in server.url
        assert _query(server.url, "select 1") == [(1,)]
    finally:
        running.stop()
        Path(server.url.partition("host=")[2].partition("&")[0]).rmdir()


def test_settings_follow_the_machine() -> None:
    small = configuration(5432, Path("/s"), 2 * 2**30, 10 * 2**30, durable=True)
    large = configuration(5432, Path("/s"), 64 * 2**30, 500 * 2**30, durable=True)
    assert "shared_buffers = 512MB" in small
    assert "max_wal_size = 1024MB" in small
    assert "shared_buffers = 2048MB" in large
    assert "max_wal_size = 4096MB" in large


HOLD = """
import os, sys, time
from pathlib import Path
from ops.local.servers import ephemeral_servers
with ephemeral_servers(Path(sys.argv[1])) as servers:
    print(servers.postgres.process.pid, servers.redis.process.pid, os.geteuid(), servers.folder, flush=True)
    if len(sys.argv) > 2:
        time.sleep(60)
"""


def test_a_redis_of_its_own_leaves_nothing(runtime: Runtime, tmp_path: Path) -> None:
    with ephemeral_redis(tmp_path, memory=2**30, runtime=runtime) as running:
        assert redis.Redis.from_url(running.server.url).ping()
        folder = running.server.data.parent
    assert not folder.exists()


@pytest.mark.usefixtures("runtime")
def test_servers_die_with_a_killed_test(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLD, str(tmp_path), "hold"]
    with subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        postgres, redis_server, _, folder = holder.stdout.readline().split()
        processes = [psutil.Process(int(pid)) for pid in (postgres, redis_server)]
        holder.kill()
    deadline = time.monotonic() + 10
    while any(is_alive(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # The next run clears what the killed one could not.
    subprocess.run([sys.executable, "-c", HOLD, tmp_path], cwd=CHECKOUT, check=True, capture_output=True)
    assert not Path(folder).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs every other test that way already")
@pytest.mark.usefixtures("runtime")
def test_as_an_ordinary_user(open_folder: Path) -> None:
    """The whole way as `nobody`, with the system's python where ours is closed to that account."""
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    python = next((p for p in (sys.executable, "/usr/bin/python3") if _works(drop, p)), None)
    if python is None or not os.access(CHECKOUT, os.X_OK):
        pytest.skip("no python that an unprivileged account may run with these packages")
    done = subprocess.run([*drop, python, "-c", HOLD, home], cwd=CHECKOUT, env=_environ(home), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[2] == "65534"


def _works(drop: list[str], python: str) -> bool:
    argv = [*drop, python, "-c", "import psutil, ops.local.servers"]
    try:
        return subprocess.run(argv, cwd=CHECKOUT, env=_environ(Path("/")), capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _environ(home: Path) -> dict[str, str]:
    packages = Path(psutil.__file__).parents[1]
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "PYTHONPATH": f"{packages}:{CHECKOUT}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to look for another place")
def test_closed_checkout_moves_the_data(runtime: Runtime, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.local.accounts.STATE_FOLDER", open_folder / "state")
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    said: list[str] = []
    server = prepare_postgres(runtime, closed / "postgres", free_port(), durable=False, say=said.append)
    assert open_folder / "state" in server.data.parents
    assert "closed to unprivileged accounts" in said[0]
    assert (server.data.parent / "origin").read_text() == f"{closed}\n"
