"""A farm on hosts of its own: links are cut and become black holes, a host dies, and the tables are what the venue sent.

Streamer a and streamer b have a host each; the workers, with Redis, and the database have theirs. Every link speaks TLS and wants a password.
CUT_SECONDS makes the cuts longer.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.board import Board
from core.journal import Journal
from core.settings import documented
from db import engine
from ops.local.errors import LocalError
from ops.local.runtime import ensure_runtime
from ops.verify.run import Doors, verify
from tests.end_to_end import hosts
from tests.end_to_end.conftest import CHECKOUT, eventually
from tests.end_to_end.hosts import Hosts, Share
from tests.secured import Authority, Secured, servers

log = logging.getLogger(__name__)

SECONDS = float(os.environ.get("CUT_SECONDS", "15"))
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900 + 8 * SECONDS)]

PORT = 18080
RATE = "300"
FARM_TOML = '[venues.binance]\nchannels = ["aggTrade", "bookTicker"]\ntop = 50\n'
WORKERS = "writers,collectors,maintenance,beat"
PREFIX = next(default for name, default, _ in documented() if name == "KEY_PREFIX")
#: What was sent into a black hole is given up after half a minute, and tried anew after some seconds.
BACK_SECONDS = 120 + SECONDS


@dataclass
class Spread:
    """The farm of this test."""

    hosts: Hosts
    shares: dict[str, Share]
    secured: Secured
    venue: Path

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """By a way that no cut concerns."""
        with closing(engine.connect(self.secured.inside, name="test")) as opened, opened, opened.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def count(self, what: str) -> int:
        return int(self.ask(f"SELECT count(*) FROM {what}")[0][0])

    def brings(self, replica: str) -> bool:
        """Both of its sockets have."""
        return self.count(f"sessions WHERE replica = '{replica}' AND proven_at IS NOT NULL AND ended_at IS NULL") == 2

    def goes_on(self) -> None:
        """Rows come of what was sent after this."""
        now = time.time()
        for table in ("trades", "quotes"):
            eventually(lambda table=table: self.count(f"{table} WHERE received_at > to_timestamp({now})"), self.logs, BACK_SECONDS)

    def spooled(self, name: str) -> int:
        return sum(path.stat().st_size for path in (self.shares[name].home / "spool").glob("*/*.seg"))

    def waiting(self) -> int:
        """Entries of the journal."""
        with closing(self.secured.look_into_redis()) as client:
            journal = Journal(client, PREFIX)
            return sum(int(client.xlen(f"{PREFIX}:journal:{stream}")) for stream in journal.streams())

    def compared(self) -> dict[str, Any]:
        with closing(self.secured.look_into_redis()) as client:
            doors = Doors(self.secured.inside, Journal(client, PREFIX), Board(client, PREFIX), self.venue)
            return verify(doors, ["binance"], timeout_seconds=BACK_SECONDS)["binance"]

    def logs(self) -> str:
        texts = [path.read_text(errors="replace")[-1500:] for share in self.shares.values() for path in (share.home / "logs").glob("*.log")]
        return "\n---\n".join(texts)


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spread]:
    if why := hosts.lacks():
        pytest.skip(why)
    try:
        runtime = ensure_runtime(CHECKOUT / ".farm/runtime", print)
    except LocalError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no private servers: {exc}")
    folder = tmp_path_factory.mktemp("hosts")
    folder.chmod(0o711)
    made = Hosts(("a", "b", "workers", "database", "venue"))
    try:
        authority = Authority(folder, "authority")
        places = {"postgres_on": made.address("database"), "redis_on": made.address("workers")}
        ways = {"postgres_by": made.on("database"), "redis_by": made.on("workers")}
        with servers(runtime, folder / "servers", authority, **places, **ways) as secured, _venue(made, folder / "venue"):
            spread = Spread(made, _shares(made, secured, authority, folder), secured, folder / "venue")
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda share: share.up("--venues", "binance"), spread.shares.values()))
            yield spread
            for name in ("a", "workers"):
                spread.shares[name].run("down", "--timeout", "5")
    finally:
        made.close()


@contextmanager
def _venue(made: Hosts, root: Path) -> Iterator[None]:
    address = made.address("venue", "wan")
    argv = [sys.executable, "-m", "sandbox", "--root", str(root), "--host", address, "--port", str(PORT), "--rate", RATE]
    asked = [sys.executable, "-c", "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)"]
    process = subprocess.Popen([*made.on("venue"), *argv], cwd=CHECKOUT)
    try:
        ask = [*made.on("workers"), *asked, f"http://{address}:{PORT}/control/summary"]
        eventually(lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0)
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)


def _shares(made: Hosts, secured: Secured, authority: Authority, folder: Path) -> dict[str, Share]:
    toml = folder / "farm.toml"
    toml.write_text(FARM_TOML)
    address = f"{made.address('venue', 'wan')}:{PORT}/binance"
    common = {
        "FARM_TOML": str(toml),
        "REDIS_URL": secured.redis_url(authority.pem),
        "BINANCE_WS_URL": f"ws://{address}",
        "BINANCE_REST_URL": f"http://{address}",
        "REPLICAS": "a,b",
    }
    streamer = {"PROGRAMS_HERE": "streamers"}
    worker = {"PROGRAMS_HERE": WORKERS, "DATABASE_URL": secured.database_url(authority.pem)}
    own = {"a": {**streamer, "REPLICAS_HERE": "a"}, "b": {**streamer, "REPLICAS_HERE": "b"}, "workers": worker}
    return {name: Share(folder / name, made.on(name), **common, **more) for name, more in own.items()}


def test_streamers_know_nothing_of_the_database(spread: Spread) -> None:
    for name in ("a", "b"):
        found = [path.read_text() for path in (spread.shares[name].home / "run").glob("*.sh")]
        assert len(found) == 1 and "REDIS_URL" in found[0] and "DATABASE" not in found[0]


def test_a_farm_on_hosts_of_its_own_loses_nothing(spread: Spread) -> None:
    for replica in ("a", "b"):
        eventually(lambda replica=replica: spread.brings(replica), spread.logs)
    spread.goes_on()

    # No streamer reaches Redis: one of them is told so, the other one hears nothing any more. The venue goes on.
    spread.hosts.pull("a")
    spread.hosts.swallow("b")
    began = time.monotonic()
    for name in ("a", "b"):
        eventually(lambda name=name: spread.spooled(name), spread.logs)
    _until(began + SECONDS)
    spread.hosts.plug("a")
    spread.hosts.give_back("b")
    spread.goes_on()

    # The workers do not reach the database: the journal holds what comes.
    spread.hosts.swallow("database")
    began, held = time.monotonic(), spread.waiting()
    eventually(lambda: spread.waiting() > held + 100)
    _until(began + SECONDS)
    spread.hosts.give_back("database")
    spread.goes_on()

    # A machine is gone for good.
    spread.hosts.kill("b")
    spread.goes_on()

    verdicts = spread.compared()
    assert set(verdicts) >= {"trades", "quotes"}
    for kind, found in verdicts.items():
        where = (kind, found)
        assert (found.missing, found.duplicate, found.different, found.surplus, found.counted_loss) == (0, 0, 0, 0, 0), where
    assert all(verdicts[kind].emitted == verdicts[kind].stored > 0 for kind in ("trades", "quotes")), verdicts
    # A symbol that was left out for a while has ids that nobody was to hear: they are asked for, and then there.
    gaps = (
        "SELECT channel, symbol, cause, state, first_missing, last_missing, event_from, event_to, found_at, evidence::text "
        "FROM data_gaps LEFT JOIN instruments USING (instrument_id)"
    )
    eventually(lambda: not spread.ask(f"{gaps} WHERE state NOT IN ('filled', 'planned')"), lambda: spread.ask(gaps), BACK_SECONDS)
    assert spread.count("stream_offsets WHERE repeated > 0") >= 2, "both brought the same rows"
    log.info("gaps: %s", spread.ask(gaps))
    log.info("cuts of %.0f s: %s", SECONDS, {kind: found.figures() for kind, found in verdicts.items()})


def _until(moment: float) -> None:
    """A cut is as long as it is."""
    time.sleep(max(0.0, moment - time.monotonic()))
