"""Ports on the loopback, and paths short enough for unix sockets."""

import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path

import psutil

from ops.local.accounts import Account
from ops.local.errors import PortInUse, ServerRefused

# sun_path holds 108 bytes with the closing zero.
_SOCKET_PATH_BYTES = 107


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(port: int, purpose: str) -> None:
    """Raises PortInUse, naming the program that holds the port where that can be seen."""
    with socket.socket() as probe:
        # A port in TIME_WAIT is free for a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            holder = _holder(port)
            advice = "stop that program or choose another port"
            raise PortInUse(f"Port {port}, wanted for {purpose}, is in use{holder}: {advice}.") from exc


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})" if connection.pid else ""
    except psutil.Error:
        pass
    return ""


def socket_folder(preferred: Path, file_name: str, *, account: Account | None = None) -> Path:
    """`preferred`, or a short folder of the account's own where the socket's path would be too long for the kernel."""
    if len(os.fsencode(preferred / file_name)) <= _SOCKET_PATH_BYTES:
        return preferred
    base = os.environ.get("XDG_RUNTIME_DIR") if os.geteuid() else None
    key = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
    short = Path(base or tempfile.gettempdir()) / f"tapefarm-{os.geteuid()}-{key}"
    short.mkdir(mode=0o700, exist_ok=True)
    # Others can write to /tmp too: a folder of theirs under our name must not hold our socket.
    found, ours = short.lstat(), {os.geteuid(), account.uid if account else os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours or found.st_mode & 0o077:
        raise ServerRefused(f"{short} is not ours alone: remove it and try again.")
    if account:
        account.owns(short)
    return short
