"""Redis and PostgreSQL as the farm reaches them: versions, settings that keep data, clocks."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg2
from sqlalchemy.exc import SQLAlchemyError

from core import redisdb
from core.redisdb import RedisError
from core.settings import Settings
from db import queries
from ops.doctor import clock
from ops.doctor.finding import FAILURE, OK, WARNING, Finding

ANSWER_SECONDS = 4.0
#: What the tests run against: Debian's packages, and the images of docker-compose.yml.
REDIS, POSTGRES, TIMESCALE = (7, 0), 17, (2, 19)
#: Of maxmemory; beyond, a database that is away for some time makes streamers spool.
FULL = 0.8
LOG = "What was acknowledged is lost with a crash: CONFIG SET appendonly yes, and appendonly yes in redis.conf."
EVICTS = "It throws away the journal when it is full: CONFIG SET maxmemory-policy noeviction, and in redis.conf."


def redis(knobs: Settings) -> Iterator[Finding]:
    try:
        with closing(redisdb.connect(knobs.redis_url, timeout_seconds=ANSWER_SECONDS)) as client:
            asked: Any = client
            info, began = asked.info("everything"), time.time()
            seconds, microseconds = asked.time()
            taken = time.time() - began
            policy = info.get("maxmemory_policy")
            synced = _config(asked, "appendfsync")
    except (RedisError, OSError, ValueError) as exc:
        yield Finding("Redis", FAILURE, f"no answer: {_brief(exc)}", "`./farm status` says whether it runs, `./farm logs redis` why not.")
        return
    yield from _redis_said(info, policy, synced)
    yield clock.offset("Redis clock", seconds + microseconds / 1e6 - (began + taken / 2), taken / 2)


def _config(client: Any, name: str) -> str | None:
    """None where a managed server does not say."""
    try:
        return str(client.config_get(name)[name])
    except (RedisError, KeyError):
        return None


def _redis_said(info: Mapping[str, Any], policy: str | None, synced: str | None) -> Iterator[Finding]:
    version = str(info["redis_version"])
    new = _numbers(version) >= REDIS
    yield Finding("Redis", OK if new else FAILURE, version, "" if new else "Redis 7.0 or newer is needed.")
    if not info.get("aof_enabled"):
        yield Finding("Redis' log", FAILURE, "appendonly no", LOG)
    elif info.get("aof_last_write_status") != "ok":
        yield Finding("Redis' log", FAILURE, "the last write failed", "Its disk is full or broken: `./farm logs redis`.")
    elif synced not in (None, "always"):
        yield Finding(
            "Redis' log", WARNING, f"appendfsync {synced}", "A crash of the machine may lose the last second: appendfsync always."
        )
    else:
        yield Finding("Redis' log", OK, f"appendonly yes, appendfsync {synced or 'not told'}")
    evicted = int(info.get("evicted_keys", 0))
    if policy != "noeviction":
        yield Finding("Redis' memory", FAILURE, f"maxmemory-policy {policy}", EVICTS)
    elif evicted:
        yield Finding(
            "Redis' memory", FAILURE, f"{evicted:,} keys were evicted since it began", "Data may be lost: `./farm coverage --gaps`."
        )
    else:
        yield _room(int(info["used_memory"]), int(info.get("maxmemory", 0)))


def _room(used: int, most: int) -> Finding:
    if not most:
        advice = "A long outage of the database would take all memory: set maxmemory, as streamers spool where it is met."
        return Finding("Redis' memory", WARNING, f"{used / 2**20:,.0f} MiB, noeviction, no maxmemory", advice)
    told = f"{used / 2**20:,.0f} of {most / 2**20:,.0f} MiB, noeviction"
    full = used > FULL * most
    return Finding(
        "Redis' memory", WARNING if full else OK, told, "Writers are behind, or it is too small: `./farm status`." if full else ""
    )


def postgres(knobs: Settings) -> Iterator[Finding]:
    began = time.time()
    try:
        said = queries.rows(knobs.reading_url, "doctor")[0]
    except (psycopg2.Error, SQLAlchemyError, OSError) as exc:
        cause = _brief(getattr(exc, "orig", None) or exc)
        yield Finding("PostgreSQL", FAILURE, f"no answer: {cause}", "`./farm status` says whether it runs, `./farm logs postgres` why not.")
        return
    taken = time.time() - began
    version = int(said["version"]) // 10_000
    advice = f"PostgreSQL {POSTGRES} is what the farm is tested with: upgrade when you can."
    yield Finding("PostgreSQL", OK if version >= POSTGRES else WARNING, said["name"], "" if version >= POSTGRES else advice)
    if said["timescaledb"] is None:
        yield Finding("TimescaleDB", FAILURE, "not in this database", "Install it on the server, and CREATE EXTENSION timescaledb.")
    else:
        new = _numbers(said["timescaledb"]) >= TIMESCALE
        told = f"{said['timescaledb']}, {said['license']} edition"
        yield Finding("TimescaleDB", OK if new else WARNING, told, "" if new else "2.19 or newer is what the farm is tested with.")
    for name, means in (("fsync", "the database"), ("full_page_writes", "pages of it")):
        if said[name] != "on":
            yield Finding(
                "PostgreSQL's disk", FAILURE, f"{name} is {said[name]}", f"A crash may destroy {means}: ALTER SYSTEM SET {name} = on."
            )
    if said["connections"] > FULL * said["most"]:
        told = f"{said['connections']} of {said['most']} connections"
        yield Finding("PostgreSQL", WARNING, told, "Others may not be let in soon: look at pg_stat_activity, or raise max_connections.")
    yield clock.offset("PostgreSQL clock", said["now"] - (began + taken / 2), taken / 2)


def link(name: str, url: str) -> Iterator[Finding]:
    """Nothing where the server is on this host."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("", "localhost", "::1") or host.startswith("127."):
        return
    if parts.scheme == "rediss" or parse_qs(parts.query).get("sslmode", [""])[0].startswith("verify"):
        yield Finding(f"link to {name}", OK, f"to {host}, with TLS that looks at who answers")
    else:
        advice = (
            "Whoever is between reads and changes everything, passwords too, unless it is a network of your own: docs/scaling.md, Links."
        )
        yield Finding(f"link to {name}", WARNING, f"to {host}, and who answers is not looked at", advice)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def _brief(exc: BaseException) -> str:
    return (str(exc).strip() or type(exc).__name__).splitlines()[0][:200]
