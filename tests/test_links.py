"""Every door to servers of another host, against real ones that speak TLS alone and want passwords: it opens by the URL that docs/scaling.md
gives, and neither to who was signed for by a stranger nor without TLS."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from celery import Celery
from sqlalchemy.engine import make_url

import celeryconfig
from core.addresses import objection
from core.journal import Batch, StreamName, data_fields
from core.lane import Lane
from core.redisdb import connect as connect_redis
from db import arrow, engine
from db.backups import programs
from ops.cli.looking import connection
from ops.local.errors import LocalError
from ops.local.runtime import ensure_runtime
from tests.conftest import CHECKOUT
from tests.secured import Authority, Secured, servers

LONG = pytest.mark.timeout(300)  # the first one starts servers


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    folder.chmod(0o755)
    return Authority(folder, "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, ours: Authority) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    folder.chmod(0o711)
    try:
        runtime = ensure_runtime(CHECKOUT / ".farm/runtime", print)
    except LocalError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no private servers: {exc}")
    with servers(runtime, folder, ours) as running:
        yield running


# --- Redis ----------------------------------------------------------------------------------------------------------------
def through_the_library(url: str) -> None:
    with closing(connect_redis(url, timeout_seconds=5)) as client:
        assert client.ping()


def through_the_lane(url: str) -> None:
    async def play() -> None:
        settled = asyncio.get_running_loop().create_future()
        lane = Lane(url, "links", timeout_seconds=5)
        lane.on_settled, lane.on_failed = settled.set_result, settled.set_exception
        await lane.open()
        stream = StreamName("tiny", "trades")
        entry: Batch = (stream, data_fields("c", 1, [b"{}"], [1]))
        lane.send([entry], new=[stream])
        assert len(await settled) == 1
        lane.close()

    asyncio.run(play())


def through_celery(url: str) -> None:
    app = Celery("links", set_as_current=False)
    app.config_from_object(celeryconfig)
    app.conf.broker_url = url
    with app.connection_for_write() as broker:
        # As when a worker begins, but only once.
        broker.ensure_connection(max_retries=1, interval_start=0)
        with broker.SimpleQueue("links") as queue:
            queue.put({"a": 1})
            assert queue.get(timeout=10).payload == {"a": 1}


DOORS_TO_REDIS = [through_the_library, through_the_lane, through_celery]


@LONG
@pytest.mark.parametrize("door", DOORS_TO_REDIS)
def test_redis_opens_to_who_trusts_its_authority(secured: Secured, ours: Authority, door: Callable[[str], None]) -> None:
    url = secured.redis_url(ours.pem)
    assert objection(url) is None
    door(url)


@LONG
@pytest.mark.parametrize("door", DOORS_TO_REDIS)
def test_a_redis_signed_for_by_a_stranger_is_told_nothing(secured: Secured, stranger: Authority, door: Callable[[str], None]) -> None:
    with pytest.raises(Exception, match=r"(?i)certificate verify failed"):
        door(secured.redis_url(stranger.pem))


@LONG
@pytest.mark.parametrize("door", DOORS_TO_REDIS)
@pytest.mark.parametrize("how", ["without TLS", "without a password"])
def test_redis_opens_to_nobody_without_tls_and_a_password(secured: Secured, ours: Authority, door: Callable[[str], None], how: str) -> None:
    good = secured.redis_url(ours.pem)
    password = make_url(good).password
    url = good.partition("?")[0].replace("rediss:", "redis:") if how == "without TLS" else good.replace(f":{password}@", "")
    with pytest.raises(Exception, match=r"(?i)closed|reset|NOAUTH|authentication|Connection lost|EOF"):
        door(url)


# --- PostgreSQL -----------------------------------------------------------------------------------------------------------
IS_SECURED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


def by_the_bulk_writer(url: str) -> None:
    with closing(engine.connect(url, name="links")) as opened, opened.cursor() as cursor:
        cursor.execute(IS_SECURED)
        assert cursor.fetchall() == [(True,)]


def by_the_engine(url: str) -> None:
    with engine.engine(url).connect() as opened:
        assert opened.exec_driver_sql(IS_SECURED).scalar() is True
    engine.engine(url).dispose()


def by_arrow(url: str) -> None:
    with arrow.snapshot(url) as opened:
        assert opened.rows(IS_SECURED) == [(True,)]


def by_pg_dump(url: str) -> None:
    dsn, environment = programs.address(url)
    own = CHECKOUT / ".farm/runtime/usr/lib/postgresql/17/bin"
    argv = [programs.find("pg_dump", str(own)), "--schema-only", "--table=nothing*", "--no-password", f"--dbname={dsn}"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    # Let in, it finds that there is no such table.
    if "no matching tables" not in done.stderr:
        raise psycopg2.OperationalError(done.stderr)


def by_psql(url: str) -> None:
    program = CHECKOUT / ".farm/runtime/usr/lib/postgresql/17/bin/psql"
    argv = [str(program), "-qAtX", "-c", IS_SECURED]
    done = subprocess.run(argv, env={"PATH": os.environ["PATH"], **connection(make_url(url))}, capture_output=True, text=True, check=False)
    if done.stdout != "t\n":
        raise psycopg2.OperationalError(done.stderr)


DOORS_TO_POSTGRES = [by_the_bulk_writer, by_the_engine, by_arrow, by_pg_dump, by_psql]


@LONG
@pytest.mark.parametrize("door", DOORS_TO_POSTGRES)
def test_the_database_opens_to_who_trusts_its_authority(secured: Secured, ours: Authority, door: Callable[[str], None]) -> None:
    url = secured.database_url(ours.pem)
    assert objection(url) is None
    door(url)


@LONG
@pytest.mark.parametrize("door", DOORS_TO_POSTGRES)
def test_a_database_signed_for_by_a_stranger_is_told_nothing(secured: Secured, stranger: Authority, door: Callable[[str], None]) -> None:
    with pytest.raises(Exception, match="certificate verify failed"):
        door(secured.database_url(stranger.pem))


@LONG
@pytest.mark.parametrize("door", DOORS_TO_POSTGRES)
@pytest.mark.parametrize("how", ["without TLS", "without a password"])
def test_the_database_opens_to_nobody_without_tls_and_a_password(
    secured: Secured, ours: Authority, door: Callable[[str], None], how: str
) -> None:
    good = make_url(secured.database_url(ours.pem))
    changed = make_url(good).set(query={"sslmode": "disable"}) if how == "without TLS" else good._replace(password=None)
    with pytest.raises(Exception, match=r"no encryption|no password supplied"):
        door(changed.render_as_string(hide_password=False))


@LONG
@pytest.mark.parametrize("door", ["the bulk writer", "the engine"])
def test_the_server_notices_within_half_a_minute_that_a_host_is_gone(secured: Secured, ours: Authority, door: str) -> None:
    """Until then the groups of its drains are locked."""
    url = secured.database_url(ours.pem)
    opened = engine.connect(url, name="links") if door == "the bulk writer" else engine.engine(url).raw_connection()
    with closing(opened), opened.cursor() as cursor:
        cursor.execute("SELECT current_setting('tcp_keepalives_' || name) FROM unnest(ARRAY['idle', 'interval', 'count']) AS name")
        idle, interval, count = (int(value) for (value,) in cursor.fetchall())
    engine.engine(url).dispose()
    assert 0 < idle + interval * count <= 30


@LONG
def test_a_server_of_another_name_is_not_taken_for_ours(secured: Secured, ours: Authority, tmp_path: Path) -> None:
    """Its certificate is good, and says that it is 127.0.0.1."""
    with pytest.raises(psycopg2.OperationalError, match="does not match host name"):
        by_the_bulk_writer(secured.database_url(ours.pem).replace("127.0.0.1", "localhost"))
    with pytest.raises(Exception, match=r"(?i)mismatch|certificate is not valid"):
        through_the_library(secured.redis_url(ours.pem).replace("127.0.0.1", "localhost"))
    with pytest.raises(Exception, match=r"(?i)mismatch|certificate is not valid"):
        through_celery(secured.redis_url(ours.pem).replace("127.0.0.1", "localhost"))
