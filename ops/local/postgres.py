"""PostgreSQL with TimescaleDB on a data folder of its own: made when absent, repaired where that is safe, described.

Local users of the machine are not trusted: the unix socket stands in the data folder (0700) and needs no password; the
port on the loopback does, and the password lies in the data folder too (0600).
"""

import secrets
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from core.private import read_private
from ops.local.accounts import Account, account_for, place
from ops.local.errors import AlreadyRunning, DataRefused, ServerRefused
from ops.local.files import write_private
from ops.local.ports import require_free, socket_folder
from ops.local.postgres_conf import configuration
from ops.local.runtime import Runtime
from ops.local.server import Server, environment, memory_bytes, require_room, running_on
from ops.local.watchdog import Greeting

MAJOR = "17"
DATABASE = "tapefarm"
USER = "tapefarm"
_PASSWORD_FILE = "tapefarm.password"
_SOCKET_NAME = ".s.PGSQL.{port}"
# A job that only the community edition can run; here it would log an error at every start.
_MUTE = "UPDATE _timescaledb_config.bgw_job SET scheduled = false WHERE proc_name = 'policy_job_stat_history_retention';"


class Postgres(Server):
    """`url` goes through the unix socket; `tcp_url` is for programs that know only hosts and ports."""

    @property
    def tcp_url(self) -> str:
        password = read_private(self.data / _PASSWORD_FILE, owner=self.account.uid).strip()
        return f"postgresql+psycopg2://{USER}:{password}@127.0.0.1:{self.port}/{DATABASE}"


def prepare_postgres(
    runtime: Runtime,
    data: Path,
    port: int,
    *,
    memory: int | None = None,
    durable: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Postgres:
    """Make the data folder ready for a start: create it, write its settings, clear what a killed server left."""
    server = describe_postgres(runtime, data, port, say=say)
    _refuse_unusable(server.data)
    if (server.data / "PG_VERSION").exists():
        _clear_stale_pid(server.data)
    require_free(port, "PostgreSQL")
    require_room(server.data)
    if not (server.data / "PG_VERSION").exists():
        say("creating the database")
        _create(runtime, server.data, server.account, durable=durable)
    if not (server.data / "custom.conf").exists():
        write_private(server.data / "custom.conf", "# Your own PostgreSQL settings; read last.\n", server.account)
    sockets = socket_folder(server.data, _SOCKET_NAME.format(port=port), account=server.account)
    disk = shutil.disk_usage(server.data).total
    text = configuration(port, sockets, memory or memory_bytes(), disk, durable=durable)
    write_private(server.data / "postgresql.conf", text, server.account)
    return server


def describe_postgres(runtime: Runtime, data: Path, port: int, *, say: Callable[[str], None] = lambda _: None) -> Postgres:
    """The server of a data folder, prepared or not."""
    data = place(data.absolute(), say)
    account = account_for(data)
    sockets = socket_folder(data, _SOCKET_NAME.format(port=port), account=account)
    return Postgres(
        name="postgres",
        argv=(str(runtime.pg_bin / "postgres"), "-D", str(data)),
        env=environment(account, data),
        account=account,
        data=data,
        port=port,
        # INT ends sessions and writes a checkpoint; TERM would wait for clients that reconnect for ever.
        stop_signal="INT",
        stop_seconds=60,
        url=f"postgresql+psycopg2://{USER}@/{DATABASE}?host={quote(str(sockets), safe='/')}&port={port}",
        answers=lambda: _answers(runtime, sockets, port),
        greeting=Greeting(port, _hello(), b"is shutting down"),
    )


def _hello() -> bytes:
    """A client's first message, answered with a question for its password, or with what the server is at. "Starting up" is as good; one that
    was asked to stop by hand may wait for its clients for ever, and lets no other one in."""
    names = f"user\0{USER}\0database\0{DATABASE}\0\0".encode()
    return struct.pack("!II", len(names) + 8, 3 << 16) + names


def _answers(runtime: Runtime, sockets: Path, port: int) -> bool:
    argv = [
        str(runtime.pg_bin / "pg_isready"),
        "--quiet",
        "--host",
        str(sockets),
        "--port",
        str(port),
        "--timeout",
        "2",
    ]
    argv += ["--username", USER, "--dbname", DATABASE]
    return subprocess.run(argv, check=False).returncode == 0


def _refuse_unusable(data: Path) -> None:
    if not Path("/usr/share/zoneinfo").is_dir():
        raise ServerRefused("PostgreSQL needs the time zone data of this system: `apt-get install tzdata`, then try again.")
    if not data.exists() or not any(data.iterdir()):
        return
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise DataRefused(f"{data} is not empty and not a PostgreSQL data folder: move it away or choose another.") from None
    if version != MAJOR:
        advice = "dump it with the old version, move it away and restore the dump"
        raise DataRefused(f"{data} was made by PostgreSQL {version} and this is {MAJOR}: {advice}.")
    missing = [name for name in ("global/pg_control", "base", "pg_wal", _PASSWORD_FILE) if not (data / name).exists()]
    if missing:
        advice = "move it away and restore a backup into a new one"
        raise DataRefused(f"{data} is damaged ({', '.join(missing)} missing): {advice}.")


def _clear_stale_pid(data: Path) -> None:
    """PostgreSQL itself refuses to start when the old process id now belongs to some other program of its account."""
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().split("\n", 1)[0])
    except FileNotFoundError:
        return
    except ValueError:
        pid = 0
    if pid and running_on(pid, data):
        raise AlreadyRunning(f"PostgreSQL already runs on {data} (process {pid}): `./farm down` stops it.")
    file.unlink()


