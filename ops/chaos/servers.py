"""Faults of the two servers: restarted, away, empty, full, and blocked by somebody else."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from core.redisdb import RedisError
from ops.chaos.farm import Farm
from ops.chaos.fault import DEAF, Fault

_REDIS = "redis"
_POSTGRES = "postgres|database"
AWAY_SECONDS = 600.0


@contextmanager
def _redis_restarted(farm: Farm) -> Iterator[None]:
    with farm.stopped("redis"):
        yield


@contextmanager
def _redis_flushed(farm: Farm) -> Iterator[None]:
    farm.redis().flushall()
    yield


@contextmanager
def _redis_wiped(farm: Farm) -> Iterator[None]:
    with farm.stopped("redis"):
        shutil.rmtree(farm.data("redis") / "appendonlydir")
        yield


@contextmanager
def _redis_full(farm: Farm) -> Iterator[None]:
    redis = farm.redis()
    before = redis.config_get("maxmemory")["maxmemory"]
    redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        with suppress(RedisError):  # killed in a storm, it has read its own settings again
            redis.config_set("maxmemory", before)


@contextmanager
def _postgres_stopped(farm: Farm) -> Iterator[None]:
    with farm.stopped("postgres"):
        yield


def _signalled(number: signal.Signals, farm: Farm) -> None:
    with suppress(psutil.NoSuchProcess):
        farm.process("postgres").send_signal(number)


@contextmanager
def _postgres_fast(farm: Farm) -> Iterator[None]:
    """As `pg_ctl stop -m fast` by somebody who does not know that a supervisor will start it again."""
    _signalled(signal.SIGINT, farm)
    yield


@contextmanager
def _disk_full(farm: Farm) -> Iterator[None]:
    with farm.disks.full(farm.disks.database):
        yield


@contextmanager
def _table_locked(farm: Farm) -> Iterator[None]:
    with farm.transaction() as cursor:
        cursor.execute("LOCK TABLE trades, quotes IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def _spool_full(farm: Farm) -> Iterator[None]:
    """Redis is away and the spool takes nothing: what comes is shed, counted and told."""
    with farm.disks.full(farm.disks.spool), farm.stopped("redis"):
        yield


def _lacks_disks(farm: Farm) -> str:
    return farm.disks.lacking


FAULTS = [
    Fault("redis-restart", "Redis: stopped and started", _redis_restarted, _REDIS, 5.0, core=True, storm=True),
    Fault("redis-flushed", "Redis: FLUSHALL", _redis_flushed, "redis|gap|journal", rung=True),
    Fault("redis-wiped", "Redis: its data removed while it is down", _redis_wiped, _REDIS, 5.0, core=True),
    Fault("redis-full", "Redis: maxmemory reached, writes are refused", _redis_full, "redis|maxmemory|OOM", 20.0, storm=True),
    Fault("postgres-restart", "PostgreSQL: stopped and started", _postgres_stopped, _POSTGRES, 5.0, storm=True),
    Fault("postgres-fast-stop", "PostgreSQL: fast shutdown by a signal", _postgres_fast, _POSTGRES, storm=True),
    Fault("postgres-away", "PostgreSQL: its port is closed", _postgres_stopped, _POSTGRES, AWAY_SECONDS, core=True, patience_seconds=300),
    Fault(
        "postgres-disk-full",
        "PostgreSQL: not a byte is free on its disk",
        _disk_full,
        "no space left|could not (write|extend)",
        45.0,
        lacks=_lacks_disks,
    ),
    Fault(
        "tables-locked",
        "PostgreSQL: ACCESS EXCLUSIVE on trades and quotes",
        _table_locked,
        "lock|writers|journal entries",
        60.0,
        storm=True,
    ),
    Fault(
        "spool-disk-full",
        "Redis away, and not a byte free under the spool",
        _spool_full,
        "spool|shed",
        15.0,
        excused=DEAF | {"lost"},
        lacks=_lacks_disks,
    ),
]
