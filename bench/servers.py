"""Private servers with the production's settings for one run of the benchmark, and one migrated database on them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from psycopg2.extensions import connection as RawConnection

from core import redisdb, settings
from core.board import Board
from core.journal import Journal
from core.settings import Settings
from db import engine
from ops.local.servers import Servers, ephemeral_servers

CHECKOUT = Path(__file__).resolve().parents[1]
MIGRATE_SECONDS = 120
#: Whatever a run writes is thrown away before the next: rows, and what the farm knows of itself. Instruments stay known.
_TABLES = (
    "trades",
    "quotes",
    "candles",
    "tickers",
    "funding_rates",
    "open_interest",
    "stream_offsets",
    "sessions",
    "data_gaps",
    "outages",
    "backfills",
    "quarantine",
    "stale_bars",
    *(f"rollups.bars_{width}" for width in ("1s", "1m", "1h")),
    "recorded_days",
)


@dataclass(frozen=True)
class Lab:
    """What every stage works with. `say` tells progress."""

    servers: Servers
    settings: Settings
    say: Callable[[str], None]

    @property
    def folder(self) -> Path:
        return self.servers.folder

    def environment(self, **more: str) -> dict[str, str]:
        """Of a program of the farm on these servers; nothing else that the caller's shell may have set reaches it."""
        knobs = {name for name, _, _ in settings.documented()}
        bare = {name: value for name, value in os.environ.items() if name not in knobs and not name.endswith(("_WS_URL", "_REST_URL"))}
        return {
            **bare,
            **self.servers.environ,
            "FARM_HOME": str(self.folder / "home"),
            "LOG_LEVEL": "WARNING",
            "ARCHIVE": "off",  # nobody is there to keep it
            "PYTHONPATH": str(CHECKOUT),
            **more,
        }

    def connect(self) -> RawConnection:
        return engine.connect(self.servers.database_url, name="tapefarm bench")

    def redis(self) -> redisdb.Client:
        return redisdb.connect(self.servers.redis_url, timeout_seconds=30)

    def journal(self) -> Journal:
        return Journal(self.redis(), self.settings.key_prefix)

    def board(self) -> Board:
        return Board(self.redis(), self.settings.key_prefix)

    def clear(self) -> None:
        """The same start for every run: empty tables, an empty journal, nothing left to write back."""
        self.redis().flushdb()
        with closing(self.connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {', '.join(_TABLES)}")
                cursor.execute("CHECKPOINT")

    def count(self, table: str) -> int:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            return int(cursor.fetchone()[0])  # type: ignore[index]

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The servers' own processes as they are now."""
        found = {}
        for name, running in (("postgres", self.servers.postgres), ("redis", self.servers.redis)):
            assert running.process is not None
            root = psutil.Process(running.process.pid)
            found[name] = [root, *root.children(recursive=True)]
        return found


@contextmanager
def laboratory(say: Callable[[str], None], *, durable: bool = True) -> Iterator[Lab]:
    """Servers up and migrated; gone, with their folder, at the end or with this process."""
    say("starting private servers")
    with ephemeral_servers(CHECKOUT / ".farm" / "bench", durable=durable, say=say) as servers:
        yield on(servers, say)


def on(servers: Servers, say: Callable[[str], None]) -> Lab:
    """A lab on servers that run already; migrates their database."""
    knobs = replace(settings.Settings(), database_url=servers.database_url, redis_url=servers.redis_url, writer_groups=1, archive="off")
    lab = Lab(servers, knobs, say)
    argv = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "upgrade", "head"]
    subprocess.run(argv, cwd=CHECKOUT, env=lab.environment(), check=True, timeout=MIGRATE_SECONDS, stdout=subprocess.DEVNULL)
    return lab
