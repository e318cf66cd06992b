"""A farm with a secret wherever one may be given, at its most talkative, after trouble: no secret is where anybody looks."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
import zstandard
from sqlalchemy.engine import make_url

from core import redisdb
from core.private import read_private
from core.settings import Settings
from db import engine, roles
from ops.cli.plan import RUNTIME
from ops.local.servers import Postgres, Servers
from tests.end_to_end.conftest import Farm, Venue, eventually
from tests.ops.alerting.peers import Mailbox, mailbox

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

RATE = "60"
ZSTD = re.escape(b"\x28\xb5\x2f\xfd")
WRITER, READER, BACKUP, FLOWER, CLIENT = "wr1ter-hidden", "r3ader-hidden", "b4ckup-hidden", "fl0wer-hidden", "cl1ent-hidden"
CONSOLE = "c0nsole-hidden"
SECRET_SETTINGS = {field.name.upper() for field in fields(Settings) if field.metadata.get("secret")}


@dataclass(frozen=True)
class Guarded:
    """A farm, what it was given, and what of it nobody may see."""

    farm: Farm
    servers: Servers
    environ: dict[str, str]
    secrets: frozenset[bytes]

    def none_in(self, text: bytes, where: object) -> None:
        found = [secret[:4] for secret in self.secrets if secret in text]
        assert not found, f"a secret beginning with {found} is in {where}"


def password_of(value: str) -> str:
    """The secret of a setting: the password of its URL, or all of it."""
    return urlsplit(value).password or value


@pytest.fixture(scope="module")
def mails() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory,
    private_servers: Callable[[], Servers],
    empty_database: Callable[[], str],
    migrate: Callable[..., None],
    mails: Mailbox,
) -> Iterator[Guarded]:
    servers = private_servers()
    assert isinstance(servers.postgres.server, Postgres)
    owner = make_url(servers.tcp_database_url).set(database=make_url(empty_database()).database).render_as_string(hide_password=False)
    migrate(owner)
    for role, password in ((roles.WRITER, WRITER), (roles.READER, READER), (roles.BACKUP, BACKUP)):
        roles.let_in(owner, role, password)
    environ = {
        "DATABASE_URL": roles.url_of(owner, roles.WRITER, WRITER),
        "DATABASE_OWNER_URL": owner,
        "DATABASE_READER_URL": roles.url_of(owner, roles.READER, READER),
        "DATABASE_BACKUP_URL": roles.url_of(owner, roles.BACKUP, BACKUP),
        "DATABASE_DRILL_URL": owner,
        "POSTGRES_PROGRAMS": str(Path(servers.postgres.server.argv[0]).parent),
        "REDIS_URL": servers.redis_url,
        "BROKER_URL": servers.redis_url.removesuffix("/0") + "/1",
        "FLOWER_PASSWORD": FLOWER,
        "CONSOLE_PASSWORD": CONSOLE,
        "S3_KEY_ID": "s3k3y-hidden",
        "S3_SECRET_KEY": "s3cr3t-hidden",
        "ALERT_URLS": mails.url,
        "DERIBIT_CLIENT_ID": "me",
        "DERIBIT_CLIENT_SECRET": CLIENT,
    }
    assert set(environ) >= SECRET_SETTINGS, "a setting that is marked secret is to be given here"
    farm = Venue(tmp_path_factory.mktemp("secrets"), "deribit", **environ, LOG_LEVEL="DEBUG")
    try:
        farm.up("--venues", "deribit,kalshi", "--rate", RATE)
        secrets = {password_of(environ[name]) for name in SECRET_SETTINGS} | {CLIENT}
        secrets |= {line for line in read_private(farm.home / "sandbox/keys/kalshi.pem").splitlines() if "-----" not in line}
        yield Guarded(farm, servers, environ, frozenset(secret.encode() for secret in secrets))
    finally:
        farm.run("down", "--timeout", "5")


def test_the_farm_has_been_through_trouble(guarded: Guarded) -> None:
    """What follows looks at what errors said."""
    with (
        closing(engine.connect(guarded.environ["DATABASE_OWNER_URL"], name="test")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (roles.WRITER,))
        assert cursor.rowcount > 0
    with closing(redisdb.connect(guarded.environ["REDIS_URL"], timeout_seconds=5)) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    log = guarded.farm.home / "logs" / "worker-writers.log"
    eventually(lambda: b"drain interrupted" in log.read_bytes(), log.read_text)
    eventually(lambda: guarded.farm.run("status").returncode == 0, guarded.farm.status)


def test_no_secret_is_in_a_file_that_others_may_read(guarded: Guarded) -> None:
    looked = 0
    for path in [*guarded.farm.home.rglob("*"), guarded.servers.postgres.log, guarded.servers.redis.log]:
        if path.is_file() and (path.stat().st_mode & 0o077 or "logs" in path.parts):
            guarded.none_in(path.read_bytes(), path)
            looked += 1
    assert looked > 10
    assert b"DEBUG" in (guarded.farm.home / "logs" / "streamer-deribit.log").read_bytes()


def test_no_secret_is_in_a_process_list(guarded: Guarded) -> None:
    pids = {component["pid"] for component in guarded.farm.status()["components"]}
    seen = set()
    for process in psutil.process_iter():
        try:
            guarded.none_in("\0".join([process.name(), *process.cmdline()]).encode(errors="surrogateescape"), process)
        except psutil.Error:
            continue
        seen.add(process.pid)
        if process.pid in pids:  # the environment holds secrets, and only its owner reads it
            assert Path(f"/proc/{process.pid}/environ").stat().st_mode & 0o077 == 0
    assert pids <= seen


def test_no_secret_is_shown_by_flower(guarded: Guarded) -> None:
    base = f"http://127.0.0.1:{guarded.farm.port('flower')}"
    assert requests.get(f"{base}/api/workers", timeout=10).status_code == 401
    login = ("farm", FLOWER)
    workers = eventually(lambda: requests.get(f"{base}/api/workers?refresh=1", auth=login, timeout=30).json())
    assert any("conf" in worker for worker in workers.values()), "the configuration of the workers is among what is shown"
    pages = ["/api/workers", "/api/tasks?limit=500", "/api/task/types", "/api/queues/length", "/metrics", "/workers", "/broker"]
    pages += [f"/worker/{name}" for name in workers]
    for page in pages:
        answer = requests.get(base + page, auth=login, timeout=30)
        assert answer.status_code == 200, page
        guarded.none_in(answer.content, page)


def test_no_secret_is_told_by_the_console(guarded: Guarded) -> None:
    base, login = f"http://127.0.0.1:{guarded.farm.port('console')}", ("farm", CONSOLE)
    assert requests.get(f"{base}/health", timeout=10).status_code == 401
    schema = requests.get(f"{base}/openapi.json", auth=login, timeout=30).json()
    pages = ["/docs", *(path for path in schema["paths"] if "{" not in path)]
    for page in pages:
        with requests.get(base + page, auth=login, timeout=30, stream=True) as answer:
            assert answer.status_code in (200, 422), page
            if "event-stream" not in answer.headers["content-type"]:
                guarded.none_in(answer.content, page)
    assert {"/health", "/api/components", "/api/tasks"} <= set(pages)


def test_no_secret_is_in_the_database(guarded: Guarded) -> None:
    url = make_url(guarded.environ["DATABASE_OWNER_URL"])
    dump = subprocess.run(
        [str(_programs() / "pg_dump"), "-h", "127.0.0.1", "-p", str(url.port), "-U", str(url.username), str(url.database)],
        env={"PGPASSWORD": str(url.password), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    ).stdout
    assert len(re.findall(rb"^COPY ", dump, re.MULTILINE)) > 20 and len(dump) > 100_000
    guarded.none_in(dump, "the database")


def _programs() -> Path:
    return next(path for path in (RUNTIME / "usr/lib/postgresql").glob("*/bin"))


def test_no_secret_was_ever_written_to_redis(guarded: Guarded) -> None:
    """Its log has every command, also of what has been trimmed or has expired, and the bodies of journal and states in it are packed."""
    log = b"".join(path.read_bytes() for path in (guarded.servers.redis.server.data / "appendonlydir").glob("*.incr.aof"))
    bodies = [zstandard.ZstdDecompressor().decompressobj().decompress(log[found.start() :]) for found in re.finditer(ZSTD, log)]
    assert len(bodies) > 10 and b"XADD" in log and b"_kombu" in log
    for text in (log, *bodies):
        guarded.none_in(text, "Redis")


def test_no_secret_is_told_by_a_command(guarded: Guarded) -> None:
    for words in (
        ("status", "--json"),
        ("status",),
        ("up",),
        ("coverage",),
        ("backfill", "--list"),
        ("backup", "--now", "daily"),
        ("backup", "--drill"),
        ("psql", "-c", "\\conninfo"),
    ):
        done = guarded.farm.run(*words)
        assert done.returncode == 0, done.stderr
        guarded.none_in((done.stdout + done.stderr).encode(), words)


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL"])
def test_a_wrong_password_is_not_told_back(guarded: Guarded, tmp_path: Path, variable: str) -> None:
    right = password_of(guarded.environ[variable])
    wrong = guarded.environ | {variable: guarded.environ[variable].replace(right, "wr0ng-hidden")}
    nowhere = Farm(tmp_path / "home", **wrong)
    for words in (("up",), ("status", "--json"), ("psql", "-c", "select 1") if variable == "DATABASE_URL" else ("restart",)):
        done = nowhere.run(*words)
        told = done.stdout + done.stderr
        assert "hidden" not in told and "Traceback" not in told, told
    assert variable in nowhere.run("up").stderr


def test_what_holds_secrets_is_for_its_owner_alone(guarded: Guarded) -> None:
    files = [path for path in guarded.farm.home.rglob("*") if path.is_file()]
    holders = [path for path in files if any(secret in path.read_bytes() for secret in guarded.secrets)]
    assert {"state.json", "flower.sh", "streamer-deribit.sh", "kalshi.pem"} <= {path.name for path in holders}
    assert [path for path in holders if path.stat().st_mode & 0o077 or path.stat().st_uid != os.geteuid()] == []
