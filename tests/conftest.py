"""Real servers for every test that asks: a private TimescaleDB and Redis, a fresh database a test, a fresh key prefix a test.

DATABASE_URL_TEST and REDIS_URL_TEST name other servers to use. Where none can be had a laptop skips, and CI fails.
"""

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
from alembic import command
from alembic.config import Config
from psycopg2.extensions import connection as RawConnection
from psycopg2.extensions import cursor as Cursor
from sqlalchemy.engine import make_url
from xdist.scheduler import LoadFileScheduling

from core import count_files, counts, redisdb
from db import engine
from ops.local.errors import LocalError
from ops.local.locks import try_exclusive
from ops.local.prometheus import Programs, ensure_prometheus
from ops.local.servers import Servers, ephemeral_servers

CHECKOUT = Path(__file__).resolve().parents[1]
WHOLE_FARMS = "tests/end_to_end/"
LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "", None}


class OutsideNetwork(RuntimeError):
    """A test wanted to leave this machine."""


def _loopback_only(event: str, args: tuple[Any, ...]) -> None:
    """Audit hook: our own process reaches nothing but this machine. (Children are programs of ours that are given loopback addresses.)"""
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    elif event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
    else:
        return
    if host not in LOOPBACK and not str(host).startswith("127."):
        raise OutsideNetwork(f"a test may not reach {host}")


sys.addaudithook(_loopback_only)


# --- side by side ---------------------------------------------------------------------------------------------------------
class _FewFarmsAtATime(LoadFileScheduling):
    """A file of tests is one piece of work. All that start whole farms together are two, as they mostly wait: a small machine carries so
    many farms beside the other tests."""

    def _split_scope(self, nodeid: str) -> str:
        if not nodeid.startswith(WHOLE_FARMS):
            return super()._split_scope(nodeid)
        files = sorted(path.name for path in (CHECKOUT / WHOLE_FARMS).glob("test_*.py"))
        place = files.index(nodeid.removeprefix(WHOLE_FARMS).partition("::")[0])
        return f"{WHOLE_FARMS}{2 * place // len(files)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest pieces of work come first."""
    items.sort(key=lambda item: not item.nodeid.startswith(WHOLE_FARMS))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return _FewFarmsAtATime(config, log) if config.getvalue("dist") == "loadfile" else None


# --- folders --------------------------------------------------------------------------------------------------------------
_FOLDER, _ALIVE, _FILES = "tapefarm-tests-", "alive", "files"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A folder of this run's own. pytest's is shared, and each run that begins closes it to other accounts: as root, servers run under one, and
    find their data no more. What a run leaves that failed stays until the next one."""
    if config.option.basetemp is not None or hasattr(config, "workerinput"):
        return
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*/{_ALIVE}"):
        if os.access(left, os.W_OK):
            with try_exclusive(left) as ours:
                if ours:
                    shutil.rmtree(left.parent, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
    folder.chmod(0o711)
    config.add_cleanup(_held(folder / _ALIVE))
    config.option.basetemp = str(folder / _FILES)


def _held(file: Path) -> Callable[[], None]:
    stack = ExitStack()
    assert stack.enter_context(try_exclusive(file))
    return stack.close


def _own_folder(config: pytest.Config) -> Path | None:
    folder = Path(config.option.basetemp or "-").parent
    return folder if folder.name.startswith(_FOLDER) and not hasattr(config, "workerinput") else None


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    yield
    if exitstatus == pytest.ExitCode.OK and (folder := _own_folder(session.config)):
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    if exitstatus != pytest.ExitCode.OK and (folder := _own_folder(config)):
        terminalreporter.write_line(f"What the tests left, until the next run: {folder / _FILES}")


@pytest.fixture(scope="session", autouse=True)
def _enterable(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As root, servers run under another account: in folders closed to it they would keep their data elsewhere, for ever."""
    base = tmp_path_factory.getbasetemp()
    for folder in (base, base.parent) if base.name.startswith("popen-") else (base,):
        folder.chmod(0o711)


# --- servers --------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def private_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Servers]]:
    """Started by the first call, shared by the whole run."""
    running: list[Any] = []

    def start() -> Servers:
        if not running:
            context = ephemeral_servers(tmp_path_factory.mktemp("servers"), say=print)
            try:
                running.extend((context.__enter__(), context))
            except LocalError as exc:
                if os.environ.get("CI"):
                    raise
                pytest.skip(f"no private servers: {exc}")
        return running[0]  # type: ignore[no-any-return]

    yield start
    if running:
        running[1].__exit__(None, None, None)


@pytest.fixture(scope="session")
def database_url(private_servers: Callable[[], Servers]) -> str:
    """A TimescaleDB in which databases may be created; nothing of ours is in this one."""
    return os.environ.get("DATABASE_URL_TEST") or private_servers().database_url


