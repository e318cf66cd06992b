"""ops/deploy.sh on a host where no server is named: it sets PostgreSQL with TimescaleDB and Redis up, from Debian's own packages."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from core.settings import Settings
from ops.deploy.host import others_of
from ops.local.ports import free_port
from tests.debian_root import MAKING_SECONDS
from tests.ops.deploy.conftest import Host, rented, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(MAKING_SECONDS + 1200)]

OPTIONS = ("--timescaledb", "apache", "--no-firewall")
#: What servers that run write by themselves.
WRITTEN = ("var/lib/postgresql", "var/lib/redis", "var/log/postgresql", "var/log/redis")
ASK = """
import sys
from contextlib import closing
from db import engine
with closing(engine.connect(sys.argv[1], name="test")) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT current_user, pg_has_role('pg_read_all_data', 'member'), extname FROM pg_extension WHERE extname = 'timescaledb'")
    print(*cursor.fetchone())
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """On ports that nobody else has; it records nothing, as the one venue that it is to record wants a login."""
    with rented("postgresql-17", "postgresql-17-timescaledb", "redis-server") as root:
        for name, line in (("etc/postgresql/17/main/postgresql.conf", "port = {}"), ("etc/redis/redis.conf", "port {}")):
            path = root.path / name
            path.write_text(re.sub(r"(?m)^port\b.*$", line.format(free_port()), path.read_text()))
        ports = {f"FARM_{name}_PORT": str(free_port()) for name in ("FLOWER", "CONSOLE", "HEALTH")}
        settle(root, FARM_VENUES="kalshi", **ports)
        yield Host(root, "", "", "tapefarm", tmp_path_factory.mktemp("nothing"))


def test_servers_are_set_up_once_and_each_purpose_has_its_role(host: Host) -> None:
    host.deploy(*OPTIONS)
    assert set(host.starts()) == set(others_of(Settings())), host.log()
    urls = dict(re.findall(r"(?m)^(\w+)=(.*)$", host.read("etc/tapefarm/servers.env")))
    console = host.read("etc/tapefarm/console.env").strip().partition("=")[2]
    for url, role in (
        (urls["DATABASE_URL"], "tapefarm_writer False"),
        (urls["DATABASE_READER_URL"], "tapefarm_reader False"),
        (urls["DATABASE_BACKUP_URL"], "tapefarm_backup True"),
        (console, "tapefarm_console False"),
    ):
        assert host.ask(ASK, url) == f"{role} timescaledb"
    redis = urlsplit(urls["REDIS_URL"])
    asked = host.root.run("redis-cli", "-p", str(redis.port), "config", "get", "appendfsync", env={"REDISCLI_AUTH": str(redis.password)})
    assert asked.stdout.split() == ["appendfsync", "always"]
    before, starts = left(host), host.starts()
    host.deploy(*OPTIONS)
    assert left(host) == before
    assert host.starts() == starts


def left(host: Host) -> dict[str, tuple[object, ...]]:
    return {path: what for path, what in host.tree().items() if not path.startswith(WRITTEN)}
