"""The door to PostgreSQL: the engine and the raw connection of the bulk writer, with the timeouts every statement has."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as RawConnection
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

#: What `connect` gives.
Connection = RawConnection

STATEMENT_TIMEOUT_SECONDS = 120
LOCK_TIMEOUT_SECONDS = 20
#: A transaction that its program has forgotten, or that a stopped one holds, keeps locks and dead rows for no longer.
IDLE_IN_TRANSACTION_SECONDS = 300
CONNECT_TIMEOUT_SECONDS = 5
#: The role whose own limits (migration 0011) are tighter than these.
TIGHTER = "tapefarm_console"
#: Each side notices within half a minute that the other's host is gone. The server too: what a dead host has locked, such as the groups of its
#: drains, is locked until then, and by itself a server waits for two hours.
KEEPALIVES = {"idle": 15, "interval": 5, "count": 3}
#: What was sent into a dead network fails after this; keepalives watch over idle connections only.
TCP_TIMEOUT_MS = 30_000
#: Rows that are revised after they were compressed are taken out of it, a thousand at a time. TimescaleDB's own limit is met by the candles of a
#: hundred instruments and fails the same at every repetition; a transaction has the bound of its rows, and of the statement's time.
UNCOMPRESSED_ROWS = "timescaledb.max_tuples_decompressed_per_dml_transaction"

#: The database is away, shutting down or restarting: wait and repeat. Everything else is a bug or bad data.
UNREACHABLE = (psycopg2.OperationalError, psycopg2.InterfaceError)
#: The database is well and will not have these rows; repeating the same would fail for ever.
REFUSED = (psycopg2.DataError, psycopg2.IntegrityError)
#: A lock was not had in time.
BUSY = (psycopg2.errors.LockNotAvailable,)


def _options(url: str) -> str:
    limits = {
        "statement_timeout": STATEMENT_TIMEOUT_SECONDS,
        "lock_timeout": LOCK_TIMEOUT_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS,
    }
    if make_url(url).username == TIGHTER:
        limits = {"lock_timeout": LOCK_TIMEOUT_SECONDS}
    limits |= {f"tcp_keepalives_{name}": number for name, number in KEEPALIVES.items() if name != "count"}
    return " ".join(
        [
            *(f"-c {name}={seconds}s" for name, seconds in limits.items()),
            f"-c tcp_keepalives_count={KEEPALIVES['count']}",
            f"-c {UNCOMPRESSED_ROWS}=0",
            "-c timezone=UTC",
        ]
    )


@functools.cache
def engine(url: str) -> Engine:
    """One small pool a process. Made on first use, so a prefork child never shares its parent's sockets."""
    return create_engine(
        url,
        pool_size=2,
        max_overflow=2,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": _options(url), "application_name": "tapefarm"},
    )


def connect(url: str, *, name: str) -> RawConnection:
    """A connection of one's own, as the drains use it; `name` is seen in pg_stat_activity."""
    arguments, keywords = engine(url).dialect.create_connect_args(make_url(url))
    opened: RawConnection = psycopg2.connect(
        *arguments,
        **keywords,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        options=_options(url),
        application_name=name,
        keepalives_idle=KEEPALIVES["idle"],
        keepalives_interval=KEEPALIVES["interval"],
        keepalives_count=KEEPALIVES["count"],
        tcp_user_timeout=TCP_TIMEOUT_MS,
    )
    return opened


_waiting: dict[tuple[str, str], RawConnection] = {}


@contextmanager
def kept(url: str, *, name: str) -> Iterator[RawConnection]:
    """`connect` for who asks every few seconds, one at a time: a new connection costs both sides more than what is asked through it.

    It outlives the block, one a name and process, unless it broke within it or while it waited.
    """
    found = _waiting.pop((url, name), None)
    if found is not None and not _answers(found):
        found.close()
        found = None
    opened = found or connect(url, name=name)
    try:
        yield opened
    except BaseException:
        opened.close()
        raise
    if not opened.closed and opened.get_transaction_status() == TRANSACTION_STATUS_IDLE:
        _waiting[url, name] = opened
    else:
        opened.close()


def _answers(opened: RawConnection) -> bool:
    try:
        with opened, opened.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True