def _create(runtime: Runtime, data: Path, account: Account, *, durable: bool) -> None:
    """Beside its place and then renamed: a data folder is whole or absent."""
    for left in data.parent.glob(f"{data.name}.creating-*"):
        shutil.rmtree(left, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{data.name}.creating-", dir=data.parent))
    try:
        account.owns(draft)
        password = draft.with_name(f"{draft.name}.password")
        write_private(password, secrets.token_hex(16) + "\n", account)
        _initdb(runtime, draft, password, account, durable=durable)
        password.rename(draft / _PASSWORD_FILE)
        _create_database(runtime, draft, account)
        if data.exists():
            data.rmdir()
        draft.rename(data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        draft.with_name(f"{draft.name}.password").unlink(missing_ok=True)


def _initdb(runtime: Runtime, folder: Path, password: Path, account: Account, *, durable: bool) -> None:
    argv = [str(runtime.pg_bin / "initdb"), "-D", str(folder), "--username", USER, "--pwfile", str(password)]
    argv += ["--auth-local=trust", "--auth-host=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C"]
    # The builtin locale depends on no library: an index means the same on every host that the folder is moved to.
    argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    _run(account.argv(argv if durable else [*argv, "--no-sync"]), environment(account, folder), folder, "initdb")


def _create_database(runtime: Runtime, folder: Path, account: Account) -> None:
    settings = ["-c", "shared_preload_libraries=timescaledb", "-c", "timescaledb.license=apache", "-c", "jit=off"]
    argv = [str(runtime.pg_bin / "postgres"), "--single", "-D", str(folder), *settings]
    env = environment(account, folder)
    _run(account.argv([*argv, "postgres"]), env, folder, "creating the database", f"CREATE DATABASE {DATABASE};\n")
    _run(
        account.argv([*argv, DATABASE]),
        env,
        folder,
        "creating the extension",
        f"CREATE EXTENSION timescaledb;\n{_MUTE}\n",
    )


def _run(argv: list[str], env: dict[str, str], folder: Path, step: str, text: str = "") -> None:
    done = subprocess.run(argv, env=env, cwd=folder, input=text, capture_output=True, text=True, check=False)
    # Single-user mode reports an error in a statement and ends with 0.
    if done.returncode or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
        raise ServerRefused(f"PostgreSQL: {step} failed: {(done.stderr or done.stdout).strip()[-600:]}")