@pytest.fixture(scope="session")
def redis_url(private_servers: Callable[[], Servers]) -> str:
    return os.environ.get("REDIS_URL_TEST") or private_servers().redis_url


# --- databases ------------------------------------------------------------------------------------------------------------
@contextmanager
def _administration(url: str) -> Iterator[Cursor]:
    with closing(engine.connect(url, name="tapefarm tests")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def _named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _migrate(url: str, revision: str = "head") -> None:
    """`alembic upgrade` as an operator runs it, on another database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        command.upgrade(Config(CHECKOUT / "migrations" / "alembic.ini"), revision)
    engine.engine(url).dispose()


@pytest.fixture(scope="session")
def migrate() -> Callable[..., None]:
    """(url, revision="head"): as the function above."""
    return _migrate


@pytest.fixture(scope="session")
def empty_database(database_url: str) -> Iterator[Callable[[str], str]]:
    """template -> URL of a new database made from it (`template0`, where nobody can be in the way: nothing at all)."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        name = f"tapefarm_test_{uuid.uuid4().hex[:12]}"
        with _administration(database_url) as cursor:
            # Copied as files, which takes far less than copying through the log of writes.
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        made.append(name)
        return _named(database_url, name)

    yield make
    with _administration(database_url) as cursor:
        for name in made:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def template(database_url: str, empty_database: Callable[[str], str]) -> str:
    """Name of a migrated database that nobody may enter, so that copies can be made of it at any time."""
    url = empty_database("template0")
    _migrate(url)
    name = make_url(url).database
    assert name is not None
    with _administration(database_url) as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))
    return name


@pytest.fixture(scope="session")
def migrated_database_url(template: str, empty_database: Callable[[str], str]) -> str:
    """One migrated database for the whole run, for tests that keep apart by themselves."""
    return empty_database(template)


@pytest.fixture
def fresh_database_url(template: str, database_url: str, empty_database: Callable[[str], str]) -> Iterator[str]:
    """A migrated database of this test's own."""
    url = empty_database(template)
    yield url
    engine.engine(url).dispose()
    with _administration(database_url) as cursor:
        cursor.execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')


@pytest.fixture
def connection(fresh_database_url: str) -> Iterator[RawConnection]:
    """The bulk writer's kind of connection into a fresh database."""
    with closing(engine.connect(fresh_database_url, name="test")) as opened:
        yield opened


@pytest.fixture
def query(fresh_database_url: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Look at what is committed, over a connection of its own."""
    with closing(
        psycopg2.connect(make_url(fresh_database_url).set(drivername="postgresql").render_as_string(hide_password=False))
    ) as opened:
        opened.autocommit = True

        def ask(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
            with opened.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []

        yield ask


# --- Redis ----------------------------------------------------------------------------------------------------------------
@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redisdb.Client]:
    with closing(redisdb.connect(redis_url, timeout_seconds=5)) as client:
        yield client


@pytest.fixture
def key_prefix(redis_client: redisdb.Client) -> Iterator[str]:
    """A prefix nobody else uses; what stands under it is forgotten after the test."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield prefix
    try:
        for key in redis_client.scan_iter(match=f"{prefix}:*", count=1000):
            redis_client.delete(key)
    except redis.ConnectionError:
        return  # the test killed the server


# --- counts ---------------------------------------------------------------------------------------------------------------
@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Callable[..., list[float]]]:
    """This process counts; (metric, *labels) is what it has counted: one value, or those of a histogram. Empty: nothing."""
    folder = tmp_path / "counted"
    counts.begin(folder, "test")

    def told(metric: counts.Metric, *labels: str) -> list[float]:
        found = count_files.joined(folder).get(count_files.key_of(metric.name, labels, metric.bounds))
        return [] if found is None else found.tolist()

    yield told
    counts.end()


# --- recordings -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of recorded venue payloads; they are not ours to publish, so they are not in the repository."""
    folder = Path(os.environ.get("TAPEFARM_CAPTURES") or CHECKOUT.parent / "shared" / "captures")
    if not folder.is_dir():
        pytest.skip(f"no recorded payloads at {folder}; TAPEFARM_CAPTURES says where else they are")
    return folder


# --- documents ------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def kept() -> Callable[[str, str], None]:
    """(file, what the code says): the file says the same. TAPEFARM_WRITE_DOCS=1 writes it instead of complaining."""

    def keep(name: str, text: str) -> None:
        path = CHECKOUT / name
        if os.environ.get("TAPEFARM_WRITE_DOCS"):
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, f"{name} lags behind the code: run the tests once with TAPEFARM_WRITE_DOCS=1"

    return keep


# --- Prometheus -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def prometheus() -> Callable[[], Programs]:
    """Its programs, fetched once a machine and unpacked once a checkout."""

    def fetched() -> Programs:
        try:
            return ensure_prometheus(CHECKOUT / ".farm/prometheus", print)
        except LocalError as exc:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Prometheus: {exc}")

    return fetched
