"""Redis for the journal and the broker on a data folder of its own: every append on disk before it is acknowledged."""

import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import psutil

from core.private import read_private
from ops.local.accounts import Account, account_for, place, private_folder
from ops.local.errors import AlreadyRunning, DataRefused
from ops.local.files import write_private
from ops.local.ports import require_free
from ops.local.runtime import Runtime
from ops.local.server import Server, environment, mebibytes, memory_bytes, require_room, running_on
from ops.local.watchdog import Greeting

_CONFIGURATION = "redis.conf"
_PASSWORD_FILE = "tapefarm.password"
_TEMPLATE = """\
# Written by ./farm at every start.
bind 127.0.0.1
port {port}
protected-mode yes
# The loopback is open to every local user; the journal is not.
requirepass {password}
dir "{folder}"
daemonize no
logfile ""
databases 16
# The title would overwrite the environment, by which a lost server is recognised as ours.
set-proc-title no
maxclients 2000
tcp-keepalive 60

# The journal is a log: an acknowledged entry is on the disk. One entry holds many frames, so this costs little.
appendonly yes
appendfsync always
aof-use-rdb-preamble yes
aof-load-truncated yes
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 256mb
save ""
shutdown-timeout 10

# Never forget silently: a full Redis refuses, and streamers go to their spool.
maxmemory {memory}mb
maxmemory-policy noeviction
# Idle wake-ups a second; nothing here needs prompt expiry.
hz 5
"""


_FIRST_BYTES = 2**30


def prepare_redis(
    runtime: Runtime, data: Path, port: int, *, memory: int | None = None, say: Callable[[str], None] = lambda _: None
) -> Server:
    """Make the data folder ready for a start: create it, write its settings, refuse what is not ours."""
    data = place(data.absolute(), say)
    account = account_for(data)
    private_folder(data, account)
    _refuse_unusable(data)
    require_free(port, "Redis")
    require_room(data)
    if not (data / _PASSWORD_FILE).exists():
        write_private(data / _PASSWORD_FILE, secrets.token_hex(16) + "\n", account)
    share = mebibytes(_share(memory or memory_bytes()))
    text = _TEMPLATE.format(port=port, password=_password(data, account), folder=data, memory=share)
    write_private(data / _CONFIGURATION, text, account)
    return describe_redis(runtime, data, port)


def describe_redis(runtime: Runtime, data: Path, port: int) -> Server:
    """The server of a prepared data folder."""
    data = place(data.absolute())
    account = account_for(data)
    password = _password(data, account)
    return Server(
        name="redis",
        argv=(str(runtime.redis_server), str(data / _CONFIGURATION)),
        env=environment(account, data),
        account=account,
        data=data,
        port=port,
        stop_signal="TERM",
        stop_seconds=30,
        url=f"redis://:{password}@127.0.0.1:{port}/0",
        answers=lambda: _answers(port, password),
        greeting=Greeting(port, b"PING\r\n"),  # "authenticate first" and "loading" are answers
    )


def _share(memory: int) -> float:
    """At least 1 GB, so that an hour without the database fits, but never more than a quarter of the machine."""
    return min(max(_FIRST_BYTES, memory / 10), memory / 4)


def _password(data: Path, account: Account) -> str:
    try:
        return read_private(data / _PASSWORD_FILE, owner=account.uid).strip()
    except FileNotFoundError:
        raise DataRefused(f"{data} holds no Redis of this farm: start it with ./farm up.") from None


def _refuse_unusable(data: Path) -> None:
    if any(data.iterdir()) and not (data / _PASSWORD_FILE).exists():
        raise DataRefused(f"{data} is not empty and not a Redis folder of this farm: move it away or choose another.")
    # Redis keeps no lock on its folder: two servers would write into one another's log.
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "redis-server" and running_on(process.pid, data):
            raise AlreadyRunning(f"Redis already runs on {data} (process {process.pid}): `./farm down` stops it.")


def _answers(port: int, password: str) -> bool:
    """Ready is more than listening: while the log is read in, Redis answers LOADING."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
            reply = b""
            while chunk := connection.recv(4096):
                reply += chunk
    except OSError:
        return False
    return b"+PONG" in reply
